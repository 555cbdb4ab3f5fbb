"""Ctrl-C, a termination or a closed terminal end a command at once and quietly, from its first line to its last.

A ``KeyboardInterrupt`` that is raised while libraries are imported ends in their tracebacks, or is swallowed by them.
So a command that has not begun to work is ended on the spot (`at_once`): there is nothing to tidy up. One that is at
work raises.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from closedloop.terminal.at_once import INTERRUPTED, answer, end_at_once, end_now, ignore

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

__all__ = [
    "ENDING",
    "INTERRUPTED",
    "at_work",
    "end_at_once",
    "end_if_asked",
    "end_imports_at_once",
    "end_with",
    "hear_of_children",
    "is_end_asked_for",
    "note_end_told",
]

_IMPORTS = "<frozen importlib"
_asked: list[int] = []


def end_imports_at_once() -> None:
    """From here on, raise KeyboardInterrupt where a signal asks for the end, but in the middle of an import end.

    Python's own last steps answer no signal any more: it would end as killed what ended with a code of its own.
    """
    atexit.register(ignore)  # registered before all others, so run after them
    answer(_end_imports_at_once)


def end_with(status: int) -> None:
    """End with this code whatever asks for the end from here on: all is done and said, only Python tidies up."""
    answer(lambda _signal, _frame: os._exit(status))


def hear_of_children() -> None:
    """From here on, learn how own processes end, also where whoever started this one never wanted to (`trap "" CHLD`).

    An ignored SIGCHLD is handed down to every program that is started; Python then takes any of its own processes for
    one that ended well.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@contextmanager
def at_work() -> Iterator[None]:
    """Raise KeyboardInterrupt whichever signal asks for the end while the block runs: it has something to tidy up."""
    before = answer(_raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_end_asked_for() -> bool:
    """Return whether a signal asked for the end: a library may make another error of a KeyboardInterrupt."""
    return bool(_asked)


def end_if_asked() -> None:
    """Raise KeyboardInterrupt again where a signal asked for the end and a library swallowed the first one."""
    if _asked:
        raise KeyboardInterrupt


def note_end_told() -> None:
    """Hear that the user was told that the command ends, and how to go on."""
    _asked.clear()


def _end_imports_at_once(number: int, frame: FrameType | None) -> NoReturn:
    outer = frame
    while outer is not None:
        if outer.f_code.co_filename.startswith(_IMPORTS):
            end_now(number, frame)
        outer = outer.f_back
    _raise(number, frame)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    _asked.append(number)
    raise KeyboardInterrupt
