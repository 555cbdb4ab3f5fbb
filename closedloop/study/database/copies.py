"""A look into a ledger that a loop may be writing, or that nobody may write: nothing is written beside it.

SQLite makes files beside a ledger to look into it, even to read. So a copy is looked into, elsewhere.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from closedloop.storage import copy_file, remove_file
from closedloop.study.database.contents import refuse_no_file, refuse_other_contents, version_of
from closedloop.study.database.faults import sqlite_errors

_COPY_TRIES = 20
_MOST_STEPS = 50_000_000  # of SQLite's machine, to look at all rows: seconds; a study's need thousands


@contextmanager
def open_copy(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a copy of a ledger, its contents checked; None where it has no tables yet.

    Raises
    ------
    DocumentError
        The file is damaged.
    StudyError
        It is of a newer version.
    """
    refuse_no_file(path)
    with tempfile.TemporaryDirectory(prefix="closedloop-") as folder, sqlite_errors(path):
        copy = Path(folder) / path.name
        for _ in range(_COPY_TRIES):
            before = _versions(path)
            _copy(path, copy)
            if before == _versions(path):
                break  # else a loop wrote meanwhile: one file may be older than the other
        with closing(sqlite3.connect(copy)) as connection:
            if not version_of(connection, path):
                yield None
                return
            connection.set_progress_handler(lambda: 1, _MOST_STEPS)
            refuse_other_contents(connection, path)
            yield connection


def _versions(path: Path) -> list[tuple[int, int]]:
    """Return sizes and times of the ledger and of what it was not yet told, by which a change shows."""
    there = [file.stat() for file in (path, log_of(path)) if file.is_file()]
    return [(status.st_size, status.st_mtime_ns) for status in there]


def log_of(path: Path) -> Path:
    """Return where SQLite keeps what a ledger was not yet told."""
    return path.with_name(f"{path.name}-wal")


def _copy(path: Path, copy: Path) -> None:
    """Copy a ledger with its log, the log first: what is in both does no harm, what is in neither would."""
    remove_file(log_of(copy))
    with suppress(FileNotFoundError):  # most have none; a loop that ends removes its own
        copy_file(log_of(path), log_of(copy))
    copy_file(path, copy)
