"""Looking at a study changes nothing in it: no file, no time, not for an instant."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closedloop.commands.status import read_status, status_lines
from tests.equipment.processes import Child
from tests.unit.study.labs import bring_recording, lab
from tests.unit.study.sessions import bring

ROOT = Path(__file__).parents[3]
# A loop that is in the middle of its first day, and stays there or is killed there.
LOOP = """
import os, sys
from pathlib import Path
from tests.unit.study.labs import lab
made = lab(Path(sys.argv[1]), days=1)
def there(context):
    print("there", flush=True)
    sys.stdin.readline()
    os._exit(9)
made.at["0 synthesize"] = there
made.run()
"""


def traces(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return size, times and number of everything in a folder; a file that came and went changes its folder's time."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        found[str(path)] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return found


@contextmanager
def done(root: Path) -> Iterator[None]:
    lab(root, days=1).run()
    yield


@contextmanager
def waiting(root: Path) -> Iterator[None]:
    lab(root, simulated=False).run()
    yield


@contextmanager
def brought(root: Path) -> Iterator[None]:
    """The session and the recording lie there, and no loop has looked at them."""
    study = lab(root, simulated=False)
    study.run()
    bring(study.paths, 0)
    bring_recording(study.paths, 0)
    yield


@contextmanager
def running(root: Path) -> Iterator[None]:
    root.mkdir()
    with Child(
        [sys.executable, "-c", LOOP, root], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as loop:
        assert loop.stdout is not None
        assert loop.stdout.readline() == "there\n"
        yield
        loop.communicate("\n")


@contextmanager
def killed(root: Path) -> Iterator[None]:
    """Its ledger has changes beside it that are not in it yet."""
    with running(root):
        pass
    assert (root / "ledger.sqlite-wal").stat().st_size > 0
    yield


@pytest.mark.parametrize("state", [done, waiting, brought, running, killed])
def test_status_writes_nothing_and_tells_what_the_ledger_has(
    tmp_path: Path, state: Callable[[Path], Iterator[None]]
) -> None:
    study = tmp_path / "study"
    with state(study):
        before = traces(study)
        status = read_status(study)
        assert status_lines(status)
        assert traces(study) == before
    states = {record.stage: record.state for record in status.stages}
    assert states["plan"] == "done"
    if state in {running, killed}:
        assert states["synthesize"] == "running"
        assert (status.holder is not None) is (state is running)
