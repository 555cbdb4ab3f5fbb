"""What may be wrong with an SQLite file, in words for a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import DocumentError, StorageError

_REMEDY = "Free some space, or change the folder's permissions"
_REMEDIES = {
    "full": "Free some space",
    "disk I/O error": "Check the disk (or the network to it) and its cables",
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
        remedy = next((remedy for said, remedy in _REMEDIES.items() if said in str(error)), _REMEDY)
        raise StorageError(
            f"{path}: expected a ledger that can be written, found: {error}. {remedy}, and run the same command again; "
            "nothing published is lost."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the second: SQLite quotes the damaged bytes
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str) -> DocumentError:
    """Return the error of a file that is no ledger, or no longer one."""
    return DocumentError(
        f"{path}: expected the study's SQLite ledger, found a damaged file ({why[:_LONGEST_REASON]}). "
        "Move it aside and run `closedloop run`: it writes a new one from the published folders."
    )
