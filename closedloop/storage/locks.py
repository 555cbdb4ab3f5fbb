"""A lock between processes that hold a file for an instant; the kernel gives it back however its holder ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.storage.faults import storage_errors


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for whoever holds a lock file, and hold it while the block runs; the file stays, empty.

    On Windows nothing is locked: a rig's computer reads what is guarded so, and never writes it.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not there on Windows

    with storage_errors(path), path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def folder_held_alone(folder: Path, *, refusal: Exception, leaves_lock: bool = True) -> Iterator[None]:
    """Hold a folder, which is made if missing, while the block writes into it; a lock file stays in it, empty.

    Where it was made for this and nothing was written into it, it is removed again.

    Parameters
    ----------
    folder
        Whose files one program at a time writes.
    refusal
        Raised where another program holds it. On Windows nothing is locked.
    leaves_lock
        Whether the lock file stays; else it goes in the end, and who comes in that instant may find nothing locked.
    """
    with storage_errors(folder):
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        lock = folder / ".lock"
        lock.touch()
    try:
        with held_alone(lock, refusal=refusal):
            try:
                yield
            finally:
                if not leaves_lock:
                    lock.unlink(missing_ok=True)
    finally:  # a folder that nothing came to be written into is no result
        if is_new and {file.name for file in folder.iterdir()} <= {lock.name}:
            lock.unlink(missing_ok=True)
            folder.rmdir()


@contextmanager
def held_alone(path: Path, *, refusal: Exception) -> Iterator[None]:
    """Hold a file that is there while the block replaces it; a file that is not there is nobody's.

    Who appends to a file under this lock would go on with one that has lost its name. On Windows nothing is locked.

    Parameters
    ----------
    path
        The file.
    refusal
        Raised where another program holds it.
    """
    if sys.platform == "win32" or not path.is_file():
        yield
        return
    import fcntl  # noqa: PLC0415 - not there on Windows

    with storage_errors(path), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
