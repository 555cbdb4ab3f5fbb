"""HDF5 files with declared datasets: name, dtype, dimensions, unit. The only home of h5py.

No compression; images one chunk each: a random read touches one chunk, a write is twenty times faster than with gzip.

HDF5 does not survive a disk that fails: what a dataset had in memory is lost in silence, or the process ends. So it
writes into memory, as long as there is not too much, and the bytes are written by ourselves: they are the same ones.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.documents import FORMAT_VERSION, refuse_other_version
from closedloop.artifacts.foreign.places import DatasetPlace, dataset_places, open_plain
from closedloop.artifacts.layouts import ArrayLayout, Dataset
from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError
from closedloop.storage import atomic_file, change_in_place, is_failing_disk, open_new, storage_errors

if TYPE_CHECKING:
    import h5py

Arrays = dict[str, NDArray[Any]]

_LOCATE = FunctionPlace("closedloop.artifacts.foreign.hdf5", "locate")

_APPENDED_CHUNK = 1 << 16  # rows
_MOST_IN_MEMORY_BYTES = 1 << 26
_HELD_BYTES = 8 << 20  # what h5py may hold back of some datasets until the file is closed
_LOCATED_BYTES_PER_S = 1e9  # only the index of a file is read to find its values
_LOCATED_GROWTH = 0.1  # memory by byte of the file: many small chunks
_MOST_KNOWN = 16  # files whose places are remembered
_SETTLED_S = 2.0  # a file written this long ago and written again has another time
_WIDE_CHUNK_BYTES = 1 << 18  # of an appended dataset of several columns: h5py keeps a chunk below a megabyte in memory

_known: dict[tuple[str | int, ...], dict[str, DatasetPlace]] = {}


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
    values = {name: np.asarray(arrays[name]) for name in layout.datasets}
    begin = partial(_begin, layout=layout, simulated=simulated, attributes=attributes or {}, n_columns={}, whole=values)
    with atomic_file(path) as temporary:
        if sum(one.nbytes for one in values.values()) <= _MOST_IN_MEMORY_BYTES:
            _write_from_memory(temporary, begin, [])
        else:
            with _large_file(temporary) as file:
                _reserve(file, sum(one.nbytes for one in values.values()))
                begin(file)


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
    begin = partial(
        _begin,
        layout=layout,
        simulated=simulated,
        attributes=attributes or {},
        n_columns=n_columns or {},
        whole={name: np.asarray(values) for name, values in (whole or {}).items()},
    )
    rows = {
        name: () if name not in (n_columns or {}) else ((n_columns or {})[name],)
        for name in layout.datasets
        if name not in (whole or {})
    }
    with atomic_file(path) as temporary, ExitStack() as stack:
        held: list[Mapping[str, NDArray[Any]]] = []
        append_to_large: list[Callable[[Mapping[str, NDArray[Any]]], None]] = []
        n_held_bytes = 0

        def append(arrays: Mapping[str, NDArray[Any]]) -> None:
            nonlocal n_held_bytes
            _check_rows(layout.kind, rows, arrays)
            if append_to_large:
                return append_to_large[0](arrays)
            held.append({name: values.copy() for name, values in arrays.items()})
            n_held_bytes += sum(values.nbytes for values in arrays.values())
            if n_held_bytes > _MOST_IN_MEMORY_BYTES:
                file = stack.enter_context(_large_file(temporary))
                begin(file)
                append_to_large.append(partial(_append, file))
                for part in held:
                    append_to_large[0](part)
                held.clear()
            return None

        yield append
        if not append_to_large:
            _write_from_memory(temporary, begin, held)


def _begin(
    file: h5py.File,
    *,
    layout: ArrayLayout,
    simulated: bool,
    attributes: Mapping[str, str | int | float],
    n_columns: Mapping[str, int],
    whole: Mapping[str, NDArray[Any]],
) -> None:
    """Write what a file begins with, the datasets that are whole, and the others empty."""
    file.attrs.update(kind=layout.kind, format_version=FORMAT_VERSION, simulated=simulated, **attributes)
    for name, declared in layout.datasets.items():
        if name in whole:
            _write_dataset(file, name, declared, whole[name])
        else:
            _begin_dataset(file, name, declared, n_columns.get(name))


def _write_from_memory(
    temporary: Path, begin: Callable[[h5py.File], None], parts: Sequence[Mapping[str, NDArray[Any]]]
) -> None:
    import h5py  # noqa: PLC0415 - whoever only reads does without

    with h5py.File(temporary, "w", driver="core", backing_store=False, track_order=True) as file:
        begin(file)
        for part in parts:
            _append(file, part)
        file.flush()
        content = file.id.get_file_image()
    with open_new(temporary) as stream:
        stream.write(content)


@contextmanager
def _large_file(temporary: Path) -> Iterator[h5py.File]:
    """Let HDF5 write a file itself, all of it before it is closed; what then fails ends the process."""
    import h5py  # noqa: PLC0415 - likewise

    with h5py.File(temporary, "w", track_order=True) as file:
        try:
            with _nothing_lost():
                yield file
                file.flush()
                n_bytes = file.id.get_filesize()
        except BaseException:
            _forget(file)
            raise
    with change_in_place(temporary) as stream:
        stream.truncate(n_bytes)  # what was reserved too much


@contextmanager
def _nothing_lost() -> Iterator[None]:
    """Raise what HDF5 only prints: that it could not write what a dataset, as it was closed, still had in memory."""
    lost: list[BaseException | None] = []
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook, sys.unraisablehook = lambda *_: None, lambda said: lost.append(said.exc_value)
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks
    if lost:
        raise lost[0] or OSError("an array file lost what was written to it")


def _forget(file: h5py.File) -> None:
    """Let a file that is given up end elsewhere: HDF5 writes the rest as it closes, or prints a screenful."""
    with tempfile.TemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as nowhere:
        os.dup2(nowhere.fileno(), file.id.get_vfd_handle())


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


def _check_rows(kind: str, rows: Mapping[str, tuple[int, ...]], arrays: Mapping[str, NDArray[Any]]) -> None:
    if set(arrays) != set(rows) or len({len(array) for array in arrays.values()}) != 1:
        raise ValueError(f"{kind}: expected columns {sorted(rows)} of one length")
    for name, values in arrays.items():
        if values.shape[1:] != rows[name]:
            raise ValueError(f"{name}: expected rows of shape {rows[name]}, found {values.shape[1:]}")


def _append(file: h5py.File, arrays: Mapping[str, NDArray[Any]]) -> None:
    _reserve(file, sum(values.nbytes for values in arrays.values()))
    with _nothing_lost():
        for name, values in arrays.items():
            n = len(file[name])
            file[name].resize(n + len(values), axis=0)
            file[name][n:] = values


def _reserve(file: h5py.File, n_bytes: int) -> None:
    """Take the room on the disk before HDF5 does, which does not survive that there is none."""
    if file.driver == "core":
        return
    here, wanted = file.id.get_filesize(), n_bytes + _HELD_BYTES
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.id.get_vfd_handle(), here, wanted)
    elif shutil.disk_usage(Path(file.filename).parent).free < wanted:
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
    with _located(path, layout) as (file, places):
        return {name: place.read(file) for name, place in places.items()}


def check_arrays(path: Path, layout: ArrayLayout) -> None:
    """Look at each dataset of an array file, without reading them.

    Raises
    ------
    DocumentError
        The file is missing, damaged, or not of this kind and version.
    """
    with _located(path, layout):
        pass


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
    with _located(path, layout) as (file, places):
        n_rows = places[name].shape[0]
        missing = [row for row in rows if not 0 <= row < n_rows]
        if missing:
            raise DocumentError(f"{path}: expected row {missing[0]} of {name}, found {n_rows} rows. Restore the file.")
        return places[name].read_rows(file, rows)


@contextmanager
def _located(path: Path, layout: ArrayLayout) -> Iterator[tuple[int, Mapping[str, DatasetPlace]]]:
    """Open a file for reading, with where its datasets lie; this process leaves it to another to ask HDF5 for that."""
    try:
        with open_plain(path) as file:
            yield file, _places(path, layout, os.fstat(file))
    except FileNotFoundError as error:
        raise DocumentError(f"{path}: expected an array file, found none. Run the stage that writes it.") from error
    except (OSError, ConfinedError) as error:
        with storage_errors(path):
            if is_failing_disk(error):
                raise
        why = f" ({error})" if isinstance(error, ConfinedError) else ""
        raise DocumentError(
            f"{path}: expected an HDF5 file of kind {layout.kind}, found a damaged one{why}. Restore it."
        ) from error


def _places(path: Path, layout: ArrayLayout, status: os.stat_result) -> dict[str, DatasetPlace]:
    """Return where the datasets lie, as remembered of this very file: rows are read one by one from large ones."""
    identity = str(path), layout.kind, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    if identity in _known:
        return _known[identity]
    declared = {name: (declared.dtype, len(declared.dimensions)) for name, declared in layout.datasets.items()}
    limits = Limits.of_file(status.st_size, bytes_per_s=_LOCATED_BYTES_PER_S, growth=_LOCATED_GROWTH)
    found, chunks = run_confined(_LOCATE, str(path), declared, limits=limits)
    _check(path, layout, found)
    places = dataset_places(found["datasets"], layout, chunks)
    if time.time() - status.st_mtime > _SETTLED_S:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[identity] = places
    return places


def _check(path: Path, layout: ArrayLayout, found: Mapping[str, Any]) -> None:
    if found["kind"] != layout.kind:
        raise DocumentError(
            f"{path}: expected an array file of kind {layout.kind}, found {found['kind']}. Put the right file there."
        )
    refuse_other_version(path, str(found["format_version"] or 0))
    if "other" in found:
        expected, other = found["other"]
        raise DocumentError(
            f"{path}: expected {expected} in an HDF5 file of kind {layout.kind}, found {other}. Restore the file."
        )
