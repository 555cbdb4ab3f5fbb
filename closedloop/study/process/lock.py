"""Who works on a study: one loop at a time, told by a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from closedloop.errors import StudyError
from closedloop.storage import reading, storage_errors
from closedloop.study.ledger import owner_name
from closedloop.study.process.links import refuse_links_out

_LOCK_TRIES, _LOCK_PAUSE_S = 10, 0.05


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
    StudyError
        Another loop holds it, or a folder of the study that is written to is a link out of it.
    """
    refuse_links_out(root)
    path = _lock_file(root)
    with storage_errors(path), path.open("a+") as file:
        try:
            _lock_patiently(file)
        except BlockingIOError as error:
            holder = _read(file)
            raise StudyError(
                f"{root}: expected no other loop on this study, found {holder or 'another process'} running it. "
                "Wait for it to end, or stop it, and run the same command again."
            ) from error
        file.truncate(0)
        file.write(f"{owner_name()}\n{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n")
        file.flush()
        yield


def holder_of(root: Path) -> LockHolder | None:
    """Return the loop that holds a study now; None when no loop runs. Nothing is written."""
    path = _lock_file(root)
    if not path.is_file():
        return None
    with reading(path), path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file) or LockHolder("another process", "")
    return None


def _lock_file(root: Path) -> Path:
    return root / ".loop.lock"


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
    name, _, since = file.read().strip().partition("\n")
    return LockHolder(name, since) if name else None
