"""What a laboratory's command is given and prints: in memory, whatever the disk is like, and bounded.

A notice is wanted most when the disk is full, and a command that prints without end must not fill it.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

_MOST_BYTES = 1 << 20
_LAST_BYTES = 1 << 12
_PIECE_BYTES = 1 << 16
_LOOK_EVERY_S = 0.1  # whether it has ended: what it started may hold its output open for longer


def open_in_memory(content: bytes) -> IO[bytes]:
    """Return an open file without a name or a disk, to be read from its beginning."""
    file = os.fdopen(os.memfd_create("notice"), "w+b")
    file.write(content)
    file.seek(0)
    return file


@dataclass
class Said:
    """What a command prints: the last of it, and how much it was.

    Attributes
    ----------
    last
        Its last bytes.
    too_much
        That it printed more than is read, in words; empty where it did not.
    """

    last: bytes = b""
    too_much: str = ""
    _n_bytes: int = 0

    def wait(self, poll: Callable[[], int | None], pipe: int, *, most_s: float) -> int | None:
        """Hear a command until it ends; return its code, None where it does not end in time or prints too much.

        Parameters
        ----------
        poll
            Returns the command's code once it has ended; None before.
        pipe
            Its output.
        most_s
            For how long it may run.
        """
        end, is_open = time.monotonic() + most_s, True
        os.set_blocking(pipe, False)
        while (code := poll()) is None:
            left = end - time.monotonic()
            if left <= 0 or self.too_much:
                return None
            heard = [pipe] if is_open else []
            if select.select(heard, [], [], min(left, _LOOK_EVERY_S))[0]:
                is_open = self._hear(pipe)
        while is_open and not self.too_much and select.select([pipe], [], [], 0)[0]:
            is_open = self._hear(pipe)  # what it said before it ended
        return code

    def _hear(self, pipe: int) -> bool:
        """Read a piece; return whether more may come."""
        piece = os.read(pipe, _PIECE_BYTES)
        self.last = (self.last + piece)[-_LAST_BYTES:]
        self._n_bytes += len(piece)
        if self._n_bytes > _MOST_BYTES:
            self.too_much = f"it printed more than {_MOST_BYTES:,} bytes"
        return bool(piece)
