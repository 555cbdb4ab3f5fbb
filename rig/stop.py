"""A clean stop: Ctrl-C, SIGTERM and a closed terminal are noted, and the state machine ends at the next frame."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from closedloop.terminal.signals import ENDING, at_work


class StopRequest:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self) -> None:
        """Ask to stop at the next frame."""
        self.requested = True


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Turn what asks for the end into a request while the block runs; asked a second time, the block is interrupted.

    What is ignored, as by `nohup`, stays ignored.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        request.ask()
        signal.signal(number, previous[signal.Signals(number)])

    with at_work():
        previous = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in previous.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, note)
        yield
