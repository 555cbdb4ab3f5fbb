"""Files that exist whole or not at all: write beside, fsync, rename, fsync the folder.

A name is durable once the folder that holds it is synced, which goes for a new folder's name too: whoever makes a
folder here has its parent synced.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import StorageError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
_FAILING = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.EREMOTEIO, errno.ETIMEDOUT}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES}  # network file systems; a folder above one's own
_READ_BLOCK_BYTES = 1 << 20


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn the operating system's "no room", "not writable" and "input/output error" into one line with a remedy.

    Parameters
    ----------
    place
        The file or folder being written, named in the message.

    Raises
    ------
    StorageError
        The disk is full, the folder refuses to be written, or the disk or the way to it fails.
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
                f"{place}: expected a writable folder, found {os.strerror(error.errno)}{_elsewhere(error, place)}. "
                "Change its permissions or choose another folder, then run again."
            ) from error
        if error.errno is not None and is_failing_disk(error):
            raise StorageError(
                f"{error.filename or place}: expected a disk that reads and writes, found {os.strerror(error.errno)}. "
                "Check the disk (or the network to it) and its cables, then run the same command again; "
                "nothing published is lost."
            ) from error
        raise


def is_failing_disk(error: BaseException) -> bool:
    """Return whether it is the disk, or the way to it, that fails: nothing is known then of what a file holds."""
    return isinstance(error, OSError) and error.errno in _FAILING


def _elsewhere(error: OSError, place: Path) -> str:
    """Name the file where the error was, if it is not the one (or its temporary name) that was being written."""
    at = Path(str(error.filename)) if error.filename else place
    return "" if at in {place, place.parent} or at.parent in {place, place.parent} else f" at {at}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is not, until its folder is synced)."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def sync_tree(folder: Path) -> None:
    """Make everything in a folder durable: its files' bytes, and the names in it and in the folders below."""
    for parent, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            _sync(Path(parent, name))
        sync_folder(Path(parent))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each with a durable name; one that is there already stays as it is."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_folder(new.parent)


def _sync(path: Path) -> None:
    """Sync a file or folder; to read is enough, so that one that nobody may write is synced too."""
    descriptor = os.open(path, os.O_RDONLY)
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
        try:
            make_folder(path.parent)
        except FileNotFoundError as error:
            raise _takes_no_files(path) from error
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        except FileNotFoundError as error:  # /proc and the like: a folder that is there and makes no file
            if temporary.name not in str(error) or temporary.exists():
                raise
            raise _takes_no_files(path) from error
        finally:
            temporary.unlink(missing_ok=True)


def _takes_no_files(path: Path) -> StorageError:
    return StorageError(f"{path}: expected a folder that takes new files, found one that does not. Choose another one.")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def sha256_bytes(content: bytes) -> str:
    """Return the hex digest of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path, *, progress: Callable[[int], None] | None = None) -> str:
    """Return the hex digest of a file, read in blocks of a megabyte; `progress` hears the bytes of each."""
    digest = hashlib.sha256()
    with path.open("rb") as source, _named(path):
        while block := source.read(_READ_BLOCK_BYTES):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()


def sweep(working: Path) -> None:
    """Remove what is hidden in a finished working folder: names of half-written files, left where a writer was killed.

    What is published is listed in a manifest, and that lists no hidden file: it would travel with the folder for good.
    """
    for path in sorted(working.rglob(".*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Give an error of the operating system the file's name: of a read that fails it says none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def publish_folder(working: Path, final: Path) -> None:
    """Rename a finished folder to its public name, replacing an older one.

    The older folder is moved aside before and removed after, so that a crash in between leaves either the old folder
    under its name, or the new one, or (for an instant) the new one still under its working name: never half of one.
    """
    with storage_errors(final):
        sync_tree(working)
        retired = final.with_name(f".{final.name}.retired")
        shutil.rmtree(retired, ignore_errors=True)
        if final.exists():
            final.rename(retired)
        working.rename(final)
        sync_folder(final.parent)
        sync_folder(final.parent.parent)  # a kill may have come between its mkdir and its sync
        shutil.rmtree(retired, ignore_errors=True)
