"""What a study's loop prints, in a file of bounded size outside of the study."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import visible
from closedloop.storage import append_to, change_in_place, make_folder, open_to_read, write_bytes

_MOST_BYTES = 1 << 20
_LAST_BYTES = 1 << 14  # a line of an error is shorter


@dataclass(frozen=True)
class LoopLog:
    """The file, and the one before it.

    Attributes
    ----------
    path
        Where it lies.
    most_bytes
        Of each of the two.
    """

    path: Path
    most_bytes: int = _MOST_BYTES

    @property
    def older(self) -> Path:
        """Return where lines are kept that the file has no room for any more."""
        return self.path.with_name(f"{self.path.stem}.1{self.path.suffix}")

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield a descriptor that processes append to, while it is handed to them."""
        make_folder(self.path.parent)
        with append_to(self.path) as stream:
            yield stream.fileno()

    def size(self) -> int:
        """Return how many bytes the file has: what is appended from here on is of a new process."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def keep_small(self) -> None:
        """Move what is there to the older file where it is too much: who appends goes on at the new begin."""
        if self.size() <= self.most_bytes:
            return
        write_bytes(self.older, self._tail(self.most_bytes))
        with change_in_place(self.path) as stream:
            stream.truncate(0)

    def last_line(self, since: int = 0) -> str:
        """Return the last line that was appended after so many bytes; empty where there is none."""
        start = since if since <= self.size() else 0  # it was emptied meanwhile
        lines = self._tail(_LAST_BYTES, start=start).decode(errors="backslashreplace").splitlines()
        return next((visible(line.strip()) for line in reversed(lines) if line.strip()), "")

    def _tail(self, n_bytes: int, *, start: int = 0) -> bytes:
        try:
            with open_to_read(self.path) as stream:
                end = stream.seek(0, os.SEEK_END)
                stream.seek(max(start, end - n_bytes))
                return stream.read(n_bytes)
        except FileNotFoundError:
            return b""
