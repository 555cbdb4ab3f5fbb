"""A clean stop: keys, Ctrl-C, SIGTERM and a closed terminal are noted, and the state machine ends at the next frame."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Literal

from closedloop.terminal.signals import ENDING, at_work

_STUCK_S = 5.0  # a stop takes a frame: what is asked for again after this long does not come by itself

CONFIRM_S = 6.0
HELD_S = 0.75
"""A key that is held down begins to repeat within this time (a third to two thirds of a second, as systems are set)."""
_REPEAT_S = 0.12
"""Its repeats come faster than this, and faster than a finger."""
QUIT_KEYS = ("q", "escape")
BY_KEY = "the operator, by a key"
TIME_IS_OVER = "the time asked for is over"
QUESTION = "Quit? Press q once more, or any other key to go on."

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


class QuitKeys:
    """The keys that end a session: asked once more, and any other key is the answer that it goes on.

    A key that is held down is pressed once, however often the system repeats it.
    """

    def __init__(self) -> None:
        self._asked_s: float | None = None
        self._last, self._last_s = "", -HELD_S
        self._n_in_a_row, self._is_held = 0, False

    def question(self, now_s: float) -> str:
        """Return what the operator has to answer before anything is done; empty where nothing is asked."""
        return QUESTION if self._asked_s is not None and now_s - self._asked_s < CONFIRM_S else ""

    def press(self, key: str, *, now_s: float) -> Literal["quit", "asked", "answered", "repeated", "other"]:
        """Return what becomes of a key; "other" is none of these.

        Parameters
        ----------
        key
            Its name, as the window or the terminal has it.
        now_s
            Any clock, seconds.
        """
        name = key.lower()
        if self._repeats(name, now_s):
            return "repeated"
        is_answer, self._asked_s = bool(self.question(now_s)), None
        if name not in QUIT_KEYS:
            return "answered" if is_answer else "other"
        if is_answer:
            return "quit"
        self._asked_s = now_s
        return "asked"

    def _repeats(self, name: str, now_s: float) -> bool:
        """Return whether the system says again that a key is down, which nobody has pressed again.

        The second press soon after the first may be either; what follows tells a held key from a finger that taps.
        """
        since_s = now_s - self._last_s
        is_soon = name == self._last and since_s < HELD_S
        self._last, self._last_s = name, now_s
        self._n_in_a_row = self._n_in_a_row + 1 if is_soon else 1
        self._is_held = is_soon and (self._is_held or since_s < _REPEAT_S)
        return self._is_held or self._n_in_a_row == 2


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
