"""The answer to Ctrl-C, a termination or a closed terminal that a command gives before it has imported anything.

This imports nothing that Python has not loaded by itself: what is imported before is time in which Ctrl-C ends in a
traceback. `signal` would bring `enum`; what it is made of is there already.
"""

import os

TYPE_CHECKING = False  # as type checkers know it, without `typing`
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

    Handler = Callable[[int, FrameType | None], object] | int | None
else:
    import _signal

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C

_ENDING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
_STOPPED = b"Stopped.\n"


def end_at_once() -> None:
    """From here on, end the process where a signal asks for it; one that is ignored (`nohup`, `&`) stays ignored."""
    answer(end_now)


def ignore() -> None:
    """From here on, hear of no signal that asks for the end."""
    answer(_signal.SIG_IGN)


def answer(handler: "Handler") -> "dict[int, Handler]":
    """Answer the signals that ask for the end, but for those that are ignored; return who answered them before."""
    before: dict[int, Handler] = {int(number): _signal.getsignal(number) for number in _ENDING}
    answered: dict[int, Handler] = {number: was for number, was in before.items() if was not in (_signal.SIG_IGN, None)}
    for number in answered:
        _signal.signal(number, handler)
    return answered


def end_now(_signal: int, _frame: "FrameType | None") -> "NoReturn":
    """End the process on the spot."""
    try:
        os.write(2, _STOPPED)
    finally:
        os._exit(INTERRUPTED)
