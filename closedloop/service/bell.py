"""Wakes the service up: from a signal's handler and from other threads alike, which a lock could not do."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """A pipe that is written to, and a wait for it that ends."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Wake up whoever waits, now or next; a full pipe has woken them already."""
        with suppress(BlockingIOError):
            os.write(self._writing, b"!")

    def wait(self, most_s: float) -> None:
        """Wait until it rings, or for so long."""
        if select.select([self._reading], [], [], most_s)[0]:
            with suppress(BlockingIOError):
                while os.read(self._reading, 4096):
                    pass

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reading)
        os.close(self._writing)
