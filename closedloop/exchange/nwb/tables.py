"""Columns of ours as tables of NWB, without what archives take for a mistake: columns of nothing but NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hdmf.backends.hdf5.h5_utils import H5DataIO
from hdmf.data_utils import AbstractDataChunkIterator, DataChunk
from numpy.typing import NDArray
from pynwb.core import DynamicTable, VectorData

from closedloop.artifacts.layouts import Column
from closedloop.execution.progress import ProgressCallback

_COMPRESSED_FROM = 1 << 16  # bytes; smaller datasets gain nothing

Values = NDArray[Any] | Sequence[Any]


@dataclass(frozen=True)
class Described:
    """A column and what it says."""

    values: Values
    meaning: str


def described(layout: Mapping[str, Column], columns: Mapping[str, NDArray[Any]]) -> dict[str, Described]:
    """Return a table file's columns with what the layout says of them.

    Parameters
    ----------
    layout
        The file's.
    columns
        Its content; columns that the layout has and the file lacks are left out.
    """
    return {
        name: Described(columns[name], f"{one.meaning} ({one.unit})" if one.unit else one.meaning or name)
        for name, one in layout.items()
        if name in columns
    }


def vector_columns(columns: Mapping[str, Described]) -> list[VectorData]:
    """Return the columns that say something."""
    return [
        VectorData(name=name, description=one.meaning, data=stored(_plain(one.values)))
        for name, one in columns.items()
        if not _is_nothing(one.values)
    ]


def dynamic_table(name: str, description: str, columns: Mapping[str, Described]) -> DynamicTable:
    """Return a table of NWB.

    Parameters
    ----------
    name, description
        Of the table.
    columns
        Its columns, of one length.
    """
    made = vector_columns(columns)
    return DynamicTable(name=name, description=description, columns=made, colnames=[one.name for one in made])


def stored(values: Values) -> Any:
    """Return values as they are written: large ones compressed."""
    if isinstance(values, np.ndarray) and values.nbytes >= _COMPRESSED_FROM and values.dtype.kind in "iufb":
        return H5DataIO(values, compression="gzip", compression_opts=1, shuffle=True)
    return values


class Tally:
    """How much of what is written block after block is written, told as it goes."""

    def __init__(self, progress: ProgressCallback) -> None:
        """Take what is called with (bytes written, bytes in all)."""
        self._progress, self._done, self._total = progress, 0, 0

    def expect(self, n_bytes: int) -> None:
        """Count bytes that will be written."""
        self._total += n_bytes

    def add(self, n_bytes: int) -> None:
        """Count bytes that are written."""
        self._done += n_bytes
        self._progress(self._done, self._total)


class Blocks(AbstractDataChunkIterator):  # type: ignore[misc]
    """A dataset that is written block after block, so that it is never in memory whole."""

    def __init__(
        self, blocks: Iterator[NDArray[Any]], *, shape: tuple[int, ...], dtype: np.dtype[Any], tally: Tally
    ) -> None:
        """Take blocks of rows.

        Parameters
        ----------
        blocks
            Rows in order, as many as `shape` says in all.
        shape, dtype
            Of the dataset.
        tally
            Hears of every block.
        """
        self._blocks, self._shape, self._dtype, self._at, self._tally = blocks, shape, dtype, 0, tally
        tally.expect(math.prod(shape) * dtype.itemsize)

    def __iter__(self) -> Blocks:
        return self

    def __next__(self) -> DataChunk:
        rows = next(self._blocks)
        self._tally.add(rows.nbytes)
        place = (slice(self._at, self._at + len(rows)), *(slice(0, width) for width in rows.shape[1:]))
        self._at += len(rows)
        return DataChunk(data=rows, selection=place)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the dataset."""
        return self._dtype

    @property
    def maxshape(self) -> tuple[int, ...]:
        """Of the dataset."""
        return self._shape

    def recommended_data_shape(self) -> tuple[int, ...]:
        """Return the dataset's shape: it is allocated once."""
        return self._shape

    def recommended_chunk_shape(self) -> None:
        """Leave it to whoever stores the dataset."""


def _plain(values: Values) -> Values:
    if isinstance(values, np.ndarray) and values.dtype.kind in "UOS":
        return [str(one) for one in values.tolist()]
    return values


def _is_nothing(values: Values) -> bool:
    found = np.asarray(values)
    return found.dtype.kind == "f" and bool(np.isnan(found).all())
