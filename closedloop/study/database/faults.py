"""What may be wrong with an SQLite file, in words for a person."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import DocumentError, StorageError

_FULL, _IO_ERROR = "database or disk is full", "disk I/O error"
_LEAST_BYTES = 1 << 20  # beside the file it keeps one of 32 kB in memory that is mapped, and one of changes
_REMEDY = "Free some space, or change the folder's permissions"
_REMEDIES = {
    "full": "Free some space",
    _IO_ERROR: "Check the disk (or the network to it) and its cables",
    "readonly": "Change the permissions of the file and its folder",
    "locked": "End what else has it open",
}
_DAMAGE = ("no such", "malformed", "has no column", "unsupported file format", "syntax error", "interrupted", "decode")
_LONGEST_REASON = 120


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the disk, or of a file that is none of its own, into one line with a remedy."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if any(said in str(error) for said in _DAMAGE):
            raise damaged(path, str(error)) from error
        why = _FULL if _IO_ERROR in str(error) and _is_full(path) else str(error)
        remedy = next((remedy for said, remedy in _REMEDIES.items() if said in why), _REMEDY)
        raise StorageError(
            f"{path}: expected a ledger that can be written, found: {why}. {remedy}, and run the same command again; "
            "nothing published is lost."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the second: SQLite quotes the damaged bytes
        raise damaged(path, str(error)) from error


def _is_full(path: Path) -> bool:
    """Return whether a disk has no room for SQLite's files: where they do not fit it speaks of the disk's faults."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_BYTES
    except OSError:
        return False


def damaged(path: Path, why: str) -> DocumentError:
    """Return the error of a file that is no ledger, or no longer one."""
    return DocumentError(
        f"{path}: expected the study's SQLite ledger, found a damaged file ({why[:_LONGEST_REASON]}). "
        "Move it aside and run `closedloop run`: it writes a new one from the published folders."
    )
