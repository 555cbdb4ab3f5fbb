"""Ctrl-C, a termination or a closed terminal end a command at once and quietly, from its first line to its last.

A ``KeyboardInterrupt`` that is raised while libraries are imported ends in their tracebacks, or is swallowed by them.
So a command that has not begun to work is ended on the spot: there is nothing to tidy up. One that is at work raises.
Imports nothing but what Python has loaded anyway: what is imported before this is not covered.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_IMPORTS = "<frozen importlib"
_STOPPED = b"Stopped.\n"
_asked: list[int] = []


def end_at_once() -> None:
    """From here on, end the process where a signal asks for it; one that is ignored (`nohup`, `&`) stays ignored."""
    _answer(_end_at_once)


def end_imports_at_once() -> None:
    """From here on, raise KeyboardInterrupt where a signal asks for the end, but in the middle of an import end."""
    _answer(_end_imports_at_once)


@contextmanager
def at_work() -> Iterator[None]:
    """Raise KeyboardInterrupt whichever signal asks for the end while the block runs: it has something to tidy up."""
    before = _answer(_raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _answer(handler: Handler) -> dict[signal.Signals, Handler]:
    before = {number: signal.getsignal(number) for number in ENDING}
    answered: dict[signal.Signals, Handler] = {
        number: was for number, was in before.items() if was not in {signal.SIG_IGN, None}
    }
    for number in answered:
        signal.signal(number, handler)
    return answered


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


def _end_at_once(_signal: int, _frame: FrameType | None) -> NoReturn:
    try:
        os.write(2, _STOPPED)
    finally:
        os._exit(INTERRUPTED)


def _end_imports_at_once(number: int, frame: FrameType | None) -> NoReturn:
    outer = frame
    while outer is not None:
        if outer.f_code.co_filename.startswith(_IMPORTS):
            _end_at_once(number, frame)
        outer = outer.f_back
    _raise(number, frame)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    _asked.append(number)
    raise KeyboardInterrupt
