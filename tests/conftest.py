"""What holds for every test.

Torch runs on one thread: two are slower on two cores. An example of hypothesis may take as long as the machine takes,
and none is remembered for the next run: what a test finds depends neither on load nor on another process, and the
checkout may be read-only. Signals are a user's, not those of whatever started the tests: a shell's background job and
`nohup` ignore some, and every process that a test starts would too.
"""

from __future__ import annotations

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import settings

from tests.loop.studies import closedloop, run_once

settings.register_profile("closedloop", settings.default, deadline=None, database=None)
settings.load_profile("closedloop")
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is remembered between commands out of the account's own cache, for child processes too."""
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # one for all processes of this run
    (run / "cache").mkdir(exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(run / "cache")


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped smoke protocol, run once to its end; for reading only."""
    return run_once(tmp_path_factory, "smoke", lambda study: closedloop("dry-run", study, "--protocol", "smoke"))
