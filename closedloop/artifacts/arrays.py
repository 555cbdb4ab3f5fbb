"""HDF5 files with declared datasets: name, dtype, dimensions, unit. The only home of h5py.

No compression; images one chunk each: a random read touches one chunk, a write is twenty times faster than with gzip.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.documents import FORMAT_VERSION, refuse_other_version
from closedloop.artifacts.layouts import ArrayLayout, Dataset
from closedloop.errors import DocumentError
from closedloop.storage import atomic_file, is_failing_disk, storage_errors

Arrays = dict[str, NDArray[Any]]

_APPENDED_CHUNK = 1 << 16  # rows
_HELD_BYTES = 8 << 20  # what h5py may hold back of some datasets until the file is closed
_WIDE_CHUNK_BYTES = 1 << 18  # of an appended dataset of several columns: h5py keeps a chunk below a megabyte in memory


def write_arrays(
    path: Path,
    layout: ArrayLayout,
    arrays: Mapping[str, NDArray[Any]],
    *,
    simulated: bool,
    attributes: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write an array file atomically.

    Parameters
    ----------
    path
        The file.
    layout
        Its kind.
    arrays
        Exactly the layout's datasets, each with as many dimensions as the layout names.
    simulated
        The mark of simulated data.
    attributes
        More attributes of the file.

    Raises
    ------
    ValueError
        The arrays are not those of the layout, by name or by number of dimensions.
    """
    if set(arrays) != set(layout.datasets):
        raise ValueError(f"{layout.kind}: expected datasets {sorted(layout.datasets)}, found {sorted(arrays)}")
    with atomic_file(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        file.attrs.update(kind=layout.kind, format_version=FORMAT_VERSION, simulated=simulated, **(attributes or {}))
        for name, declared in layout.datasets.items():
            _write_dataset(file, name, declared, np.asarray(arrays[name]))


@contextmanager
def array_writer(
    path: Path,
    layout: ArrayLayout,
    *,
    simulated: bool,
    attributes: Mapping[str, str | int | float] | None = None,
    n_columns: Mapping[str, int] | None = None,
    whole: Mapping[str, NDArray[Any]] | None = None,
) -> Iterator[Callable[[Mapping[str, NDArray[Any]]], None]]:
    """Write an array file part by part, atomically, without having all of it in memory.

    Parameters
    ----------
    path
        The file.
    layout
        Its kind.
    simulated
        The mark of simulated data.
    attributes
        More attributes of the file.
    n_columns
        How many columns each dataset of two dimensions has that is appended to, at least one.
    whole
        Datasets that are written at once; all others begin empty.

    Yields
    ------
    Callable
        Appends one array, (n,) or (n, columns), to every dataset that is not whole.
    """
    with atomic_file(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        file.attrs.update(kind=layout.kind, format_version=FORMAT_VERSION, simulated=simulated, **(attributes or {}))
        grown = {name: declared for name, declared in layout.datasets.items() if name not in (whole or {})}
        for name, declared in layout.datasets.items():
            if name in grown:
                _begin_dataset(file, name, declared, (n_columns or {}).get(name))
            else:
                _write_dataset(file, name, declared, np.asarray((whole or {})[name]))
        yield partial(_append, file, layout.kind, frozenset(grown))


def _begin_dataset(file: h5py.File, name: str, declared: Dataset, n_columns: int | None) -> None:
    width = () if n_columns is None else (n_columns,)
    if 1 + len(width) != len(declared.dimensions):
        raise ValueError(f"{name}: expected dimensions {declared.dimensions}, found {1 + len(width)}")
    row_bytes = np.dtype(declared.dtype).itemsize * max(n_columns or 1, 1)
    rows = _APPENDED_CHUNK if n_columns is None else max(_WIDE_CHUNK_BYTES // row_bytes, 1)
    dataset = file.create_dataset(
        name,
        (0, *width),
        declared.dtype,
        maxshape=(None, *width),
        chunks=(rows, *width),
        track_times=False,
    )
    _describe(dataset, declared)


def _append(file: h5py.File, kind: str, names: frozenset[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    if set(arrays) != names or len({len(array) for array in arrays.values()}) != 1:
        raise ValueError(f"{kind}: expected columns {sorted(names)} of one length")
    _check_room(file, sum(values.nbytes for values in arrays.values()))
    for name, values in arrays.items():
        n = len(file[name])
        if values.shape[1:] != file[name].shape[1:]:
            raise ValueError(f"{name}: expected rows of shape {file[name].shape[1:]}, found {values.shape[1:]}")
        file[name].resize(n + len(values), axis=0)
        file[name][n:] = values


def _check_room(file: h5py.File, n_bytes: int) -> None:
    """Fail before h5py does: where its own writing fails, it prints a screenful on the way, and again as it closes."""
    folder = Path(file.filename).resolve().parent
    if shutil.disk_usage(folder).free < n_bytes + _HELD_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.filename)


def _describe(dataset: h5py.Dataset, declared: Dataset) -> None:
    dataset.attrs["unit"] = declared.unit
    dataset.attrs["dimensions"] = list(declared.dimensions)


def _write_dataset(file: h5py.File, name: str, declared: Dataset, values: NDArray[Any]) -> None:
    if values.ndim != len(declared.dimensions):
        raise ValueError(f"{name}: expected dimensions {declared.dimensions}, found shape {values.shape}")
    chunks = (1, *values.shape[1:]) if values.ndim == 4 and values.size else None
    dataset = file.create_dataset(
        name, data=values.astype(declared.dtype, copy=False), chunks=chunks, track_times=False
    )
    _describe(dataset, declared)


def read_arrays(path: Path, layout: ArrayLayout) -> dict[str, NDArray[Any]]:
    """Read all datasets of an array file.

    Raises
    ------
    DocumentError
        The file is missing, damaged, or not of this kind and version.
    """
    with _open(path, layout) as file:
        return {name: file[name][...] for name in layout.datasets}


def check_arrays(path: Path, layout: ArrayLayout) -> None:
    """Open an array file and look at each of its datasets, without reading them.

    Raises
    ------
    DocumentError
        The file is missing, damaged, or not of this kind and version.
    """
    with _open(path, layout) as file:
        for name in layout.datasets:
            file[name].shape  # noqa: B018 - a missing one raises KeyError


def read_rows(path: Path, layout: ArrayLayout, *, name: str, rows: Sequence[int]) -> NDArray[Any]:
    """Read some rows of one dataset, in the order asked for, without reading the others.

    Parameters
    ----------
    path
        The file.
    layout
        Its kind.
    name
        The dataset.
    rows
        Its rows to read.

    Raises
    ------
    DocumentError
        The file is missing, damaged, not of this kind and version, or has no such row.
    """
    with _open(path, layout) as file:
        dataset = file[name]
        missing = [row for row in rows if not 0 <= row < len(dataset)]
        if missing:
            raise DocumentError(
                f"{path}: expected row {missing[0]} of {name}, found {len(dataset)} rows. Restore the file."
            )
        return np.stack([dataset[row] for row in rows]) if rows else np.empty((0, *dataset.shape[1:]), dataset.dtype)


@contextmanager
def _open(path: Path, layout: ArrayLayout) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            _check(path, layout, file)
            yield file
    except FileNotFoundError as error:
        raise DocumentError(f"{path}: expected an array file, found none. Run the stage that writes it.") from error
    except (OSError, KeyError) as error:
        with storage_errors(path):
            if is_failing_disk(error):
                raise
        raise DocumentError(
            f"{path}: expected an HDF5 file of kind {layout.kind}, found a damaged one. Restore it."
        ) from error


def _check(path: Path, layout: ArrayLayout, file: h5py.File) -> None:
    kind = file.attrs.get("kind")
    if kind != layout.kind:
        raise DocumentError(
            f"{path}: expected an array file of kind {layout.kind}, found {kind}. Put the right file there."
        )
    refuse_other_version(path, str(file.attrs.get("format_version", 0)))
