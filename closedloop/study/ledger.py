"""Which stage of which day is done, from which inputs: SQLite in the study folder.

The published folders are the truth; the ledger is the loop's memory of them (states, attempts, errors, events, checked
files). It survives `kill -9`: WAL, synchronous=FULL.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from closedloop.artifacts.records.sequence import Block, BlockSequence
from closedloop.errors import DocumentError
from closedloop.storage import sha256_file
from closedloop.study.database.contents import SCHEMA_VERSION, refuse_no_file, refuse_other_contents, version_of
from closedloop.study.database.copies import log_of, open_copy
from closedloop.study.database.faults import sqlite_errors

StageState = Literal["running", "done", "failed", "waiting", "stale"]

_HERE = "{study}"  # stands in the ledger for the study's own folder, which may be copied or moved
_PROTOCOL = "protocol"  # an event; its stage is the hash, its detail the protocol
_PASSING = re.compile(r" \([^()]* ago\)| for another \d+ min")  # what a wait's text says of the moment it was said in
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stages (
    day INTEGER NOT NULL, stage TEXT NOT NULL, state TEXT NOT NULL, input_hash TEXT NOT NULL, owner TEXT NOT NULL,
    attempt INTEGER NOT NULL, error TEXT, seconds REAL, updated REAL NOT NULL, PRIMARY KEY (day, stage));
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, owner TEXT NOT NULL, day INTEGER, stage TEXT, event TEXT NOT NULL,
    detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checked_files (
    path TEXT PRIMARY KEY, n_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL);
"""


@dataclass(frozen=True)
class StageRecord:
    """One row of the ledger.

    Attributes
    ----------
    day
        Recording day; -1 for the study's start.
    attempt
        How often the stage was begun with these inputs; 0 where a person did its work, or where it is stale.
    seconds
        How long it took, once done.
    block
        Which of the day's sessions.
    """

    day: int
    stage: str
    state: StageState
    input_hash: str
    owner: str
    attempt: int
    error: str | None
    seconds: float | None
    block: int = 1


def ledger_key(stage: str, block: int) -> str:
    """Return a stage as the ledger names it: with the number of the day's session where it is not the first.

    Parameters
    ----------
    stage, block
        Which.
    """
    return stage if block == 1 else f"{stage}.{block}"


def stage_of_key(key: str) -> tuple[str, int]:
    """Return a stage and the number of its session, by its name in the ledger."""
    stage, _, number = key.partition(".")
    return (stage, int(number)) if number.isdecimal() else (key, 1)


def _of_block(record: StageRecord) -> StageRecord:
    """Return a row as it is in the file with its stage and its session told apart."""
    stage, block = stage_of_key(record.stage)
    return replace(record, stage=stage, block=block)


def of_sessions(records: Iterable[StageRecord], sequence: BlockSequence) -> tuple[StageRecord, ...]:
    """Return the rows without what was waited for, or failed, in a session that people decided not to have.

    What was made of such a session stays, and so does its row.

    Parameters
    ----------
    records
        All of them.
    sequence
        The study's sessions.
    """
    return tuple(
        one
        for one in records
        if one.state == "done" or one.day < 0 or Block(one.day, one.block) in sequence.of_day(one.day)
    )


