"""Pictures of what is shown, from the bytes that the rig shows: a session's images.npy, pixel for pixel as PNG."""

from __future__ import annotations

import re
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from closedloop.artifacts.catalog import SESSION_IMAGES
from closedloop.artifacts.study import StudyPaths
from closedloop.confined.npy import ArrayFileError, map_npy
from closedloop.storage import open_to_read

_KEY: Final = re.compile(r"([0-9]{1,3})-([0-9]{1,7})")
_MOST_PIXELS: Final = 4096 * 4096
_MOST_KNOWN: Final = 96  # pictures, of 224 px: 15 MB
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def picture_key(day: int, image: int) -> str:
    """Return what a page calls an image: its day, and its row of the session's images."""
    return f"{day}-{image}"


def session_picture(paths: StudyPaths, key: str) -> bytes | None:
    """Return an image of a day's session as PNG; None where the key is none, or there is no such image.

    Parameters
    ----------
    paths
        The study.
    key
        As `picture_key` returns it: two numbers, never a path.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    path = SESSION_IMAGES.published(paths, int(found[1]))
    try:
        status = path.stat()
        return _png(path, (status.st_ino, status.st_size, status.st_mtime_ns), int(found[2]))
    except (OSError, ArrayFileError):
        return None


@lru_cache(maxsize=_MOST_KNOWN)
def _png(path: Path, _state: tuple[int, int, int], image: int) -> bytes | None:
    """Read one image; the map is opened for its header alone, and what is read is read: a disk may fail."""
    images = map_npy(path)
    shape = images.shape
    if images.dtype != "uint8" or len(shape) != 4 or shape[3] != 3 or image >= shape[0]:
        return None
    height, width = shape[1:3]
    if not 0 < height * width <= _MOST_PIXELS:
        return None
    n_bytes = height * width * 3
    with open_to_read(path) as file:
        file.seek(-images.nbytes + image * n_bytes, 2)
        pixels = file.read(n_bytes)
    return png_bytes(pixels, width=width) if len(pixels) == n_bytes else None


def png_bytes(pixels: bytes, *, width: int) -> bytes:
    """Return RGB pixels of eight bits, row by row, as a PNG file, pixel for pixel.

    Parameters
    ----------
    pixels
        Three bytes a pixel.
    width
        Pixels of a row.
    """
    row_bytes = 3 * width
    rows = b"".join(b"\0" + pixels[at : at + row_bytes] for at in range(0, len(pixels), row_bytes))  # filter 0: none
    header = struct.pack(">IIBBBBB", width, len(pixels) // row_bytes, 8, 2, 0, 0, 0)  # eight bits, RGB
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk: length, name, content, CRC (PNG specification, section 5.3)."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
