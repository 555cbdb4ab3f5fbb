"""A crew: parts of a round are done by whoever is there, and whoever is lost costs time alone."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable

import pytest

from closedloop.execution.crew import Crew, working_crew

N_PARTS = 7


class Notes:
    """A number for each part in memory that forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8 * N_PARTS)

    def put(self, part: int, value: int) -> None:
        self._memory[8 * part : 8 * part + 8] = value.to_bytes(8, "little")

    def all(self) -> list[int]:
        return [int.from_bytes(self._memory[8 * part : 8 * part + 8], "little") for part in range(N_PARTS)]


def noting_who(notes: Notes) -> Callable[[int], None]:
    return lambda part: notes.put(part, os.getpid())


def helpers_of(crew: Crew, notes: Notes) -> list[int]:
    crew.run(N_PARTS)
    return sorted({*notes.all()} - {os.getpid()})


@pytest.mark.parametrize("n_processes", [1, 2, 3, 12])
def test_every_part_is_done_in_each_round_by_all_processes(n_processes: int) -> None:
    notes = Notes()
    with working_crew(noting_who(notes), n_processes=n_processes) as crew:
        for _ in range(3):
            crew.run(N_PARTS)
    assert 0 not in notes.all()
    assert len({*notes.all()}) == min(n_processes, N_PARTS)


def test_the_parts_of_a_killed_process_are_done_by_this_one_and_one_line_says_so(
    capfd: pytest.CaptureFixture[str],
) -> None:
    notes = Notes()
    with working_crew(noting_who(notes), n_processes=3) as crew:
        killed, stays = helpers_of(crew, notes)
        os.kill(killed, signal.SIGKILL)
        for _ in range(2):
            assert helpers_of(crew, notes) == [stays]
    assert capfd.readouterr().err.splitlines() == [
        "local:3: a process was killed by signal 9; another one does its part, and the result is the same."
    ]


def test_a_part_that_fails_in_another_process_is_tried_here_and_what_fails_here_is_raised() -> None:
    notes, here = Notes(), os.getpid()

    def fail_elsewhere(part: int) -> None:
        if os.getpid() != here:
            raise MemoryError
        notes.put(part, here)

    with working_crew(fail_elsewhere, n_processes=2) as crew:
        crew.run(N_PARTS)
    assert notes.all() == [here] * N_PARTS

    def fail(part: int) -> None:
        raise ValueError(str(part))

    with pytest.raises(ValueError, match="0"), working_crew(fail, n_processes=2) as crew:
        crew.run(N_PARTS)


def test_nobody_is_left_when_the_block_ends() -> None:
    notes = Notes()
    with working_crew(noting_who(notes), n_processes=3) as crew:
        helpers = helpers_of(crew, notes)
    for pid in helpers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
