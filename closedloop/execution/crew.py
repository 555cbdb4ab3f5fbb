"""Forked processes that do the numbered parts of one round of work after the other, in memory that all of them share.

For work of thousands of rounds whose parts take a fraction of a second: a part is asked for and answered by a byte, and
what it reads and leaves lies in shared memory. No result depends on how many there are: a process that is lost costs
its time alone, for the one that forked it does its parts from then on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from closedloop.execution.local import fork
from closedloop.execution.workers import worker_index
from closedloop.terminal.streams import say

_ASKED_BYTES = 8
_DONE = b"."


@dataclass(frozen=True)
class _ForkedHelper:
    """A forked process: where it is asked, and where it answers."""

    pid: int
    asked: int
    answers: int


class Crew:
    """A process and its helpers, which share out the parts of each round; made by `working_crew`.

    Parameters
    ----------
    work
        Does a part: reads what the round is from shared memory, and leaves its result there.
    """

    def __init__(self, work: Callable[[int], None]) -> None:
        self._work = work
        self._helpers: list[_ForkedHelper | None] = []

    def run(self, n_parts: int) -> None:
        """Have all parts of a round done; what they read must be in shared memory before.

        Parameters
        ----------
        n_parts
            Numbered from 0.

        Raises
        ------
        Exception
            Whatever a part raises that this process does: a helper that fails at a part leaves it to this one.
        """
        n = len(self._helpers) + 1
        asked = [self._ask(place, n_parts) for place in range(len(self._helpers))]
        for part in range(0, n_parts, n):
            self._work(part)
        for place, was_asked in enumerate(asked):
            for part in range(place + 1, n_parts, n):
                if not (was_asked and self._answered(place)):
                    self._work(part)

    def _ask(self, place: int, n_parts: int) -> bool:
        helper = self._helpers[place]
        if helper is None:
            return False
        try:
            os.write(helper.asked, n_parts.to_bytes(_ASKED_BYTES, "little"))
        except BrokenPipeError:
            self._lose(place)
            return False
        return True

    def _answered(self, place: int) -> bool:
        helper = self._helpers[place]
        if helper is not None and os.read(helper.answers, 1):
            return True
        self._lose(place)
        return False

    def _lose(self, place: int) -> None:
        helper, self._helpers[place] = self._helpers[place], None
        if helper is None:
            return
        _close(helper)
        status = os.waitstatus_to_exitcode(os.waitpid(helper.pid, 0)[1])
        how = f"was killed by signal {-status}" if status < 0 else "failed"
        say(f"local:{len(self._helpers) + 1}: a process {how}; another one does its part, and the result is the same.")

    def begin(self, n_processes: int) -> None:
        """Fork helpers.

        Parameters
        ----------
        n_processes
            This one among them.
        """
        for index in range(1, n_processes):
            self._helpers.append(_fork_helper(self._work, index, n_processes, earlier=[*filter(None, self._helpers)]))

    def end(self) -> None:
        """End the helpers."""
        for helper in filter(None, self._helpers):
            _close(helper)
            os.kill(helper.pid, signal.SIGKILL)  # it is there until it is waited for
            os.waitpid(helper.pid, 0)
        self._helpers = []


@contextmanager
def working_crew(work: Callable[[int], None], *, n_processes: int) -> Iterator[Crew]:
    """Fork helpers for the block; they end with it, or when this process is killed.

    Parameters
    ----------
    work
        Of `Crew`.
    n_processes
        This one among them.

    Yields
    ------
    Crew
        Asks for rounds.
    """
    crew = Crew(work)
    try:
        crew.begin(n_processes)
        yield crew
    finally:
        crew.end()


def _fork_helper(work: Callable[[int], None], index: int, n: int, *, earlier: Sequence[_ForkedHelper]) -> _ForkedHelper:
    (asked, asks), (answers, answered) = os.pipe(), os.pipe()

    def help_out() -> int:
        for number in (asks, answers, *(end for one in earlier for end in (one.asked, one.answers))):
            os.close(number)  # else nobody would notice that this process's parent is gone
        read = partial(os.read, asked, _ASKED_BYTES)
        for message in iter(read, b""):
            for part in range(index, int.from_bytes(message, "little"), n):
                work(part)
                os.write(answered, _DONE)
        return 0

    pid = fork(help_out, index=worker_index() + index)
    os.close(asked)
    os.close(answered)
    return _ForkedHelper(pid, asks, answers)


def _close(helper: _ForkedHelper) -> None:
    os.close(helper.asked)
    os.close(helper.answers)
