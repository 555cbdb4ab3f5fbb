"""A file that one rig at a time has open to write; the lock goes with the process, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from closedloop.errors import SessionError

_POLL_S = 0.05

if sys.platform == "win32":
    import msvcrt

    _BEYOND_THE_END = 1 << 40

    def _try_lock(file: IO[bytes]) -> bool:
        # Windows locks a range of bytes against reading too: one that no journal reaches.
        place = file.tell()
        file.seek(_BEYOND_THE_END)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(place)
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


PATIENCE_S = 10.0
"""How long a rig that is just ending is waited for."""


def open_locked(path: Path, *, patience_s: float, refusal: Callable[[], str]) -> IO[bytes]:
    """Open a file to append to, unbuffered, and lock it until it is closed.

    Parameters
    ----------
    path
        The file; made if it is missing.
    patience_s
        How long to wait for a rig that is just ending.
    refusal
        Says what is wrong where another rig still holds it.

    Raises
    ------
    SessionError
        Another rig still holds it.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        file = path.open("ab", buffering=0)
        if _try_lock(file):
            if _has_name(file, path):
                return file
        elif time.monotonic() >= deadline_s:
            file.close()
            raise SessionError(refusal())
        file.close()
        time.sleep(_POLL_S)


def _has_name(file: IO[bytes], path: Path) -> bool:
    """Return whether a file still has its name: the rig that held it may have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def remove_locked(file: IO[bytes], path: Path) -> None:
    """Remove a file that this rig holds; who waits for its lock finds the name gone and makes another."""
    if not _has_name(file, path):
        return
    if sys.platform == "win32":
        file.close()  # an open file cannot be removed there
    with suppress(OSError):  # another rig has opened it since
        path.unlink()


def is_held(path: Path) -> bool:
    """Return whether a rig, of whatever account, holds a journal: it is at work."""
    try:
        with path.open("rb") as file:
            return not _try_lock(file)
    except OSError:  # not ours to read
        return False
