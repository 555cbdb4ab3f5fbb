"""One rig at a time writes a journal; the lock goes with the process, however it ends."""

from __future__ import annotations

import sys
import time
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


def lock_file(file: IO[bytes], path: Path, *, patience_s: float) -> None:
    """Lock an open file until it is closed, waiting a little for a rig that is just ending.

    Parameters
    ----------
    file
        Open for writing.
    path
        Its name, for the message.
    patience_s
        How long to wait.

    Raises
    ------
    SessionError
        Another rig still holds it.
    """
    deadline_s = time.monotonic() + patience_s
    while not _try_lock(file):
        if time.monotonic() >= deadline_s:
            raise SessionError(
                f"{path}: expected to be the only rig that writes it, found another at work. "
                "Wait for it to end or stop it, then run the same command with --resume."
            )
        time.sleep(_POLL_S)
