"""Responses in a laboratory's HDF5 or netCDF-4 file, as plain bytes: what HDF5 is asked, in a confined process.

A dataset is read where it is of the file itself: no link, no values in other files, none that HDF5 would compose of
other datasets. What a file declares beyond the limits is refused before it is read.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from closedloop.confined.protocol import Answer

_MOST_TEXTS = 5_000_000
_LONGEST_TEXT = 1000
_MOST_LISTED = 40
_BLOCK_BYTES = 16 << 20
_LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED, h5py.h5d.COMPACT)
_WINDOW = ("window_start_ms", "window_stop_ms")
_NOTHING, _PACKING = ("_FillValue", "missing_value"), ("scale_factor", "add_offset")
_BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"
_SIMULATED, _UNITS = "simulated", ("units", "unit")
_SAYS_NO = frozenset(("", "0", "false", "no", "none"))
_UNNAMED = "__xarray_dataarray_variable__"  # as xarray saves an array that has no name
_ASSEMBLY_AXES = frozenset(("presentation", "neuroid"))


class UnfitError(Exception):
    """The file is whole, and not as asked."""


def describe(path: str, names: Mapping[str, Sequence[str]], most_bytes: int) -> Answer:
    """Return what a file holds, before any of its values is read.

    Parameters
    ----------
    path
        The file.
    names
        By role the names that the dataset may have, of which the first that is there is taken.
    most_bytes
        Of the values of all of them together, unpacked.

    Returns
    -------
    Answer
        Datasets by name, each with its shape and type; whether the file or its responses are marked as simulated; how
        many bytes of values there are to read; or, under "other", what was expected and what was found.
    """
    with h5py.File(path, "r") as file:
        listed = _listed(file)
        try:
            chosen = _chosen(file, names)
        except UnfitError as error:
            return {"other": list(error.args), "datasets": listed}, []
        n_bytes = sum(
            math.prod(one.shape) * (8 if _is_packed(one) else max(one.dtype.itemsize, 1)) for one in chosen.values()
        )
        if n_bytes > most_bytes:
            found = f"{n_bytes >> 20:,} MB in {', '.join(map(_name, chosen.values()))}"
            return {"other": [f"at most {most_bytes >> 20:,} MB of values", found], "datasets": listed}, []
        is_marked = any(_is_marked(one) for one in (file, *chosen.values()))
        unit = next((said for one in (chosen.get("responses"), file) if one is not None and (said := _unit(one))), "")
        window = [one for name in _WINDOW if (one := _number(file, name)) is not None]
        window = window if len(window) == len(_WINDOW) else []
        marks = {_SIMULATED: is_marked, "unit": unit, "window_ms": window}
        return {"datasets": listed, "n_bytes": n_bytes, **marks}, []


def _unit(thing: h5py.File | h5py.Dataset) -> str:
    """Return the unit of the values, as an attribute says; empty where none does."""
    said = next((thing.attrs[name] for name in _UNITS if name in thing.attrs), "")
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return text[:_LONGEST_TEXT] if isinstance(text, str) else ""


def _is_marked(thing: h5py.File | h5py.Dataset) -> bool:
    """Return whether an attribute says that data are simulated, however it is written; what is unclear says so."""
    mark = thing.attrs.get(_SIMULATED, None)
    if mark is None or isinstance(mark, h5py.Empty):
        return False
    words = (one.decode(errors="replace") if isinstance(one, bytes) else one for one in np.ravel(mark))
    return any(one.strip().lower() not in _SAYS_NO if isinstance(one, str) else bool(one) for one in words)


def read(path: str, names: Mapping[str, Sequence[str]]) -> Answer:
    """Read what is asked for, in blocks of rows.

    Parameters
    ----------
    path
        The file.
    names
        As for `describe`, which has looked at it.

    Returns
    -------
    Answer
        By role name, shape, type and dimensions of what was found, numbers or texts, and how many parts it is in; or,
        under "other", what was expected and what was found.
    """
    described, texts = dict[str, Any](), dict[str, bytes]()
    with h5py.File(path, "r") as file:
        try:
            for role, dataset in _chosen(file, names).items():
                said, texts[role] = _kind(dataset)
                described[role] = {"name": _name(dataset), "dimensions": _dimensions(dataset), **said}
        except UnfitError as error:
            return {"other": list(error.args), "datasets": _listed(file)}, []
    return {"found": described}, _parts_of(path, described, texts)


def _parts_of(path: str, described: Mapping[str, Any], texts: Mapping[str, bytes]) -> Iterator[Any]:
    """Yield the values of each dataset as they are read: of numbers a part a block, of texts one."""
    with h5py.File(path, "r") as file:
        for role, said in described.items():
            if "texts" in said:
                yield texts[role]
                continue
            dataset = own_dataset(file, said["name"])
            for block in _blocks(dataset):
                values = np.ascontiguousarray(_decoded(block, dataset))
                yield values.astype(values.dtype.newbyteorder("="), copy=False).reshape(-1).view(np.uint8)


def _decoded(block: NDArray[Any], dataset: h5py.Dataset) -> NDArray[Any]:
    """Return numbers as netCDF's conventions decode them: what stands for nothing is NaN, packed ones are unpacked.

    So is what HDF5 gives where nothing was written, if whoever made the dataset chose a number for it.
    """
    if not _is_packed(dataset):
        return block
    values = block.astype(np.float64)
    for nothing in _nothings(dataset):
        values[block == nothing] = np.nan
    scale, offset = (_number(dataset, name) for name in _PACKING)
    return np.asarray(values * (1.0 if scale is None else scale) + (0.0 if offset is None else offset))


def _is_packed(dataset: h5py.Dataset) -> bool:
    is_number = dataset.dtype.kind in "fiu"
    return is_number and (bool(_nothings(dataset)) or any(_number(dataset, name) is not None for name in _PACKING))


def _nothings(dataset: h5py.Dataset) -> list[float]:
    """Return the numbers that stand for a missing value; NaN needs none to say so."""
    named = [_number(dataset, name) for name in _NOTHING]
    plan = dataset.id.get_create_plist()
    if plan.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED and dataset.fillvalue != 0:
        named.append(float(dataset.fillvalue))
    return [one for one in named if one is not None and not math.isnan(one)]


def _number(dataset: h5py.File | h5py.Dataset, attribute: str) -> float | None:
    found = np.ravel(dataset.attrs.get(attribute, ()))
    return float(found[0]) if len(found) == 1 and found.dtype.kind in "fiu" else None


def _rows_of_blocks(dataset: h5py.Dataset) -> list[tuple[int, int]]:
    """Return which rows are read at once: some whole chunks, each of which is unpacked once."""
    n_rows, *width = dataset.shape
    if 0 in width:
        return []
    at_once = dataset.chunks[0] if dataset.chunks else 1
    n_chunks = _BLOCK_BYTES // max(at_once * math.prod(width) * dataset.dtype.itemsize, 1)
    step = at_once * max(n_chunks, 1)
    return [(first, min(first + step, n_rows)) for first in range(0, n_rows, step)]


def _blocks(dataset: h5py.Dataset) -> Iterator[NDArray[Any]]:
    if not dataset.shape:
        yield np.asarray(dataset[()])
        return
    for first, end in _rows_of_blocks(dataset):
        yield dataset[first:end]


def _chosen(file: h5py.File, names: Mapping[str, Sequence[str]]) -> dict[str, h5py.Dataset]:
    """Return the dataset of each role that there is one for.

    An assembly is saved by the name that it has. Where one without a name would be taken, so is the only dataset whose
    axes are those of an assembly.
    """
    found = {role: next((one for one in names[role] if _has_values(file, one)), None) for role in names}
    found |= {role: _only_assembly(file) for role in names if found[role] is None and _UNNAMED in names[role]}
    return {role: own_dataset(file, name) for role, name in found.items() if name is not None}


def _only_assembly(file: h5py.File) -> str | None:
    """Return the name of the one dataset of numbers along presentations and neuroids; None where there are others."""
    along = [
        name
        for name, one in islice(_walk(file, ""), _MOST_LISTED)
        if one.dtype.kind in "fiu" and set(_dimensions(one)) >= _ASSEMBLY_AXES
    ]
    return along[0] if len(along) == 1 else None


def _has_values(file: h5py.File, name: str) -> bool:
    """Return whether there is a dataset that is more than a dimension."""
    return is_there(file, name) and not _is_bare_dimension(own_dataset(file, name))


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    """Return whether netCDF has a dataset only to give a dimension its name: nothing was written into it."""
    name = dataset.attrs.get("NAME", b"")
    return isinstance(name, bytes | np.bytes_) and bytes(name).startswith(_BARE_DIMENSION)


def _name(dataset: h5py.Dataset) -> str:
    return str(dataset.name).lstrip("/")


def is_there(file: h5py.File, name: str) -> bool:
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


def own_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset of a file, if its values lie in the file itself.

    Raises
    ------
    UnfitError
        A link leads elsewhere, it is a group, or its values are in other files or datasets.
    """
    found: Any = file
    for part in _parts(name):
        if found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise UnfitError(f"{name} in the file itself", "a link to somewhere else")
        found = found[part]
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise UnfitError(f"a dataset {name}", "a group, or one without values")
    plan = found.id.get_create_plist()
    if plan.get_layout() not in _LAYOUTS or plan.get_external_count():
        raise UnfitError(f"the values of {name} in the file itself", "that they lie in other files or datasets")
    return found


