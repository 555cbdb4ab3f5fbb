"""Reading a file, and writing one that exists whole or not at all: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from closedloop.errors import StorageError
from closedloop.storage.faults import reading, storage_errors
from closedloop.storage.folders import make_folder, sync_file, sync_folder

_READ_BLOCK_BYTES = 1 << 20


def read_bytes(path: Path) -> bytes:
    """Read a file whole.

    Raises
    ------
    StorageError
        The disk fails, or the file may not be read. One that is not there is FileNotFoundError: the caller knows what
        was expected.
    """
    with reading(path):
        return path.read_bytes()


@contextmanager
def open_to_read(path: Path, *, buffering: int = -1) -> Iterator[BinaryIO]:
    """Open a file and read from it in the block.

    Parameters
    ----------
    path
        The file.
    buffering
        As Python's open takes it; 0 for none.

    Raises
    ------
    StorageError
        See `read_bytes`.
    """
    with reading(path), path.open("rb", buffering=buffering) as stream:
        yield stream


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
        if path.exists() and not path.is_file():
            found = "a folder" if path.is_dir() else "a device"
            raise StorageError(f"{path}: expected a file or a free name, found {found}. Choose another name.")
        try:
            make_folder(path.parent)
        except FileNotFoundError as error:
            raise _takes_no_files(path) from error
        try:
            yield temporary
            sync_file(temporary)
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


@contextmanager
def atomic_stream(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write piece by piece; it has its name when the block ends well, see `atomic_file`."""
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        yield stream


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file atomically."""
    with atomic_stream(path) as stream:
        stream.write(content)


def leave_note(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all, but not durably: for what nobody needs after a loss of power.

    A disk that does not take it is no reason to stop what the note is of.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        remove_note(temporary)


def remove_note(path: Path) -> None:
    """Remove such a file if it is there and goes."""
    with suppress(OSError):
        path.unlink()


@contextmanager
def open_new(path: Path) -> Iterator[BinaryIO]:
    """Open a file of a temporary name, or of a folder that is not published yet, to write: its publisher syncs it.

    Parameters
    ----------
    path
        A name that nobody takes for whole; elsewhere `atomic_stream` is what is wanted.
    """
    with storage_errors(path), path.open("wb") as stream:
        yield stream


@contextmanager
def append_to(path: Path) -> Iterator[IO[str]]:
    """Open a text file of half-done work to append lines to; a kill may tear the last one."""
    with storage_errors(path), path.open("a", encoding="utf-8") as stream:
        yield stream


@contextmanager
def change_in_place(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is not published, or that is there to be damaged, to overwrite some of its bytes."""
    with storage_errors(path), path.open("rb+") as stream:
        yield stream


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes and times into a folder that is not published yet.

    Raises
    ------
    StorageError
        The one cannot be read or the other not be written; which, the message tells.
    """
    try:
        shutil.copy2(source, target)
    except OSError as error:
        of_source = str(error.filename) == str(source)
        with reading(source) if of_source else storage_errors(target):
            raise


def remove_file(path: Path) -> None:
    """Remove a file if it is there."""
    with storage_errors(path):
        path.unlink(missing_ok=True)


def sha256_bytes(content: bytes) -> str:
    """Return the hex digest of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path, *, progress: Callable[[int], None] | None = None) -> str:
    """Return the hex digest of a file, read in blocks of a megabyte; `progress` hears the bytes of each."""
    digest = hashlib.sha256()
    with open_to_read(path) as source:
        while block := source.read(_READ_BLOCK_BYTES):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()
