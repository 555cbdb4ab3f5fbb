"""A real Dask cluster on this machine, its workers and its scheduler killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from closedloop.errors import ExecutionError, ImageError
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import Workers
from tests.equipment.two_heads import wait_until
from tests.unit.execution.pieces import (
    die,
    die_the_first_time,
    divide,
    fail,
    finished,
    leave,
    leave_slowly,
    wait_for,
)

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


def test_every_piece_is_done_once_and_told(tmp_path: Path) -> None:
    told: list[int] = []
    run_pieces([partial(leave, tmp_path, name) for name in range(7)], Workers("dask", 2), told.append)
    assert finished(tmp_path) == list(range(7))
    assert told == list(range(1, 8))
    assert str(os.getpid()) not in {(tmp_path / str(name)).read_text() for name in range(7)}


def test_a_cluster_does_not_mind_another_one_on_the_machine(tmp_path: Path) -> None:
    """Dask's own page would take port 8787, once a machine; whoever has it already is no matter of ours."""
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # taken by somebody else is as good
            other.bind(("127.0.0.1", 8787))
            other.listen()
        run_pieces([partial(leave, tmp_path, 0)], Workers("dask", 1))
    assert finished(tmp_path) == [0]


def test_a_piece_whose_worker_was_killed_is_done_by_another(tmp_path: Path) -> None:
    pieces = [partial(leave, tmp_path, 0), partial(die_the_first_time, tmp_path, 1), partial(leave, tmp_path, 2)]
    run_pieces(pieces, Workers("dask", 2))
    assert finished(tmp_path) == [0, 1, 2]
    assert (tmp_path / "1.died").exists()


def test_a_piece_that_kills_every_worker_is_one_line() -> None:
    with pytest.raises(ExecutionError, match="found over 3 killed at one piece") as caught:
        run_pieces([die], Workers("dask", 1))
    assert "\n" not in str(caught.value)


def test_errors_of_a_piece_arrive_as_they_are() -> None:
    with pytest.raises(ImageError, match="found a dog"):
        run_pieces([fail], Workers("dask", 1))
    with pytest.raises(ZeroDivisionError):
        run_pieces([divide], Workers("dask", 1))


NO_CLOSEDLOOP = "sys.modules['closedloop'] = None; "


@pytest.fixture
def scheduler(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Give a scheduler with one worker, each a process of its own; a parameter is what they do first."""
    address_file = tmp_path / "scheduler.json"
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--dashboard-address",
        "127.0.0.1:0",
        "--scheduler-file",
        str(address_file),
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    first = getattr(request, "param", "")
    program = f"import sys; {first}from distributed.cli.{{0}} import main; sys.exit(main())"
    head = subprocess.Popen([sys.executable, "-c", program.format("dask_scheduler"), *options], **quiet)
    wait_for(address_file)
    wait_until(lambda: address_file.read_text().endswith("}"), "all of the scheduler's address")
    worker_options = [
        "--nthreads",
        "1",
        "--no-nanny",
        "--dashboard-address",
        "127.0.0.1:0",
        "--local-directory",
        str(tmp_path),
    ]
    worker = subprocess.Popen(
        [sys.executable, "-c", program.format("dask_worker"), *worker_options, "--scheduler-file", str(address_file)],
        **quiet,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    import json

    yield json.loads(address_file.read_text())["address"], head
    for process in (worker, head):
        process.kill()
        process.wait()


def test_a_scheduler_that_dies_is_one_line_and_the_next_run_goes_on(
    tmp_path: Path, scheduler: tuple[str, subprocess.Popen[bytes]]
) -> None:
    address, head = scheduler
    folder = tmp_path / "parts"
    folder.mkdir()
    pieces = [partial(leave, folder, 0), *(partial(leave_slowly, folder, name) for name in (1, 2))]

    def kill_scheduler(n_done: int) -> None:
        assert n_done == 1
        head.send_signal(signal.SIGKILL)

    with pytest.raises(ExecutionError, match=r"found the connection lost. Run the same command again") as caught:
        run_pieces(pieces, Workers("scheduler", address=address), kill_scheduler)
    assert "\n" not in str(caught.value)
    first = (folder / "0").read_text()
    (folder / "go").touch()
    run_pieces(pieces, Workers("dask", 1))
    assert finished(folder) == [0, 1, 2]
    assert (folder / "0").read_text() == first


@pytest.mark.parametrize("scheduler", [NO_CLOSEDLOOP], indirect=True)
def test_where_workers_lack_closedloop_it_is_one_line_and_nobody_asks_the_scheduler(
    tmp_path: Path, scheduler: tuple[str, subprocess.Popen[bytes]]
) -> None:
    address = scheduler[0]
    with pytest.raises(
        ExecutionError, match=f"{address}: expected closedloop where the workers run, found no"
    ) as caught:
        run_pieces([partial(leave, tmp_path, 0)], Workers("scheduler", address=address))
    assert "\n" not in str(caught.value)


def test_a_scheduler_that_is_not_there_is_one_line() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen: nobody else can
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ExecutionError, match=f"{address}: expected a Dask scheduler, found none") as caught:
            run_pieces([], Workers("scheduler", address=address))
    assert "\n" not in str(caught.value)
