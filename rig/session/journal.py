"""Writes the journal so that a crash loses at most the line being written."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from closedloop.artifacts.documents import Section
from closedloop.errors import SessionError, StorageError
from closedloop.storage import storage_errors, sync_folder
from rig.session.lock import lock_file


class JournalWriter:
    """Appends lines, each in the file as soon as `write` returns; `sync` makes them survive a power cut.

    An older journal is kept, and no other rig can write it until this writer is closed.

    Parameters
    ----------
    path
        The journal.
    patience_s
        How long to wait for another rig that is just ending.

    Raises
    ------
    SessionError
        Another rig is writing.
    StorageError
        The folder cannot be written.
    """

    def __init__(self, path: Path, *, patience_s: float = 10.0) -> None:
        self._path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            sync_folder(path.parent)
        try:
            lock_file(self._file, path, patience_s=patience_s)
        except SessionError:
            self._file.close()
            raise

    def cut(self, n_bytes: int) -> None:
        """Keep the first bytes of an older journal: a line torn by a crash lies behind them."""
        self._file.truncate(n_bytes)

    def write(self, row: Section) -> None:
        """Append one line.

        Raises
        ------
        StorageError
            The disk is full.
        """
        line = row.model_dump_json().encode() + b"\n"
        with storage_errors(self._path):
            n_written = self._file.write(line)
        if n_written != len(line):
            raise StorageError(
                f"{self._path}: expected room for {len(line)} bytes, found it for {n_written}. "
                "Free some space and run the same command with --resume; no complete line is lost."
            )

    def sync(self) -> None:
        """Make all lines durable."""
        with storage_errors(self._path):
            getattr(os, "fdatasync", os.fsync)(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
