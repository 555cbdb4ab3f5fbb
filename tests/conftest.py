"""What holds for every test.

Torch runs on one thread, as two are slower on two cores, and rounds alike in batches of any size. An example of
hypothesis may take as long as the machine takes, and none is remembered for the next run: what a test finds depends
neither on load nor on another process, and the checkout may be read-only. Signals are a user's, not those of whatever
started the tests: a shell's background job and `nohup` ignore some, and every process that a test starts would too.
What takes long begins first, whatever the order is otherwise: else one process waits for the other at the end.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import chain, islice

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_CBWR", "AUTO")

from pathlib import Path

import pytest
from hypothesis import settings

from tests.equipment.surroundings import AT_END, ENVIRONMENT

SCREENS = Path(__file__).parent / "unit" / "rig"

settings.register_profile("closedloop", settings.default, deadline=None, database=None)
settings.load_profile("closedloop")
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of long tests, which ask for more time than others, at the begin of each process's share.

    xdist gives each process a run of the list, all of one length, and a file stays in one of them.
    """
    if elsewhere := [
        item.nodeid for item in items if item.get_closest_marker("display") and SCREENS not in item.path.parents
    ]:
        raise pytest.UsageError(
            f"{elsewhere[0]}: expected a test of a display in {SCREENS}, where `make test` runs them."
        )
    of_files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        of_files.setdefault(item.path, []).append(item)
    long = {path: asked for path, own in of_files.items() if (asked := max(map(_seconds_asked, own)))}
    n = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(n)]
    for place, path in enumerate(sorted(long, key=lambda path: -long[path])):  # of one length: as they came
        shares[place % n].extend(of_files[path])
    rest = iter([item for item in items if item.path not in long])
    for share in shares[:-1]:
        share.extend(islice(rest, max(len(items) // n - len(share), 0)))
    shares[-1].extend(rest)
    items[:] = chain.from_iterable(shares)


def _seconds_asked(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is remembered between commands out of the account's own cache, for child processes too.

    The process that commands are prepared in belongs to the run as well, if there is one, and ends with it.
    """
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # one for all processes of this run
    (run / "cache").mkdir(exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = ENVIRONMENT["XDG_CACHE_HOME"] = str(run / "cache")
    yield
    for end in AT_END:
        end()


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped smoke protocol, run once to its end; for reading only."""
    from tests.loop.studies import closedloop_anew, run_once  # most tests never need them, nor all that they reach

    return run_once(tmp_path_factory, "smoke", lambda study: closedloop_anew("dry-run", study, "--protocol", "smoke"))
