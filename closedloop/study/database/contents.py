"""Whether a ledger holds what a ledger holds: told by SQLite itself, before a single value is fetched.

SQLite keeps any type, and any length, in any column: a value of 300 MB costs nothing to be asked for its length, and
minutes and gigabytes to be read.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from closedloop.errors import StudyError
from closedloop.storage import reading
from closedloop.study.database.faults import damaged

SCHEMA_VERSION = 1

_MOST_BYTES = 1 << 26  # a study's ledger has some hundred kB
_MOST_ROWS = {"stages": 100_000, "events": 2_000_000, "checked_files": 2_000_000}
_MOST_TEXT_BYTES = 100_000  # of a text; a protocol's is some kB
_MOST_DAYS, _MOST_SECONDS, _MOST_NUMBER = 99_999, 1e12, 1 << 62
_TABLES = set(_MOST_ROWS)
_RUNS = ("VIRTUAL", " AS (")  # a module that makes the rows, a column that is computed
_STATES = "'running', 'done', 'failed', 'waiting', 'stale'"


def _text(column: str) -> str:
    return f"typeof({column}) = 'text' AND length(CAST({column} AS BLOB)) <= {_MOST_TEXT_BYTES}"


def _whole(column: str, least: int, most: int) -> str:
    return f"typeof({column}) = 'integer' AND {column} BETWEEN {least} AND {most}"


def _seconds(column: str) -> str:
    return f"typeof({column}) IN ('real', 'integer') AND {column} BETWEEN 0 AND {_MOST_SECONDS}"


_RIGHT = {
    "stages": {
        "day": _whole("day", -1, _MOST_DAYS),
        "stage": _text("stage"),
        "state": f"typeof(state) = 'text' AND state IN ({_STATES})",
        "input_hash": _text("input_hash"),
        "owner": _text("owner"),
        "attempt": _whole("attempt", 0, _MOST_NUMBER),
        "error": f"(error IS NULL OR ({_text('error')}))",
        "seconds": f"(seconds IS NULL OR ({_seconds('seconds')}))",
        "updated": _seconds("updated"),
    },
    "events": {
        "day": f"(day IS NULL OR ({_whole('day', -1, _MOST_DAYS)}))",
        "stage": f"(stage IS NULL OR ({_text('stage')}))",
        "event": _text("event"),
        "detail": _text("detail"),
    },
    "checked_files": {
        "path": _text("path"),
        "n_bytes": _whole("n_bytes", 0, _MOST_NUMBER),
        "mtime_ns": _whole("mtime_ns", -_MOST_NUMBER, _MOST_NUMBER),
        "sha256": _text("sha256"),
    },
}
"""What is true of each value of ours. The last decides nothing but time, and is here because it is compared."""


def refuse_no_file(path: Path) -> None:
    """Refuse what stands in a ledger's place and is no file of a ledger's size; nothing there is no fault.

    Raises
    ------
    DocumentError
        A folder, a pipe, a device, a link that leads nowhere or to one of those.
    """
    for one in (path, *(path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm"))):
        _refuse_no_file(one)


def _refuse_no_file(path: Path) -> None:
    try:
        with reading(path.parent):
            status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise damaged(path, "a link that leads nowhere") from None
        return
    except OSError as error:  # a link to itself, and the like
        raise damaged(path, f"{error.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        raise damaged(path, "a folder")
    if not stat.S_ISREG(status.st_mode):
        raise damaged(path, "a pipe, a socket or a device")
    if status.st_size > _MOST_BYTES:
        raise damaged(path, f"{status.st_size / 1e6:,.0f} MB")


def refuse_other_contents(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no ledger of ours: other tables, what would run at every look, values of other kinds or lengths.

    Parameters
    ----------
    connection
        To the ledger, or to a copy.
    path
        Of the ledger, for the message.

    Raises
    ------
    DocumentError
        It is none.
    """
    _refuse_other_tables(connection, path)
    wrong = next(_wrong_values(connection), "")
    if wrong:
        raise damaged(path, wrong)


def _refuse_other_tables(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute(
        "SELECT type, substr(name, 1, 60), instr(upper(sql), ?) + instr(upper(sql), ?) FROM sqlite_master LIMIT 50",
        _RUNS,
    ).fetchall()
    odd = [name for kind, name, runs in found if kind not in {"table", "index"} or runs]
    if odd:
        raise damaged(path, f"what runs at every look: {', '.join(sorted(map(str, odd)))}")
    if not {name for kind, name, _ in found if kind == "table"} >= _TABLES:
        raise damaged(path, f"tables {sorted(str(name) for _, name, _ in found)}")


def _wrong_values(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong, in words; no value of a table leaves SQLite for it."""
    for table, columns in _RIGHT.items():
        (n_rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        if n_rows > _MOST_ROWS[table]:
            yield f"{n_rows:,} rows of {table}"
        for column, right in columns.items():
            query = f"SELECT typeof({column}), length(CAST({column} AS BLOB)) FROM {table} WHERE NOT ({right}) LIMIT 1"
            row = connection.execute(query).fetchone()
            if row is not None:
                yield f"{table}.{column} of another kind or size: {row[0]}, {row[1] or 0:,} bytes"


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a ledger's tables; 0 where it has none yet."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StudyError(
            f"{path}: expected ledger version {SCHEMA_VERSION} or older, found {version}. Upgrade closedloop."
        )
    return version
