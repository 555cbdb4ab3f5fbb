"""A clean stop: Ctrl-C, SIGTERM and a closed terminal are noted, and the state machine ends at the next frame."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from closedloop.terminal.signals import ENDING, at_work

_STUCK_S = 5.0  # a stop takes a frame: what is asked for again after this long does not come by itself

_WHO = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP: the terminal was closed",
}


class StopRequest:
    """Whether somebody asked to stop.

    Attributes
    ----------
    requested
        Whether somebody did.
    by
        Who asked first, in words.
    """

    def __init__(self) -> None:
        self.requested = False
        self.by = ""

    def ask(self, by: str = "the operator") -> None:
        """Ask to stop at the next frame."""
        self.requested, self.by = True, self.by or by


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Turn what asks for the end into a request while the block runs, and say so.

    A second Ctrl-C interrupts the block, and so does any signal that comes when the stop was asked for a while ago and
    has not come. A terminal that is closed is told of twice, by its shell and by the system: that is asked once.
    What is ignored, as by `nohup`, stays ignored.
    """
    asked: list[tuple[int, float]] = []

    def note(number: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        is_again = number == signal.SIGINT and any(earlier == number for earlier, _ in asked)
        is_stuck = bool(asked) and now_s - asked[0][1] >= _STUCK_S
        handler = previous[signal.Signals(number)]
        if (is_again or is_stuck) and callable(handler):
            handler(number, frame)
            return
        if not asked:
            _say(f"Stopping at the next frame ({_WHO[signal.Signals(number)]}).\n")
        asked.append((number, now_s))
        request.ask(_WHO[signal.Signals(number)])

    with at_work():
        previous = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in previous.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, note)
        yield


def _say(text: str) -> None:
    """Write where the stream's own lock may be held: this is within a signal."""
    with suppress(OSError):  # nobody is there to read it any more
        os.write(2, text.encode())