def owner_name() -> str:
    """Return this process's name, host:pid."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Ledger:
    """The study's SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        refuse_no_file(path)
        with sqlite_errors(path):
            self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
            try:
                self._open(path)
            except BaseException:
                self._connection.close()
                raise

    def _open(self, path: Path) -> None:
        version = version_of(self._connection, path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        if version < SCHEMA_VERSION:
            self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        refuse_other_contents(self._connection, path)
        _records(self._connection, path)  # bytes that are no text are said now, not after a stage

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with sqlite_errors(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def begin(self, day: int, stage: str, input_hash: str) -> int:
        """Write that a stage is running; return which attempt with these inputs it is.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        """
        with self._transaction() as connection:
            known = connection.execute(
                "SELECT input_hash, attempt FROM stages WHERE day=? AND stage=?", (day, stage)
            ).fetchone()
            attempt = known[1] + 1 if known and known[0] == input_hash else 1
            self._put(day, stage, "running", input_hash, attempt, error=None, seconds=None)
            self._event(day, stage, "begin", f"attempt {attempt}")
        return attempt

    def finish(self, day: int, stage: str, input_hash: str, *, seconds: float) -> None:
        """Write that a stage is published.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        seconds
            How long it took.
        """
        self._end(day, stage, "done", input_hash, error=None, seconds=seconds)

    def fail(self, day: int, stage: str, input_hash: str, error: str) -> None:
        """Write why a stage did not finish.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        error
            Why, in one line.
        """
        self._end(day, stage, "failed", input_hash, error=error, seconds=None)

    def recall(self, day: int, stage: str, input_hash: str, *, seconds: float) -> None:
        """Write that a stage is published where the ledger says otherwise: it was lost, or what changed was restored.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        seconds
            How long it took, as its manifest says.
        """
        known = self._connection.execute(
            "SELECT 1 FROM stages WHERE day=? AND stage=? AND state='done'", (day, stage)
        ).fetchone()
        if known is None:
            self._end(day, stage, "done", input_hash, error=None, seconds=seconds)

    def wait(self, day: int, stage: str, input_hash: str, what: str) -> None:
        """Write that a stage waits for a person, and for what; nothing where that is written, but for ages and sizes.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        what
            What the person has to do, in one line.
        """
        known = self._connection.execute(
            "SELECT error FROM stages WHERE day=? AND stage=? AND input_hash=? AND state='waiting'",
            (day, stage, input_hash),
        ).fetchone()
        if known is None or _PASSING.sub("", known[0].replace(_HERE, str(self._path.parent))) != _PASSING.sub("", what):
            self._end(day, stage, "waiting", input_hash, error=what, seconds=None)

    def mark_stale(self, day: int, stage: str, input_hash: str, why: str) -> None:
        """Write that a published stage no longer follows from its inputs.

        Parameters
        ----------
        day, stage
            Which.
        input_hash
            Of what decides its result.
        why
            What changed, in a few words.
        """
        self._end(day, stage, "stale", input_hash, error=why, seconds=None)

    def remember_protocol(self, sha256: str, content: str) -> None:
        """Keep what a protocol says, JSON, under its hash: what a person edits later can then be named."""
        if self.protocol(sha256) is None:
            with self._transaction():
                self._event(None, sha256, _PROTOCOL, content)

    def protocol(self, sha256: str) -> str | None:
        """Return what a protocol says that the study went by; None where this ledger did not see it."""
        row = self._connection.execute(
            "SELECT detail FROM events WHERE event=? AND stage=?", (_PROTOCOL, sha256)
        ).fetchone()
        return None if row is None else str(row[0])

    def _end(
        self, day: int, stage: str, state: StageState, input_hash: str, *, error: str | None, seconds: float | None
    ) -> None:
        with self._transaction() as connection:
            known = connection.execute(
                "SELECT attempt FROM stages WHERE day=? AND stage=? AND input_hash=?", (day, stage, input_hash)
            ).fetchone()
            self._put(day, stage, state, input_hash, known[0] if known else 0, error=error, seconds=seconds)
            self._event(day, stage, state, error or "")

    def _put(
        self,
        day: int,
        stage: str,
        state: StageState,
        input_hash: str,
        attempt: int,
        *,
        error: str | None,
        seconds: float | None,
    ) -> None:
        placeless = None if error is None else error.replace(str(self._path.parent), _HERE)
        self._connection.execute(
            "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (day, stage, state, input_hash, owner_name(), attempt, placeless, seconds, time.time()),
        )

    def _event(self, day: int | None, stage: str, event: str, detail: str) -> None:
        self._connection.execute(
            "INSERT INTO events (time, owner, day, stage, event, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (time.time(), owner_name(), day, stage, event, detail),
        )

    def records(self) -> list[StageRecord]:
        """Return every row, by day and in the order the stages were begun."""
        return _records(self._connection, self._path)

    def checked_sha256(self, path: Path, name: str) -> str:
        """Hash a file, or remember its hash when size and modification time are as they were.

        Enough for a look at what is done, which must not take hours where recordings are large; not for a promise, nor
        before a file is used: see `read_sha256`.

        Parameters
        ----------
        path
            The file.
        name
            Its name in the ledger, relative to the study.
        """
        status = path.stat()
        known = self._connection.execute(
            "SELECT sha256 FROM checked_files WHERE path=? AND n_bytes=? AND mtime_ns=?",
            (name, status.st_size, status.st_mtime_ns),
        ).fetchone()
        return str(known[0]) if known else self.read_sha256(path, name)

    def read_sha256(self, path: Path, name: str, *, progress: Callable[[int], None] | None = None) -> str:
        """Hash a file from its first byte to its last, whatever is remembered of it.

        Parameters
        ----------
        path
            The file.
        name
            Its name in the ledger, relative to the study.
        progress
            Called with the number of bytes of each block.
        """
        status = path.stat()
        digest = sha256_file(path, progress=progress)
        with sqlite_errors(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO checked_files VALUES (?, ?, ?, ?)",
                (name, status.st_size, status.st_mtime_ns, digest),
            )
        return digest


def _records(connection: sqlite3.Connection, path: Path) -> list[StageRecord]:
    """Return every row; the ledger of a copied study, at `path`, speaks of the copy."""
    rows = connection.execute(
        "SELECT day, stage, state, input_hash, owner, attempt, error, seconds FROM stages ORDER BY day, updated"
    ).fetchall()
    here = str(path.parent)
    records = [_of_block(StageRecord(*row)) for row in rows]
    return [replace(one, error=one.error.replace(_HERE, here)) if one.error else one for one in records]


def read_records(path: Path) -> tuple[StageRecord, ...]:
    """Read every row of a ledger that a loop may be writing, or that nobody may write: nothing is written beside it.

    Raises
    ------
    DocumentError
        The file is damaged, or of a newer version.
    """
    with open_copy(path) as connection:
        return tuple(_records(connection, path)) if connection else ()


def ledger_fault(path: Path) -> str | None:
    """Return in one line what is wrong with a ledger that nobody writes; nothing is written, nor locked.

    What `status` says of it, this says too; that every page of the file is whole, besides. The pages of one with
    changes that a killed loop left beside it are mended by the next one, and are not looked at.
    """
    try:
        read_records(path)
    except DocumentError as error:
        return str(error)
    left = log_of(path)
    if left.is_file() and left.stat().st_size:
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the second: SQLite quotes the damaged bytes
        said = str(error)
    if said == "ok":
        return None
    return (
        f"{path}: expected the study's SQLite ledger, found a damaged file ({said}). "
        "Move it away: the published folders are enough to go on."
    )


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger and close it again."""
    with closing(Ledger(path)) as ledger:
        yield ledger
