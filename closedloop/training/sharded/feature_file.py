"""Features of the frozen part of a model on disk: of each image computed once, for all epochs and all processes.

It is half-done work, like a checkpoint, and may be lost or cut off anywhere: each row carries its checksum, and one
that does not match is missing. It is written and read by place, never mapped: where a disk is full, a map ends the
process.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.storage import change_in_place, open_new

Float32 = NDArray[np.float32]

_HEADER = struct.Struct("<II")  # a mark, and the checksum of the row's number and values
_WRITTEN = 1
_SHARE_OF_FREE = 0.5  # of what is free on the disk at the beginning: left to others
_MOST_BYTES = 1 << 38


@dataclass
class FeatureFile:
    """Rows of features, each there or missing; made by `open_feature_file`.

    Attributes
    ----------
    number
        Of the open file; processes that were forked share it.
    shape
        Channels, height and width of a row.
    n_kept
        Rows from this one on are never kept.
    least_free
        Bytes of the disk that are left to others.
    """

    number: int
    shape: tuple[int, ...]
    n_kept: int
    least_free: int
    _is_full: bool = field(default=False, init=False)

    def read(self, rows: NDArray[np.int64]) -> tuple[Float32, NDArray[np.bool_]]:
        """Read rows, (n, channels, height, width), and which of them are there; the others hold anything."""
        found = np.empty((len(rows), *self.shape), dtype=np.float32)
        is_there = np.zeros(len(rows), dtype=bool)
        for place, row in enumerate(rows.tolist()):
            header = bytearray(_HEADER.size)
            values = memoryview(found[place]).cast("B")
            wanted = len(header) + len(values)
            is_whole = row < self.n_kept and os.preadv(self.number, [header, values], self._offset(row)) == wanted
            is_there[place] = is_whole and _HEADER.unpack(header) == (_WRITTEN, zlib.crc32(values, row))
        return found, is_there

    def write(self, rows: NDArray[np.int64], features: Float32) -> None:
        """Keep rows as far as there is room; a disk that fills up keeps no more, and nothing else depends on it."""
        disk = os.fstatvfs(self.number)
        self._is_full |= disk.f_bavail * disk.f_frsize < self.least_free
        for row, values in zip(rows.tolist(), features, strict=True):
            if row >= self.n_kept or self._is_full:
                continue
            content = np.ascontiguousarray(values).tobytes()
            header = _HEADER.pack(_WRITTEN, zlib.crc32(content, row))
            try:
                os.pwritev(self.number, [header, content], self._offset(row))
            except OSError:
                self._is_full = True

    def _offset(self, row: int) -> int:
        return row * row_bytes(self.shape)


@contextmanager
def open_feature_file(path: Path, *, shape: tuple[int, ...], n_rows: int) -> Iterator[FeatureFile]:
    """Open a file of features for the block, new or with what an interrupted run left there.

    Parameters
    ----------
    path
        Its name tells what the features are of: whatever is in it is taken.
    shape
        Channels, height and width of a row.
    n_rows
        Images.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    if not path.exists():
        with open_new(path):
            pass
    free = shutil.disk_usage(path.parent).free
    n_kept = min(n_rows, _MOST_BYTES // row_bytes(shape))
    with change_in_place(path) as stream:
        yield FeatureFile(stream.fileno(), shape, n_kept, int(_SHARE_OF_FREE * free))


def row_bytes(shape: tuple[int, ...]) -> int:
    """Return what a row takes."""
    return _HEADER.size + math.prod(shape) * np.dtype(np.float32).itemsize
