"""Sends notices one after the other, beside everything else: a slow mail server delays no loop and no page."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from closedloop.service.notices.command import NoticeCommand
from closedloop.service.notices.notice import Notice

PAUSES_S = (10.0, 60.0, 300.0)
"""Before the second, third and fourth try."""

_MOST_WAITING = 100  # a command that hangs must not gather notices for ever


@dataclass
class NoticeSender:
    """A thread that runs the command.

    Attributes
    ----------
    command
        The laboratory's.
    say
        Told what fails, in one line.
    pauses_s
        Before each further try, seconds.
    """

    command: NoticeCommand
    say: Callable[[str], None]
    pauses_s: tuple[float, ...] = PAUSES_S
    _notices: queue.Queue[Notice] = field(default_factory=lambda: queue.Queue(_MOST_WAITING))
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread(target=self._send_all, name="notices", daemon=True).start()

    def send(self, notice: Notice) -> None:
        """Have a notice sent; dropped and said where a hundred wait already."""
        try:
            self._notices.put_nowait(notice)
        except queue.Full:
            self.say(f"notice not sent, {_MOST_WAITING} wait for the command to end: {notice.message}")

    def close(self) -> None:
        """Try no failed notice again: the service ends."""
        self._over.set()

    def _send_all(self) -> None:
        while True:
            notice = self._notices.get()
            for pause_s in (*self.pauses_s, None):
                failed = self.command.tell(notice)
                if not failed:
                    break
                again = "given up" if pause_s is None else f"tried again in {pause_s:g} s"
                self.say(f"--notice: {failed}; {again}: {notice.message}")
                if pause_s is None or self._over.wait(pause_s):
                    break
