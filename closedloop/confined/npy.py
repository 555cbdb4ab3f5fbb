"""Arrays in numpy's own files, whose header is read as what it is and not as Python.

numpy evaluates a header as a Python literal, allocates the shape that it says, and unpacks what an .npz has packed. Of
ours a header is one form of text, and an array takes no more memory than its file has bytes: nothing here needs a
process of its own.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
_LENGTH_FORMATS = {1: "<H", 2: "<I", 3: "<I"}
_LONGEST_HEADER = 4096
_LONGEST_REASON = 120
_HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<|][biuf][1248]|\|b1)', 'fortran_order': False, "
    r"'shape': \((?P<shape>(?:\d{1,19}, ?)*(?:\d{1,19})?)\), ?\} *\n"
)

_FOREIGN_HEADER = re.compile(
    r" *\{ *'descr' *: *'(?P<dtype>[<>|=]?[biuf][1248])' *, *'fortran_order' *: *(?:False|True) *, *"
    r"'shape' *: *\((?P<shape>(?: *\d{1,19} *,)* *(?:\d{1,19})?) *\) *,? *\} *\n?"
)  # as other programs write it: spaces, byte order and the last comma are theirs to choose


class ArrayFileError(ValueError):
    """The file is none of numpy's that we write; the text says why in a few words."""


def map_npy(path: Path) -> NDArray[Any]:
    """Map an .npy file for reading; its bytes are read where they are used.

    Raises
    ------
    ArrayFileError
        It is another kind of file, or has another size than its header says.
    OSError
        There is none, or it cannot be read.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ArrayFileError("a folder, a pipe or a device")
        dtype, shape = _read_header(file)
        n_bytes = math.prod(shape) * dtype.itemsize
        if status.st_size != file.tell() + n_bytes:
            raise ArrayFileError(f"{status.st_size} bytes for a header and {n_bytes} bytes of values")
        if not n_bytes:
            return np.empty(shape, dtype)
        return np.memmap(file, dtype, mode="r", offset=file.tell(), shape=shape)


def read_foreign_header(path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return the type and the shape that the header of another program's .npy file says, and where its values begin.

    Raises
    ------
    ArrayFileError
        It is another kind of file.
    OSError
        There is none, or it cannot be read.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        dtype, shape = _read_header(file, form=_FOREIGN_HEADER)
        return dtype, shape, file.tell()


def read_npy(file: IO[bytes], *, most_bytes: int) -> NDArray[Any]:
    """Read the next array of a stream.

    Parameters
    ----------
    file
        At the array's first byte.
    most_bytes
        How many bytes the whole stream has.

    Raises
    ------
    ArrayFileError
        There is another kind of thing, or a part of an array.
    """
    dtype, shape = _read_header(file)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > most_bytes:
        raise ArrayFileError(f"{n_bytes} bytes of values in {most_bytes}")
    content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise ArrayFileError(f"{len(content)} of {n_bytes} bytes")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)


def read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read arrays of an .npz file as `numpy.savez` writes it: not packed.

    Parameters
    ----------
    path
        The file.
    names
        Of the arrays.

    Raises
    ------
    ArrayFileError
        It is another kind of file, or lacks one.
    OSError
        There is none, or it cannot be read.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file, zipfile.ZipFile(file) as archive:
            n_bytes = os.fstat(file.fileno()).st_size
            return {name: _read_member(archive, f"{name}.npy", n_bytes) for name in names}
    except KeyError as error:
        raise ArrayFileError(f"no array {error}"[:_LONGEST_REASON]) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # of a place before the file's first byte
            raise
        raise ArrayFileError("a table of contents that points elsewhere") from error
    except (zipfile.BadZipFile, struct.error, RuntimeError, EOFError, OverflowError, ValueError) as error:
        raise ArrayFileError(f"{error}"[:_LONGEST_REASON] or type(error).__name__) from error


def _read_member(archive: zipfile.ZipFile, name: str, n_bytes: int) -> NDArray[Any]:
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > n_bytes:
        raise ArrayFileError(f"{name} packed, or larger than the file")
    with archive.open(member) as stream:
        return read_npy(stream, most_bytes=n_bytes)


def _read_header(file: IO[bytes], *, form: re.Pattern[str] = _HEADER) -> tuple[np.dtype[Any], tuple[int, ...]]:
    start = file.read(len(_MAGIC) + 2)
    length_format = _LENGTH_FORMATS.get(start[len(_MAGIC)]) if len(start) == len(_MAGIC) + 2 else None
    if not start.startswith(_MAGIC) or length_format is None:
        raise ArrayFileError("no header of numpy's")
    field = file.read(struct.calcsize(length_format))
    length = int.from_bytes(field, "little")
    text = file.read(length).decode("latin1") if length <= _LONGEST_HEADER else ""
    header = form.fullmatch(text)
    if header is None:
        raise ArrayFileError("a header that describes no plain array")
    shape = tuple(int(number) for number in re.findall(r"\d+", header["shape"]))
    return np.dtype(header["dtype"]), shape


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe too, at which the caller would wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)
