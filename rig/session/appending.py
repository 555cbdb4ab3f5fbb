"""Appending to a file so that what is in it is whole: a piece goes in altogether, or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import IO


def append_whole(file: IO[bytes], content: bytes) -> None:
    """Write a piece whole. A full disk may take a part of it first, and says so at the rest: that part is cut again.

    Raises
    ------
    OSError
        The disk is full, or fails.
    """
    start, rest = file.tell(), memoryview(content)
    try:
        while rest:
            n_written = file.write(rest)
            if not n_written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[n_written:]
    except OSError:
        if len(rest) < len(content):
            with suppress(OSError):  # then the next launch cuts it
                file.truncate(start)
        raise


def make_durable(file: IO[bytes]) -> None:
    """Have what was written survive a power cut."""
    getattr(os, "fdatasync", os.fsync)(file.fileno())
