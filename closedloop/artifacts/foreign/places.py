"""Values read from where they lie in a file, as plain bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.layouts import ArrayLayout
from closedloop.confined.protocol import ConfinedError

_READ_BYTES = 1 << 30  # the kernel reads no more at once than 2 GB


@dataclass(frozen=True)
class DatasetPlace:
    """Where a dataset lies in its file.

    Attributes
    ----------
    shape, dtype
        Of the whole.
    offset
        Where it begins; None where it lies in chunks.
    chunk_rows
        Rows of a chunk.
    chunks
        Where each chunk begins.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int | None
    chunk_rows: int
    chunks: NDArray[np.int64]

    def read(self, file: int) -> NDArray[Any]:
        """Read all of it from an open file."""
        values = np.empty(self.shape, self.dtype)
        if self.offset is not None:
            _read_into(file, values, self.offset)
            return values
        for chunk, begin in enumerate(self.chunks.tolist()):
            _read_into(file, values[chunk * self.chunk_rows : (chunk + 1) * self.chunk_rows], begin)
        return values

    def read_rows(self, file: int, rows: Sequence[int]) -> NDArray[Any]:
        """Read some rows, in the order asked for."""
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        row_bytes = values[:1].nbytes if len(rows) else 0
        for place, row in enumerate(rows):
            if self.offset is None:
                chunk, inside = divmod(row, self.chunk_rows)
                begin = int(self.chunks[chunk]) + inside * row_bytes
            else:
                begin = self.offset + row * row_bytes
            _read_into(file, values[place : place + 1], begin)
        return values


def dataset_places(
    found: Mapping[str, Mapping[str, Any]], layout: ArrayLayout, chunks: Sequence[memoryview]
) -> dict[str, DatasetPlace]:
    """Return where the datasets of a layout lie, from what `hdf5.locate` answered.

    Parameters
    ----------
    found
        By dataset: shape, offset, rows of a chunk.
    layout
        The file's kind.
    chunks
        Where each dataset's chunks begin, in the order of `found`.
    """
    return {
        name: DatasetPlace(
            tuple(described["shape"]),
            np.dtype(layout.datasets[name].dtype),
            described["offset"],
            described["chunk_rows"],
            np.frombuffer(begins, np.int64),
        )
        for (name, described), begins in zip(found.items(), chunks, strict=True)
    }


@contextmanager
def open_plain(path: Path) -> Iterator[int]:
    """Open a file for reading and yield its descriptor: no pipe and no device, which might never give a byte.

    Raises
    ------
    OSError
        There is none, or it cannot be read.
    ConfinedError
        It is something else than a file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfinedError("no file")
        yield descriptor
    finally:
        os.close(descriptor)


def _read_into(file: int, values: NDArray[Any], begin: int) -> None:
    """Fill an array with the bytes from a place of a file on."""
    wanted = values.reshape(-1).view(np.uint8).data if values.size else memoryview(b"")
    while len(wanted):
        n = os.preadv(file, [wanted[:_READ_BYTES]], begin)
        if not n:
            raise ConfinedError("fewer bytes than it describes")
        wanted, begin = wanted[n:], begin + n
