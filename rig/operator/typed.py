"""What the operator types into the rig's own terminal where no page fills it: Enter continues a session that waits."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

from closedloop.artifacts.day.journal_rows import CommandName

_MOST_BYTES = 1024


class TypedWords:
    """Lines of a terminal, never waited for.

    Parameters
    ----------
    terminal
        Its file descriptor; None where nobody can type.
    """

    def __init__(self, terminal: int | None = None) -> None:
        self._terminal = terminal

    def commands(self, *, is_paused: bool) -> Sequence[CommandName]:
        """Return what was asked since the last call: a line continues a pause, and is nothing at other times.

        Parameters
        ----------
        is_paused
            Whether the session waits.
        """
        lines = self._read()
        return ("continue",) if lines and is_paused else ()

    def _read(self) -> int:
        """Return how many lines were typed; a terminal that is gone is read no more."""
        if self._terminal is None:
            return 0
        try:
            if not select.select([self._terminal], [], [], 0)[0]:
                return 0
            typed = os.read(self._terminal, _MOST_BYTES)
        except OSError:
            typed = b""
        if not typed:
            self._terminal = None
        return typed.count(b"\n")


def own_terminal() -> TypedWords:
    """Return the terminal that the rig was started from, where its lines are the rig's: not in the background."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        return TypedWords()
    terminal = sys.stdin.fileno()
    try:
        is_ours = os.tcgetpgrp(terminal) == os.getpgrp()  # who reads in the background is stopped by the system
    except OSError:
        return TypedWords()
    return TypedWords(terminal) if is_ours else TypedWords()