def _kind(dataset: h5py.Dataset) -> tuple[dict[str, Any], bytes]:
    """Return shape and type, and the texts, where it has texts."""
    shape, name = list(dataset.shape), _name(dataset)
    if h5py.check_string_dtype(dataset.dtype) is not None:
        if math.prod(dataset.shape) > _MOST_TEXTS:
            raise UnfitError(f"at most {_MOST_TEXTS:,} texts in {name}", f"{math.prod(dataset.shape):,}")
        texts = [text_of(one, name) for block in _blocks(dataset) for one in np.ravel(block)]
        return {"shape": shape, "texts": [len(one) for one in texts], "n_parts": 1}, b"".join(texts)
    if dataset.dtype.kind not in "fiub":
        raise UnfitError(f"numbers or texts in {name}", f"{dataset.dtype}"[:_LONGEST_TEXT])
    n_parts = len(_rows_of_blocks(dataset)) if shape else 1
    kind = np.dtype(np.float64) if _is_packed(dataset) else dataset.dtype.newbyteorder("=")
    return {"shape": shape, "numbers": kind.str, "n_parts": n_parts}, b""


def text_of(value: Any, name: str) -> bytes:
    """Return a text of a dataset in UTF-8, unless it is longer than any name.

    Raises
    ------
    UnfitError
        It is.
    """
    content = value if isinstance(value, bytes) else str(value).encode()
    if len(content) > _LONGEST_TEXT:
        raise UnfitError(f"texts of at most {_LONGEST_TEXT} bytes in {name}", f"one of {len(content)}")
    return content


def _dimensions(dataset: h5py.Dataset) -> list[str]:
    """Return the names of its axes, as labels or as netCDF and xarray give them; "" where it has none."""
    names = []
    for axis in range(len(dataset.shape)):
        scales = dataset.dims[axis].keys() if dataset.attrs.get("DIMENSION_LIST") is not None else []
        scale = dataset.dims[axis][0].name if len(dataset.dims[axis]) else next(iter(scales), "")
        names.append((dataset.dims[axis].label or posixpath.basename(scale or ""))[:_LONGEST_TEXT])
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
