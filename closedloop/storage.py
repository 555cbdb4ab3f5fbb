"""Files that exist whole or not at all: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import StorageError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
_READ_BLOCK_BYTES = 1 << 20


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn the operating system's "no room" and "not writable" into one line with a remedy.

    Parameters
    ----------
    place
        The file or folder being written, named in the message.

    Raises
    ------
    StorageError
        The disk is full, or the folder refuses to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageError(
                f"{place}: expected room to write, found the disk full. "
                "Free some space and run the same command again; nothing published is lost."
            ) from error
        if error.errno in _NOT_WRITABLE:
            raise StorageError(
                f"{place}: expected a writable folder, found {error.strerror}. "
                "Change its permissions or choose another folder, then run again."
            ) from error
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is not, until its folder is synced)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name to write to; publish it under `path` when the block ends well.

    Yields
    ------
    Path
        A name in the same folder. After an exception it is removed and `path` is as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def sha256_bytes(content: bytes) -> str:
    """Return the hex digest of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hex digest of a file, read in blocks of a megabyte."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_READ_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def publish_folder(working: Path, final: Path) -> None:
    """Rename a finished folder to its public name, replacing an older one.

    The older folder is moved aside before and removed after, so that a crash in between leaves either the old folder
    under its name, or the new one, or (for an instant) the new one still under its working name: never half of one.
    """
    with storage_errors(final):
        for file in working.rglob("*"):
            if file.is_file():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
        retired = final.with_name(f".{final.name}.retired")
        shutil.rmtree(retired, ignore_errors=True)
        if final.exists():
            final.rename(retired)
        working.rename(final)
        sync_folder(final.parent)
        shutil.rmtree(retired, ignore_errors=True)
