"""Starts a command that is asked to end when who started it ends: a killed service leaves no loop behind.

Run as ``python -m closedloop.service.children.guard PARENT COMMAND...``: the kernel is told, then the command takes
this process's place, under the same number.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2); it holds on through exec
_NO_PARENT = 143  # as a shell reports SIGTERM, which the kernel would have sent


def main(words: list[str]) -> NoReturn:
    """Run a command under the parent of a number; end at once where that one has ended meanwhile."""
    parent, *command = words
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(parent):
        os._exit(_NO_PARENT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
