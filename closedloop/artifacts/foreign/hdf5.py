"""Where the values of an HDF5 file lie: what HDF5 is asked, once, in a confined process.

HDF5's own code reads whatever the file says, and a file may say: allocate these gigabytes, follow this ring, read these
values from /etc/passwd. Files of ours need none of what it says that way: a dataset is one run of bytes or whole rows
in chunks, unfiltered, in the file itself. So the confined process says where those bytes are, everything else is
refused, and whoever reads the values reads plain bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from closedloop.confined.protocol import Answer

Declared = Mapping[str, tuple[str, int]]
"""By the dataset's name: numpy's name of its type, and its number of dimensions."""

_LONGEST_TEXT = 1000  # of an attribute


class _OtherError(Exception):
    """The file is whole and not as ours are."""


def locate(path: str, declared: Declared) -> Answer:
    """Find the bytes of all declared datasets.

    Parameters
    ----------
    path
        The file.
    declared
        What it has to hold.

    Returns
    -------
    Answer
        Kind and version; by dataset its shape, where it begins (None where it lies in chunks) and the rows of a chunk;
        or, under "other", what is expected and what was found. Then, a part each dataset, where its chunks begin.
    """
    with h5py.File(path, "r") as file:
        attributes = {name: _attribute(file, name) for name in ("kind", "format_version")}
        if file.userblock_size:
            return {**attributes, "other": ["an HDF5 file from its first byte on", "one behind other bytes"]}, []
        try:
            places = {name: _place(file, name, *what) for name, what in declared.items()}
            _refuse_shared_bytes(file, places)
        except _OtherError as error:
            expected, found = error.args
            return {**attributes, "other": [expected, found]}, []
    datasets = {name: described for name, (described, _) in places.items()}
    return {**attributes, "datasets": datasets}, [chunks for _, chunks in places.values()]


def _attribute(file: h5py.File, name: str) -> str | int | float | None:
    """Return a text or a number; None where there is none, and the type's name of anything else."""
    if name not in file.attrs:
        return None
    described = file.attrs.get_id(name)
    if described.shape != () or described.get_storage_size() > _LONGEST_TEXT:
        return f"an array of shape {described.shape}"
    value = file.attrs[name]
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, np.integer | np.floating):
        return value.item()
    return type(value).__name__


def _place(file: h5py.File, name: str, dtype: str, n_dimensions: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
    dataset = _dataset(file, name)
    if dataset.dtype != np.dtype(dtype):
        raise _OtherError(f"{name} of type {dtype}", f"{dataset.dtype}")
    if dataset.shape is None or len(dataset.shape) != n_dimensions:
        raise _OtherError(f"{name} of {n_dimensions} dimensions", f"shape {dataset.shape}")
    plan = dataset.id.get_create_plist()
    if plan.get_external_count():
        raise _OtherError(f"{name} in the file itself", "that its values lie in other files")
    if plan.get_nfilters():
        raise _OtherError(f"{name} without compression", f"filter {plan.get_filter(0)[0]}")
    layout = plan.get_layout()
    described: dict[str, Any] = {"shape": list(dataset.shape), "offset": None, "chunk_rows": 0}
    n_bytes = math.prod(dataset.shape) * dataset.dtype.itemsize
    if not n_bytes and layout in {h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED}:
        return described | {"offset": 0}, np.zeros(0, np.int64)
    if layout == h5py.h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        if offset is None or dataset.id.get_storage_size() != n_bytes:
            raise _OtherError(f"{n_bytes} bytes of {name}", f"{dataset.id.get_storage_size()}")
        return described | {"offset": offset}, np.zeros(0, np.int64)
    if layout == h5py.h5d.CHUNKED:
        return described | {"chunk_rows": dataset.chunks[0]}, _chunks(dataset, name, file)
    raise _OtherError(f"{name} as one run of bytes or in chunks", "another layout, which may point to other files")


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Open what is linked directly: a soft or external link leads anywhere."""
    if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise _OtherError(f"{name} in the file itself", "a link to somewhere else")
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise _OtherError(f"a dataset {name}", f"a {type(found).__name__.lower()}")
    return found


def _chunks(dataset: h5py.Dataset, name: str, file: h5py.File) -> NDArray[np.int64]:
    """Return where each chunk of whole rows begins."""
    rows, *width = dataset.chunks
    if tuple(width) != dataset.shape[1:]:
        raise _OtherError(f"{name} in chunks of whole rows", f"chunks of shape {dataset.chunks}")
    n_chunks, chunk_bytes = -(-dataset.shape[0] // rows), math.prod(dataset.chunks) * dataset.dtype.itemsize
    if n_chunks * chunk_bytes > Path(file.filename).stat().st_size:
        raise _OtherError(f"{n_chunks} chunks of {name}", "a file that is smaller")
    begins = np.full(n_chunks, -1, np.int64)
    for at, offset, n_bytes, mask in _stored(dataset):
        if at % rows or n_bytes != chunk_bytes or mask or not 0 <= at // rows < n_chunks:
            raise _OtherError(f"chunks of {chunk_bytes} bytes of {name}", f"one of {n_bytes} at row {at}")
        begins[at // rows] = offset
    if (begins < 0).any():
        raise _OtherError(f"{n_chunks} chunks of {name}", f"{int((begins >= 0).sum())}")
    return begins


def _stored(dataset: h5py.Dataset) -> Iterator[tuple[int, int, int, int]]:
    """Yield the first row of each chunk, where it begins, its bytes and its filters left out."""
    stored: list[tuple[int, int, int, int]] = []

    def add(chunk: Any) -> None:
        stored.append((chunk.chunk_offset[0], chunk.byte_offset, chunk.size, chunk.filter_mask))

    dataset.id.chunk_iter(add)
    yield from stored


def _refuse_shared_bytes(file: h5py.File, places: Mapping[str, tuple[dict[str, Any], NDArray[np.int64]]]) -> None:
    """Refuse values that lie outside the file, or in one place for many: so much is allocated to read them."""
    n_file = Path(file.filename).stat().st_size
    n_bytes = sum(math.prod(described["shape"]) * file[name].dtype.itemsize for name, (described, _) in places.items())
    if n_bytes > n_file:
        raise _OtherError(f"{n_bytes} bytes of values", f"a file of {n_file}")
