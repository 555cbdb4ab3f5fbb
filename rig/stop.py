"""A clean stop: Ctrl-C and SIGTERM are noted, and the state machine ends at the next frame."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self) -> None:
        """Ask to stop at the next frame."""
        self.requested = True


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a request while the block runs; a second Ctrl-C ends the process the usual way."""

    def note(number: int, _frame: FrameType | None) -> None:
        request.ask()
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
