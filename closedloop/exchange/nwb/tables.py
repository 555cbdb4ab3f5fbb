"""Columns of ours as tables of NWB, without what archives take for a mistake: columns of nothing but NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Storage:
    """How large datasets are stored, block after block; how much of them is written is told as it goes."""

    def __init__(self, progress: ProgressCallback, *, zarr: bool = False) -> None:
        """Take where they go.

        Parameters
        ----------
        progress
            Called with (bytes written, bytes in all).
        zarr
            Whether that is a Zarr store, not an HDF5 file.
        """
        self.zarr = zarr
        self._progress, self._done, self._total = progress, 0, 0

    def dataset(
        self,
        blocks: Iterator[NDArray[Any]],
        *,
        shape: tuple[int, ...],
        dtype: type[np.generic],
        chunks: tuple[int, ...],
        compressed: bool = True,
    ) -> Any:
        """Return what hdmf writes as a dataset.

        Parameters
        ----------
        blocks
            Its rows in order, as many as `shape` says in all.
        shape, dtype, chunks
            Of the dataset.
        compressed
            Whether it is worth the time.
        """
        self._total += math.prod(shape) * np.dtype(dtype).itemsize
        data = Blocks(blocks, shape=shape, dtype=np.dtype(dtype), written=self._add)
        if self.zarr:
            from hdmf_zarr import ZarrDataIO  # noqa: PLC0415 - most files are HDF5

            return ZarrDataIO(data, chunks=chunks)
        packing = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compressed else {}
        return H5DataIO(data, chunks=chunks, **packing)

    def _add(self, n_bytes: int) -> None:
        self._done += n_bytes
        self._progress(self._done, self._total)


class Blocks(AbstractDataChunkIterator):  # type: ignore[misc]
    """A dataset that is written block after block, so that it is never in memory whole."""

    def __init__(
        self,
        blocks: Iterator[NDArray[Any]],
        *,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        written: Callable[[int], None],
    ) -> None:
        """Take blocks of rows.

        Parameters
        ----------
        blocks
            Rows in order, as many as `shape` says in all.
        shape, dtype
            Of the dataset.
        written
            Called with the bytes of every block.
        """
        self._blocks, self._shape, self._dtype, self._at, self._written = blocks, shape, dtype, 0, written

    def __iter__(self) -> Blocks:
        return self

    def __next__(self) -> DataChunk:
        rows = next(self._blocks)
        self._written(rows.nbytes)
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
