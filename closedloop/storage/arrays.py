"""numpy's files, byte for byte those of `numpy.save`, written by Python's own writing: that says what the disk said.

Where a disk is full, ``numpy.save`` raises an OSError without a number, and a memory map ends the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from closedloop.storage.files import atomic_file, atomic_stream, open_new

_BLOCK_BYTES = 1 << 24  # copied at once of an array whose bytes do not lie together


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array's file atomically."""
    with atomic_stream(path) as stream:
        write_array(stream, array)


def write_array(stream: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array to an open file, as `numpy.save` does; no Python objects."""
    if array.dtype.hasobject:
        raise ValueError(f"expected plain values, found {array.dtype}")
    npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(array))
    flat = array.T if array.flags.f_contiguous and not array.flags.c_contiguous else array
    rows = max(_BLOCK_BYTES // max(flat[:1].nbytes, 1), 1) if flat.ndim else 1
    blocks = (flat[start : start + rows] for start in range(0, len(flat), rows)) if flat.ndim else (flat,)
    for block in blocks:
        if block.size:
            stream.write(_bytes_of(block))


def _bytes_of(block: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(block).reshape(-1).view(np.uint8).data


def save_rows(path: Path, blocks: Iterable[NDArray[Any]], *, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write one array from blocks of its rows, without having it in memory, under a name that is not published yet.

    Parameters
    ----------
    path
        The file.
    blocks
        Rows in order.
    shape, dtype
        Of the whole array.
    """
    with open_new(path) as stream:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(stream, header)
        for block in blocks:
            if block.size:
                stream.write(_bytes_of(block.astype(dtype, copy=False)))


def map_rows(
    path: Path, blocks: Iterable[NDArray[Any]], *, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Write one array from blocks of its rows and map it, read only: of half-done work that is larger than memory.

    Whoever has an earlier file of this name mapped keeps that one.

    Parameters
    ----------
    path
        The file; an array of nothing has none.
    blocks, shape, dtype
        As in `save_rows`.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.
    """
    if not all(shape):
        return np.zeros(shape, dtype)
    with atomic_file(path) as temporary:
        save_rows(temporary, blocks, shape=shape, dtype=dtype)
    mapped: NDArray[Any] = np.load(path, mmap_mode="r")
    return mapped


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write several arrays as one ``.npz`` under a name that is not published yet."""
    with open_new(path) as stream:
        np.savez(stream, allow_pickle=False, **arrays)
