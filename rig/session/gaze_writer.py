"""Writes gaze.bin: every sample that the machine consumed, in the file once a trial is over."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from closedloop.artifacts.day.gaze.header import read_header
from closedloop.artifacts.day.gaze.layout import (
    BEGINS,
    ENDS,
    HEADER_BYTES,
    RECORD,
    GazeHeader,
    mark_bytes,
    sample_bytes,
)
from closedloop.errors import SessionError
from closedloop.storage import storage_errors, sync_folder
from rig.session.appending import append_whole, make_durable
from rig.session.journal import AGAIN

_MANY_BYTES: Final = 1 << 16


class GazeWriter:
    """Takes samples at any time, and writes them when it is asked to: never in a flip.

    The file is made with the first sample, so that a session without a tracker leaves none. An older one is kept: what
    a crash tore behind its last record is cut, and this launch's samples follow. A crash loses the samples of the trial
    that was under way.

    Parameters
    ----------
    path
        The file.
    header
        Whose gaze it is.
    launch
        Number of this launch, from 0.

    Raises
    ------
    SessionError
        The file holds another session's gaze, or something else.
    """

    def __init__(self, path: Path, header: GazeHeader, *, launch: int) -> None:
        self._path, self._header, self._launch = path, header, launch
        self._file: IO[bytes] | None = None
        self._waiting = bytearray()
        self._refuse_foreign()

    def _refuse_foreign(self) -> None:
        if not _holds_header(self._path):
            return
        found = read_header(self._path)
        if found != self._header:
            raise SessionError(
                f"{self._path}: expected the gaze of {self._header.session_id}, found that of {found.session_id}. "
                "Move it out of the folder, or choose another --out."
            )
        if not self._launch:
            raise SessionError(
                f"{self._path}: expected none before the session's first launch, found one. "
                "Move it out of the folder, or choose another --out."
            )

    def note(self, time_s: float, place: tuple[float, float] | None) -> None:
        """Take a sample.

        Parameters
        ----------
        time_s
            When, on the rig's clock.
        place
            Degrees right of the fixation point and above it; None without an eye.
        """
        self._waiting += sample_bytes(time_s, place)

    def write_many(self) -> None:
        """Write what waits if it is much: a pause may last for hours."""
        if len(self._waiting) >= _MANY_BYTES:
            self._write()

    def sync(self) -> None:
        """Write what waits, and have it survive a power cut.

        Raises
        ------
        StorageError
            The disk is full, or fails.
        """
        self._write()
        if self._file is not None:
            with storage_errors(self._path, again=AGAIN):
                make_durable(self._file)

    def end(self) -> None:
        """Mark the end of this launch's samples: a copy of the file that has no such mark is no whole one."""
        if self._file is None and not self._waiting and not self._path.exists():
            return
        self._waiting += mark_bytes(self._launch, ENDS)
        self.sync()

    def _write(self) -> None:
        if not self._waiting:
            return
        with storage_errors(self._path, again=AGAIN):
            if self._file is None:
                self._file = self._open()
            append_whole(self._file, bytes(self._waiting))
        self._waiting.clear()

    def _open(self) -> IO[bytes]:
        """Open the file behind its last whole record, with the mark of this launch to be written next."""
        begins = mark_bytes(self._launch, BEGINS)
        if not _holds_header(self._path):
            begins = self._header.to_header() + begins
        file = self._path.open("ab", buffering=0)
        n_bytes = os.fstat(file.fileno()).st_size
        torn = n_bytes if n_bytes < HEADER_BYTES else (n_bytes - HEADER_BYTES) % RECORD.size
        if torn:
            file.truncate(n_bytes - torn)
            file.seek(0, os.SEEK_END)
        sync_folder(self._path.parent)
        self._waiting[:0] = begins
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _holds_header(path: Path) -> bool:
    """Return whether a file is there whose header a crash did not tear."""
    try:
        return path.stat().st_size >= HEADER_BYTES
    except FileNotFoundError:
        return False
