"""What reading NSx and NEV files has in common: text and date of the headers, and reads that fail in one line."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.storage import is_failing_disk, reading, refuse_missing_part

_PAGE_BYTES, _SLOW_BYTES = 4096, 64


def text(field: bytes) -> str:
    """Decode a fixed-width text field, which ends at its first NUL byte: UTF-8 where it is that, else Latin-1.

    A micro sign is two bytes in the one and one byte in the other; recorders write either.
    """
    data = field.split(b"\0", 1)[0]
    try:
        return data.decode("utf_8")
    except UnicodeDecodeError:
        return data.decode("latin_1")


def encode_text(value: str, n_bytes: int, encoding: str = "ascii") -> bytes:
    """Encode a text, refusing what would be cut.

    Headers are ASCII: neo takes them for UTF-8, other readers for Latin-1.

    Parameters
    ----------
    value
        The text.
    n_bytes
        Size of the field.
    encoding
        Of the field.

    Raises
    ------
    ValueError
        The text is longer than the field or outside the encoding.
    """
    data = value.encode(encoding)
    if len(data) > n_bytes:
        raise ValueError(f"the text {value!r} has {len(data)} bytes, the field {n_bytes}")
    return data


def read_exactly(stream: BinaryIO, n_bytes: int, *, file: Path, what: str) -> bytes:
    """Read `n_bytes` of a header.

    Parameters
    ----------
    stream
        The open file, at the header.
    n_bytes
        How many.
    file, what
        Named in the error: the file, and what is read.

    Raises
    ------
    RecordingError
        The file ends before.
    """
    at = stream.tell()
    held = stream.seek(0, 2) - at  # asked first: a corrupt header can call for more than there is memory
    stream.seek(at)
    data = stream.read(n_bytes) if n_bytes <= held else b""
    if len(data) < n_bytes:
        raise RecordingError(
            f"{file}: expected {n_bytes} bytes of {what}, found {max(held, 0)}. The file is truncated: copy it again."
        )
    return data


def room_to_read(n_bytes: int, byte: int) -> NDArray[np.uint8]:
    """Return memory to read part of a file into, at a distance from the file's pages that a processor copies fast.

    Processors of the Zen 3 family copy five times slower (measured) where the target lies up to 31 bytes behind the
    source, counted within pages of 4096 bytes: 4.8 GB/s become 1; what is allocated at large often lies 16 behind.

    Parameters
    ----------
    n_bytes
        How much will be read.
    byte
        From where in the file on.
    """
    room = np.empty(n_bytes + _SLOW_BYTES, np.uint8)
    behind = (room.ctypes.data - byte) % _PAGE_BYTES
    first = _SLOW_BYTES if 0 < behind < _SLOW_BYTES else 0
    return room[first : first + n_bytes]


def read_into(stream: BinaryIO, rows: NDArray[Any], byte: int, *, file: Path) -> None:
    """Fill an array with what stands from a byte of a file on, without a buffer between.

    Parameters
    ----------
    stream
        The open file.
    rows
        Filled; C-contiguous, any shape.
    byte
        Where in the file it starts.
    file
        Named in the error.

    Raises
    ------
    RecordingError
        The file ends before the array is full.
    PartMissingError
        The file is here in part, and these bytes are not.
    """
    refuse_missing_part(file, byte, byte + rows.nbytes)
    left = rows.view(np.uint8).reshape(-1).data if rows.size else memoryview(b"")
    while len(left):
        n_read = os.preadv(stream.fileno(), [left], byte)
        if n_read == 0:
            raise RecordingError(
                f"{file}: expected {len(left)} more bytes at {byte}, found the end of the file, which has become "
                "shorter since it was opened. Leave it alone while it is read, and run again."
            )
        left, byte = left[n_read:], byte + n_read


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn the operating system's refusal to read a file into one line; a pipe or a device is refused unopened.

    Opening a pipe waits for somebody to write into it, and a device has no end.
    """
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise RecordingError(
                f"{file}: expected a file, found a pipe, a socket or a device. Give the path of a recorder's file."
            )
        yield
    except IsADirectoryError as error:
        raise RecordingError(
            f"{file}: expected a file, found a folder. Give one of its files: `closedloop recording info` of "
            "the folder lists them."
        ) from error
    except OSError as error:
        if is_failing_disk(error):
            with reading(file):
                raise
        raise RecordingError(
            f"{file}: expected a readable file, found: {error.strerror}. Check the path and its permissions."
        ) from error


def read_date(header: np.void) -> datetime | None:
    """Return when the recording started, in UTC as the recorder writes it; None where its clock was not set."""
    year, month, day, hour, minute, second, millisecond = (
        int(header[name]) for name in ("year", "month", "day", "hour", "minute", "second", "millisecond")
    )
    try:
        return datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        return None


def report_date(header: np.void) -> tuple[str, ...]:
    """Say that a header's date is none; a clock that was not set leaves zeros, which is no fault."""
    year, month, day = (int(header[name]) for name in ("year", "month", "day"))
    if read_date(header) is not None or not any((year, month, day)):
        return ()
    return (f"the header's date is none (year {year}, month {month}, day {day}): when it was recorded is not known",)


def write_date(header: np.void, start: datetime) -> None:
    """Fill a header's eight date fields with `start`, converted to UTC; a time without zone is taken as UTC."""
    moment = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
    header["year"], header["month"], header["day"] = moment.year, moment.month, moment.day
    header["weekday"] = moment.isoweekday() % 7  # Sunday is 0
    header["hour"], header["minute"], header["second"] = moment.hour, moment.minute, moment.second
    header["millisecond"] = moment.microsecond // 1000
