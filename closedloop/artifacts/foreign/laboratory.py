"""Responses in a laboratory's HDF5 or netCDF-4 file, as plain bytes: what HDF5 is asked, in a confined process.

A dataset is read where it is of the file itself: no link, no values in other files, none that HDF5 would compose of
other datasets. What a file declares beyond the limits is refused before it is read.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from closedloop.confined.protocol import Answer

_MOST_BYTES = 4 << 30
_MOST_TEXTS = 5_000_000
_LONGEST_TEXT = 1000
_MOST_LISTED = 40
_LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT)


class _UnfitError(Exception):
    """The file is whole, and not as asked."""


def describe(path: str) -> Answer:
    """Return the datasets of a file by name, each with its shape and type, and its mark of simulated data, if any."""
    with h5py.File(path, "r") as file:
        mark = file.attrs.get("simulated") if "simulated" in file.attrs else None
        return {"datasets": _listed(file), "simulated": bool(mark) if np.isscalar(mark) else False}, []


def read(path: str, names: Mapping[str, Sequence[str]], most_bytes: int = _MOST_BYTES) -> Answer:
    """Read what is asked for.

    Parameters
    ----------
    path
        The file.
    names
        By role the names that the dataset may have, of which the first that is there is read.
    most_bytes
        Of all values together.

    Returns
    -------
    Answer
        By role name, shape, type and dimensions of what was found, numbers or texts, and a part each; or, under
        "other", what was expected and what was found.
    """
    with h5py.File(path, "r") as file:
        described, parts, n_bytes = dict[str, Any](), list[Any](), 0
        try:
            for role, candidates in names.items():
                name = next((one for one in candidates if _is_there(file, one)), None)
                if name is None:
                    continue
                dataset = _dataset(file, name)
                n_bytes += math.prod(dataset.shape) * max(dataset.dtype.itemsize, 1)
                if n_bytes > most_bytes:
                    raise _UnfitError(f"at most {most_bytes >> 20:,} MB of values", f"more, up to {name}")
                said, part = _values(dataset, name)
                described[role] = {"name": name, "dimensions": _dimensions(dataset), **said}
                parts.append(part)
        except _UnfitError as error:
            expected, found = error.args
            return {"other": [expected, found], "datasets": _listed(file)}, []
        return {"found": described, "datasets": _listed(file)}, parts


def _is_there(file: h5py.File, name: str) -> bool:
    """Return whether there is something of a name, a link to elsewhere among it; no link is followed."""
    group: Any = file
    for part in _parts(name):
        if not isinstance(group, h5py.Group) or not group.id.links.exists(part.encode()):
            return False
        if group.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            return True
        group = group[part]
    return True


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part]


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    found: Any = file
    for part in _parts(name):
        if found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise _UnfitError(f"{name} in the file itself", "a link to somewhere else")
        found = found[part]
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise _UnfitError(f"a dataset {name}", "a group, or one without values")
    plan = found.id.get_create_plist()
    if plan.get_layout() not in _LAYOUTS or plan.get_external_count():
        raise _UnfitError(f"the values of {name} in the file itself", "that they lie in other files or datasets")
    return found


def _values(dataset: h5py.Dataset, name: str) -> tuple[dict[str, Any], Any]:
    shape = list(dataset.shape)
    if h5py.check_string_dtype(dataset.dtype) is not None:
        if math.prod(dataset.shape) > _MOST_TEXTS:
            raise _UnfitError(f"at most {_MOST_TEXTS:,} texts in {name}", f"{math.prod(dataset.shape):,}")
        texts = [_text(one, name) for one in np.ravel(dataset[()])]
        return {"shape": shape, "texts": [len(one) for one in texts]}, b"".join(texts)
    if dataset.dtype.kind not in "fiub":
        raise _UnfitError(f"numbers or texts in {name}", f"{dataset.dtype}"[:_LONGEST_TEXT])
    values: NDArray[Any] = np.ascontiguousarray(dataset[()])
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return {"shape": shape, "numbers": values.dtype.str}, values.reshape(-1).view(np.uint8)


def _text(value: Any, name: str) -> bytes:
    content = value if isinstance(value, bytes) else str(value).encode()
    if len(content) > _LONGEST_TEXT:
        raise _UnfitError(f"texts of at most {_LONGEST_TEXT} bytes in {name}", f"one of {len(content)}")
    return content


def _dimensions(dataset: h5py.Dataset) -> list[str]:
    """Return the names of its axes, as netCDF and xarray give them; "" where it has none."""
    names = []
    for axis in range(len(dataset.shape)):
        scales = dataset.dims[axis].keys() if dataset.attrs.get("DIMENSION_LIST") is not None else []
        scale = dataset.dims[axis][0].name if len(dataset.dims[axis]) else next(iter(scales), "")
        names.append(posixpath.basename(scale or "")[:_LONGEST_TEXT])
    return names


def _listed(file: h5py.File) -> dict[str, str]:
    """List datasets with shape and type, the first few."""
    found = dict[str, str]()
    for name, one in _walk(file, ""):
        if len(found) >= _MOST_LISTED:
            break
        found[name[:_LONGEST_TEXT]] = f"{' x '.join(map(str, one.shape or ()))} {one.dtype}"[:_LONGEST_TEXT]
    return found


def _walk(group: h5py.Group, above: str, *, depth: int = 0) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the datasets of a group that are linked directly, those of its groups after them."""
    inner = []
    for name in group:
        if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            continue
        one = group[name]
        if isinstance(one, h5py.Dataset):
            yield f"{above}{name}", one
        elif isinstance(one, h5py.Group) and depth < 4:
            inner.append((name, one))
    for name, one in inner:
        yield from _walk(one, f"{above}{name}/", depth=depth + 1)
