"""Files that are looked at every few seconds are read again only when their size or time changed."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
FileState = tuple[int, int, int] | None


def file_state(path: Path) -> FileState:
    """Return (mtime_ns, size, inode) of a file, by which a change shows; None where it cannot be looked at."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _itself(path: Path) -> Iterable[Path]:
    return (path,)


def while_unchanged(
    *, most: int = 64, files: Callable[[Path], Iterable[Path]] = _itself
) -> Callable[[Callable[[Path], Found]], Callable[[Path], Found]]:
    """Return a decorator of a reader of a file: what it returned is kept as long as the file is as it was.

    Parameters
    ----------
    most
        How many files' contents are kept, the ones asked for last.
    files
        Which files decide what is read at a path; the one at the path itself by default.
    """

    def decorate(read: Callable[[Path], Found]) -> Callable[[Path], Found]:
        kept: OrderedDict[Path, tuple[tuple[FileState, ...], Found]] = OrderedDict()
        lock = threading.Lock()

        @functools.wraps(read)
        def read_once(path: Path) -> Found:
            state = tuple(file_state(file) for file in files(path))  # before it is read: a change meanwhile shows later
            with lock:
                known = kept.get(path)
                if known is not None and known[0] == state:
                    kept.move_to_end(path)
                    return known[1]
            found = read(path)
            with lock:
                kept[path] = (state, found)
                kept.move_to_end(path)
                while len(kept) > most:
                    kept.popitem(last=False)
            return found

        return read_once

    return decorate
