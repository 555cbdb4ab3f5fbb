from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from closedloop.errors import ClosedLoopError, ExecutionError
from closedloop.execution.local import run_apart, run_in_processes, usable_processors
from tests.unit.execution.pieces import die, divide, fail, finished, leave, wait_for

ROOT = Path(__file__).parents[3]


def exit_badly() -> None:
    os._exit(9)


@pytest.mark.parametrize("n_processes", [1, 2, 5])
def test_every_piece_is_done_once_whatever_the_number_of_processes(tmp_path: Path, n_processes: int) -> None:
    told: list[int] = []
    run_in_processes(
        [partial(leave, tmp_path, name) for name in range(7)], n_processes=n_processes, on_done=told.append
    )
    assert finished(tmp_path) == list(range(7))
    assert told == list(range(1, 8))
    workers = {path.read_text() for path in tmp_path.iterdir()}
    assert len(workers) == n_processes
    assert (str(os.getpid()) in workers) == (n_processes == 1)


def test_a_user_s_error_in_a_child_arrives_as_one() -> None:
    with pytest.raises(ClosedLoopError, match="found a dog"):
        run_in_processes([fail, fail], n_processes=2)


def test_a_child_that_ends_badly_is_not_taken_for_done(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="1 of 2 processes failed"):
        run_in_processes([exit_badly, partial(leave, tmp_path, 1)], n_processes=2)


def test_a_child_s_fault_is_raised_here_with_its_traceback_and_printed_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="2 of 2 processes failed, with ZeroDivisionError: of no use") as failed:
        run_in_processes([divide, divide], n_processes=2)
    assert capfd.readouterr() == ("", "")
    (note,) = failed.value.__notes__
    assert "in divide" in note


def test_a_child_that_is_killed_is_one_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match=r"found 1 killed by signal 9\. .* run the same command again"):
        run_in_processes([die, partial(leave, tmp_path, 1)], n_processes=2)
    first = (tmp_path / "1").read_text()
    run_in_processes([partial(leave, tmp_path, name) for name in range(2)], n_processes=2)
    assert finished(tmp_path) == [0, 1]
    assert (tmp_path / "1").read_text() == first


PARENT = """
import sys
from functools import partial
from pathlib import Path
from closedloop.execution.local import run_in_processes
from tests.unit.execution.pieces import leave_slowly
folder = Path(sys.argv[1])
run_in_processes([partial(leave_slowly, folder, name) for name in range(6)], n_processes=2)
"""


def test_children_of_a_killed_parent_end_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Each child finishes the piece it is at and begins no other."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT)
    for name in (0, 1):
        wait_for(tmp_path / f"{name}.begun")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    (tmp_path / "go").touch()
    for name in (0, 1):
        wait_for(tmp_path / str(name))
    first = (tmp_path / "0").read_text()
    run_in_processes([partial(leave, tmp_path, name) for name in range(6)], n_processes=2)
    assert finished(tmp_path) == list(range(6))
    assert (tmp_path / "0").read_text() == first
    assert sorted(path.name for path in tmp_path.glob("*.begun")) == ["0.begun", "1.begun"]


APART = """
import os, sys
from functools import partial
from pathlib import Path
from closedloop.execution.local import run_apart
from tests.unit.execution.pieces import leave_slowly
def piece():
    (Path(sys.argv[1]) / "pid").write_text(str(os.getpid()))
    leave_slowly(Path(sys.argv[1]), 0)
run_apart(piece)
"""


def test_a_process_apart_ends_after_its_piece_though_its_parent_was_killed(tmp_path: Path) -> None:
    """It has inherited the lock of a study, which nobody else gets before it ends."""
    parent = subprocess.Popen([sys.executable, "-c", APART, str(tmp_path)], cwd=ROOT)
    wait_for(tmp_path / "0.begun")
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    (tmp_path / "go").touch()
    wait_for(tmp_path / "0")
    child.wait(timeout=60)


def test_a_process_apart_leaves_its_result_and_its_fault_is_raised_here(tmp_path: Path) -> None:
    run_apart(partial(leave, tmp_path, 3))
    assert finished(tmp_path) == [3]
    assert (tmp_path / "3").read_text() != str(os.getpid())
    with pytest.raises(ClosedLoopError, match="expected an image, found a dog"):
        run_apart(fail)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_apart(divide)


def test_there_is_a_processor() -> None:
    assert usable_processors() >= 1
