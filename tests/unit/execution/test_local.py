from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from closedloop.errors import ClosedLoopError, ImageError
from closedloop.execution.local import run_in_processes, usable_processors


def leave(folder: Path, name: int) -> None:
    (folder / str(name)).write_text(str(os.getpid()))


def fail() -> None:
    raise ImageError("cat.png: expected an image, found a dog. Look again.")


def die() -> None:
    os._exit(9)


@pytest.mark.parametrize("n_processes", [1, 2, 5])
def test_every_piece_is_done_once_whatever_the_number_of_processes(tmp_path: Path, n_processes: int) -> None:
    told: list[int] = []
    run_in_processes(
        [partial(leave, tmp_path, name) for name in range(7)], n_processes=n_processes, on_done=told.append
    )
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(7))
    assert told == list(range(1, 8))
    workers = {path.read_text() for path in tmp_path.iterdir()}
    assert len(workers) == n_processes
    assert (str(os.getpid()) in workers) == (n_processes == 1)


def test_a_user_s_error_in_a_child_arrives_as_one() -> None:
    with pytest.raises(ClosedLoopError, match="found a dog"):
        run_in_processes([fail, fail], n_processes=2)


def test_a_child_that_dies_is_not_taken_for_done(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="1 of 2 processes failed"):
        run_in_processes([die, partial(leave, tmp_path, 1)], n_processes=2)


def test_there_is_a_processor() -> None:
    assert usable_processors() >= 1
