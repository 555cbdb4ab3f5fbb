"""Who works on a study, and who waits on it: told by locks that the kernel gives back when their holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from closedloop.errors import StudyBusyError, StudyError
from closedloop.storage import reading, storage_errors
from closedloop.study.ledger import owner_name
from closedloop.study.process.links import refuse_links_out

LOOP_LOCK, WAIT_LOCK = ".loop.lock", ".wait.lock"
_LOCK_TRIES, _LOCK_PAUSE_S = 10, 0.05
_ANY, _MOST_CHARACTERS = "backslashreplace", 400  # of a name that a damaged disk may have changed to anything


@dataclass(frozen=True)
class LockHolder:
    """The process that holds a study.

    Attributes
    ----------
    name
        host:pid.
    since
        When it took the study, ISO 8601 in UTC; empty where a version wrote none.
    """

    name: str
    since: str

    def __str__(self) -> str:
        host, _, pid = self.name.rpartition(":")
        return f"{self.name} (process {pid} on {host}{f', since {self.since}' if self.since else ''})"


@contextmanager
def study_lock(root: Path) -> Iterator[None]:
    """Hold the study: one loop at a time. The kernel releases the lock when its holder dies, however it dies.

    Raises
    ------
    StudyBusyError
        Another loop holds it.
    StudyError
        A folder of the study that is written to is a link out of it.
    """
    with _held(
        root,
        LOOP_LOCK,
        lambda holder: StudyBusyError(
            f"{root}: expected no other loop on this study, found {holder} running it. "
            "Wait for it to end, or stop it, and run the same command again."
        ),
    ):
        yield


@contextmanager
def wait_lock(root: Path) -> Iterator[IO[str]]:
    """Be the one process that waits for what people bring into a study; others may work on it meanwhile.

    Yields
    ------
    IO[str]
        The open lock file: it stays the study's own where the study is moved.

    Raises
    ------
    StudyError
        Another process waits already.
    """
    with _held(
        root,
        WAIT_LOCK,
        lambda holder: StudyError(
            f"{root}: expected no other process that waits on this study, found {holder}. "
            "Leave it to that one, or stop it and run the same command again."
        ),
    ) as file:
        yield file


def holder_of(root: Path) -> LockHolder | None:
    """Return the loop that holds a study now; None when no loop runs. Nothing is written."""
    return _holder(root / LOOP_LOCK)


def waiter_of(root: Path) -> LockHolder | None:
    """Return the process that waits on a study, and works on it whenever it can; None where none does."""
    return _holder(root / WAIT_LOCK)


@contextmanager
def _held(root: Path, name: str, busy: Callable[[LockHolder | str], StudyError]) -> Iterator[IO[str]]:
    refuse_links_out(root)
    path = root / name
    with storage_errors(path), path.open("a+", errors=_ANY) as file:
        try:
            _lock_patiently(file)
        except BlockingIOError as error:
            raise busy(_read(file) or "another process") from error
        file.truncate(0)
        file.write(f"{owner_name()}\n{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n")
        file.flush()
        yield file


def _holder(path: Path) -> LockHolder | None:
    if not path.is_file():
        return None
    with reading(path), path.open(errors=_ANY) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file) or LockHolder("another process", "")
    return None


def _lock_patiently(file: IO[str]) -> None:
    """Try for a moment: `holder_of` holds the lock for an instant when somebody asks for the status."""
    for _ in range(_LOCK_TRIES - 1):
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(file: IO[str]) -> LockHolder | None:
    """Read who wrote its name; between a start and its name there is none, for an instant."""
    file.seek(0)
    name, _, since = file.read(_MOST_CHARACTERS).strip().partition("\n")
    return LockHolder(name, since) if name else None
