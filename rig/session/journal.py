"""Writes the journal so that a crash loses at most the line being written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import JournalRow
from closedloop.artifacts.records.chain import CHAIN_START, chain_line
from closedloop.storage import make_folder, storage_errors, sync_folder
from rig.session.appending import append_whole, make_durable
from rig.session.lock import PATIENCE_S, open_locked, remove_locked

AGAIN: Final = "run the same command with --resume; no line that was written is lost"


def _nobody(_row: JournalRow) -> None:
    """Tell nobody."""


class JournalWriter:
    """Appends lines, each in the file as soon as `write` returns; `sync` makes them survive a power cut.

    An older journal is kept, see `go_on`, and no other rig can write it until this writer is closed. A journal without
    a line is removed in the end: a rig that refused to begin leaves nothing.

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

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._end, self._is_chained = CHAIN_START, True
        self._listener: Callable[[JournalRow], None] = _nobody
        with storage_errors(path, again=AGAIN):
            self._made_folder = not path.parent.exists()
            make_folder(path.parent)
            self._file = open_locked(path, patience_s=patience_s, refusal=self._refusal)
            sync_folder(path.parent)

    def _refusal(self) -> str:
        return (
            f"{self._path}: expected to be the only rig that writes it, found another at work. "
            "Wait for it to end or stop it, then run the same command with --resume."
        )

    def go_on(self, older: Journal) -> None:
        """Go on after the lines of an older journal: what a crash tore behind them is cut, the chain continues.

        The lines of a rig of version 0.1 carry no checks; then none of this journal do, so that no line stands out.
        """
        self._file.truncate(older.n_bytes_whole)
        self._end, self._is_chained = older.end, older.is_chained

    def listen(self, listener: Callable[[JournalRow], None]) -> None:
        """Have every row told to somebody once it is in the file."""
        self._listener = listener

    def write(self, row: JournalRow) -> None:
        """Append one line, or nothing.

        Raises
        ------
        StorageError
            The disk is full, or fails.
        """
        line, end = row.model_dump_json().encode() + b"\n", self._end
        if self._is_chained:
            line, end = chain_line(line[:-1], self._end)
        with storage_errors(self._path, again=AGAIN):
            append_whole(self._file, line)
        self._end = end
        self._listener(row)

    def sync(self) -> None:
        """Make all lines durable."""
        with storage_errors(self._path, again=AGAIN):
            make_durable(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if _is_empty(self._file):
            remove_locked(self._file, self._path)
            if self._made_folder:
                with suppress(OSError):  # something else was put there since
                    self._path.parent.rmdir()
        self._file.close()


def _is_empty(file: IO[bytes]) -> bool:
    found = os.fstat(file.fileno())
    return stat.S_ISREG(found.st_mode) and found.st_size == 0
