"""What the operating system, or a library in its place, says of a disk: one line with the file and the remedy."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from closedloop.errors import ClosedLoopError, StorageError


def _numbers(*names: str) -> frozenset[int]:
    """Return the numbers of errors by name; not every system has all of them."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_NO_ROOM = _numbers("ENOSPC", "EDQUOT", "EFBIG")
_NOT_ALLOWED = _numbers("EROFS", "EACCES", "EPERM")
_IN_THE_WAY = _numbers("ENOTDIR", "EEXIST", "EISDIR", "ELOOP")
_NOT_WRITABLE = _NOT_ALLOWED | _numbers("ENAMETOOLONG")
_FAILING = _numbers(
    *("EIO", "ENXIO", "ENODEV", "ESTALE", "EREMOTEIO", "ETIMEDOUT", "EUCLEAN", "EBADMSG", "ENOTCONN", "EHOSTDOWN"),
)
_NO_FOLDER_SYNC = _numbers("EINVAL", "ENOTSUP", "EACCES")  # network file systems; a folder above one's own
_AGAIN = "run the same command again; nothing published is lost"
_SAID_IN_TEXT = re.compile(r"(?:errno\s*[=: ]|os error)\s*(\d+)", re.IGNORECASE)  # HDF5, Arrow; safetensors
_TEMPORARY = re.compile(r"\.(.+)\.\d+\.tmp")  # what `files.atomic_file` calls a file until it is whole
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # numpy's, of a file that took a part


@contextmanager
def storage_errors(place: Path, *, again: str = _AGAIN) -> Iterator[None]:
    """Turn "no room", "not writable" and "input/output error" into one line with a remedy, whoever says it.

    Python says it by a number, HDF5 and safetensors in the text of an error of their own.

    Parameters
    ----------
    place
        The file or folder being written, named in the message.
    again
        What to do once the disk is mended, and what is lost.

    Raises
    ------
    StorageError
        The disk is full, the folder refuses to be written, or the disk or the way to it fails.
    """
    try:
        yield
    except Exception as error:
        said = _in_one_line(error, place, again)
        if said is None:
            raise
        raise StorageError(said) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a read that the disk, or the file's permissions, do not allow into one line that names the file.

    A file that is not there, or is a folder, is for the caller to explain: it knows what was expected. A pipe is not
    opened, which would wait for somebody to write into it, nor a device, which has no end.

    Raises
    ------
    StorageError
        The disk or the way to it fails, or nobody but somebody else may read the file, or it is a pipe, a socket or a
        device.
    """
    with suppress(OSError, ValueError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise StorageError(f"{path}: expected a file, found a pipe, a socket or a device. Give the path of a file.")
    try:
        yield
    except Exception as error:
        number = _number_of(error)
        if number in _FAILING:
            raise StorageError(_failing(getattr(error, "filename", None) or path, number, _AGAIN)) from error
        if number in _NOT_ALLOWED:
            raise StorageError(
                f"{getattr(error, 'filename', None) or path}: expected a file that may be read, found "
                f"{os.strerror(number)}. Change its permissions, then run the same command again."
            ) from error
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)
        raise


def is_failing_disk(error: BaseException) -> bool:
    """Return whether it is the disk, or the way to it, that fails: nothing is known then of what a file holds."""
    return _number_of(error) in _FAILING


def no_folder_sync(error: OSError) -> bool:
    """Return whether a folder cannot be synced here, which is not a fault."""
    return error.errno in _NO_FOLDER_SYNC


def _number_of(error: BaseException) -> int:
    """Return the operating system's number of an error, from its text where a library keeps it there; 0 for none."""
    if isinstance(error, ClosedLoopError):
        return 0
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    if found := _SAID_IN_TEXT.search(text):
        return int(found[1])
    return errno.ENOSPC if _SHORT_WRITE.search(text) else 0


def _in_one_line(error: Exception, place: Path, again: str) -> str | None:
    number, place = _number_of(error), _public(place)
    if number in _NO_ROOM:
        return f"{place}: expected room to write, found the disk full. Free some space and {again}."
    if number in _IN_THE_WAY:
        at = _public(str(getattr(error, "filename", None) or place))
        return (
            f"{place}: expected a place that takes this name, found {_obstacle(at, place)} in the way. "
            "Move it away or choose another name, then run again."
        )
    if number in _NOT_WRITABLE:
        return (
            f"{place}: expected a writable folder, found {os.strerror(number)}{_elsewhere(error, place)}. "
            "Change its permissions or choose another folder, then run again."
        )
    if number in _FAILING:
        return _failing(getattr(error, "filename", None) or place, number, again)
    return None


def _obstacle(*places: Path) -> str:
    """Name what is no folder where one would have to be, or a folder where a file would have to be."""
    for at in places:
        for one in (at, *at.parents):
            if one.is_symlink() and not one.exists():
                return f"a link to nowhere ({one})"
            if one.exists() and not one.is_dir():
                return f"a file ({one})"
            if one.is_dir():
                break
    return f"a folder ({places[-1]})"


def _public(place: str | Path) -> Path:
    """Return the name under which people know a file that is being written."""
    found = _TEMPORARY.fullmatch(Path(place).name)
    return Path(place).with_name(found[1]) if found else Path(place)


def _failing(place: str | Path, number: int, again: str) -> str:
    found = os.strerror(number)
    return (
        f"{_public(place)}: expected a disk that reads and writes, found {found}. "
        f"Check the disk (or the network to it) and its cables, then {again}."
    )


def _elsewhere(error: Exception, place: Path) -> str:
    """Name the file where the error was, if it is not the one (or its temporary name) that was being written."""
    said = getattr(error, "filename", None)
    at = _public(str(said)) if said else place
    return "" if at in {place, place.parent} or at.parent in {place, place.parent} else f" at {at}"
