"""Responses in files of laboratories, whatever their form, as one table: presentations x sites, and their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError
from closedloop.plain_text.response_tables import read_any_response_table
from closedloop.storage import reading

_READ = FunctionPlace("closedloop.artifacts.foreign.laboratory", "read")
_DESCRIBE = FunctionPlace("closedloop.artifacts.foreign.laboratory", "describe")
_READ_BYTES_PER_S, _GROWTH = 20e6, 12.0  # a tenth of what was measured; what is packed grows

_BRAIN_SCORE = ("__xarray_dataarray_variable__",)
_RESPONSES = ("responses", "rates", "response", "data", *_BRAIN_SCORE)
_IMAGES = ("images", "image", "image_id", "stimulus_id", "image_ids", "stimulus_ids", "filename", "image_file_name")
_SITES = ("neuroids", "neuroid_id", "neuroid_ids", "sites", "site", "units", "channels")
_IMAGE_AXES = ("presentation", "image", "images", "stimulus", "stimuli")

Format = Literal["csv", "hdf5", "brain-score"]


@dataclass(frozen=True)
class LaboratoryResponses:
    """What a file holds.

    Attributes
    ----------
    rates
        (n_presentations, n_sites), in the file's own unit; NaN where there is none.
    image_index
        Which image each presentation shows.
    images
        Names of the images, in order.
    sites
        Names of the sites.
    pixels
        The images themselves, where the file has them: uint8, (n_images, height, width, 3).
    format
        Of the file.
    mapping
        Which dataset or column gave what.
    simulated
        Whether the file says that it is of a simulation.
    """

    rates: NDArray[np.float64]
    image_index: NDArray[np.int64]
    images: tuple[str, ...]
    sites: tuple[str, ...]
    pixels: NDArray[np.uint8] | None
    format: Format
    mapping: dict[str, str]
    simulated: bool


@dataclass(frozen=True)
class DatasetNames:
    """Which datasets of an HDF5 file hold what; None: those that are usual."""

    responses: str | None = None
    images: str | None = None
    neuroids: str | None = None


def read_laboratory(path: Path, names: DatasetNames) -> LaboratoryResponses:
    """Read responses from CSV, HDF5 or netCDF-4.

    Parameters
    ----------
    path
        The file; its suffix says what it is.
    names
        Of datasets, where they are not the usual ones.

    Raises
    ------
    DocumentError
        It is none, or does not hold them; the message lists what it holds.
    """
    if path.suffix.lower() in (".csv", ".txt"):
        return _from_csv(path, names)
    if path.suffix.lower() in (".h5", ".hdf5", ".hdf", ".nc", ".nc4"):
        return _from_hdf5(path, names)
    raise DocumentError(
        f"{path}: expected a table .csv, an HDF5 file .h5 or a netCDF-4 file .nc, found {path.suffix or 'no suffix'}. "
        "Name it by what it is, or save it as one of these."
    )


def _from_csv(path: Path, names: DatasetNames) -> LaboratoryResponses:
    if names != DatasetNames():
        raise DocumentError(f"{path}: expected names of datasets of an HDF5 file alone, found a table. Leave them out.")
    table = read_any_response_table(path)
    images = tuple(dict.fromkeys(table.images))
    place = {name: number for number, name in enumerate(images)}
    index = np.array([place[name] for name in table.images], dtype=np.int64)
    mapping = {"images": "column image", "sites": f"{len(table.sites)} columns or values of column site"}
    return LaboratoryResponses(np.array(table.rates), index, images, table.sites, None, "csv", mapping, False)


def _from_hdf5(path: Path, names: DatasetNames) -> LaboratoryResponses:
    wanted = {
        "responses": [names.responses] if names.responses else list(_RESPONSES),
        "images": [names.images] if names.images else list(_IMAGES),
        "sites": [names.neuroids] if names.neuroids else list(_SITES),
    }
    try:
        with reading(path):
            n_bytes = path.stat().st_size
        limits = Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
        about, _ = run_confined(_DESCRIBE, str(path), limits=limits)
        answer, parts = run_confined(_READ, str(path), wanted, int(8 * n_bytes) + (1 << 24), limits=limits)
        if "other" in answer:
            expected, otherwise = answer["other"]
            raise _wrong(path, expected, otherwise, answer["datasets"])
        found = _arrays(answer["found"], parts)
    except (ConfinedError, OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(
            f"{path}: expected an HDF5 or netCDF-4 file, found a damaged one or none ({str(error)[:120]}). "
            "Copy it again."
        ) from None
    holds = answer["datasets"]
    for role, option in (("responses", "--responses"), ("images", "--images"), ("sites", "--neuroids")):
        if role not in found:
            raise _wrong(path, f"a dataset of {role} ({', '.join(wanted[role])})", f"none. Name it by {option}", holds)
    described = {role: f"dataset {one['name']}" for role, one in answer["found"].items()}
    rates, index = _as_presentations(path, answer["found"], found, holds)
    images, pixels = _images(path, found["images"])
    sites = tuple(map(str, found["sites"].tolist()))
    shown, at = (list(dict.fromkeys(images)), dict[str, int]())
    at = {name: number for number, name in enumerate(shown)}
    of_rows = np.array([at[name] for name in images], dtype=np.int64)[index]
    kind: Format = "brain-score" if answer["found"]["responses"]["name"] in _BRAIN_SCORE else "hdf5"
    return LaboratoryResponses(
        rates, of_rows, tuple(shown), sites, pixels, kind, described, bool(about.get("simulated"))
    )


def _arrays(found: Mapping[str, Mapping[str, Any]], parts: Sequence[memoryview]) -> dict[str, NDArray[Any]]:
    """Return what was read as arrays: numbers of their type, texts as objects."""
    arrays = dict[str, NDArray[Any]]()
    for (role, lies), part in zip(found.items(), parts, strict=True):
        shape = tuple(int(n) for n in lies["shape"])
        if "numbers" in lies:
            arrays[role] = np.frombuffer(part, np.dtype(lies["numbers"])).reshape(shape)
            continue
        content, texts, begin = bytes(part), [], 0
        for length in lies["texts"]:
            texts.append(content[begin : begin + int(length)].decode())
            begin += int(length)
        arrays[role] = np.array(texts, dtype=object).reshape(shape)
    return arrays


def _as_presentations(
    path: Path, described: Mapping[str, Any], found: Mapping[str, NDArray[Any]], holds: Mapping[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return responses, presentation x site, and which entry of the images each presentation shows."""
    values, n_images, n_sites = found["responses"], len(found["images"]), len(found["sites"].ravel())
    if values.dtype == object or values.dtype.kind not in "fiu" or found["sites"].ndim != 1:
        raise _wrong(path, "responses as numbers and a list of sites", f"{values.dtype}, {found['sites'].shape}", holds)
    axes = described["responses"]["dimensions"]
    if values.ndim == 3 and "time_bin" in axes:
        at = axes.index("time_bin")
        if values.shape[at] != 1:
            raise _wrong(path, "one time bin, as is fitted", f"{values.shape[at]}. Average over the response's", holds)
        values, axes = values.squeeze(at), [name for name in axes if name != "time_bin"]
    if values.ndim == 2 and (
        axes[1] in _IMAGE_AXES or (axes[0] not in _IMAGE_AXES and values.shape != (n_images, n_sites))
    ):
        values = values.T
    if values.ndim == 3 and values.shape[0] == n_images and values.shape[2] == n_sites:  # image x repetition x site
        n_repetitions = values.shape[1]
        return (
            values.reshape(-1, n_sites).astype(np.float64),
            np.repeat(np.arange(n_images, dtype=np.int64), n_repetitions),
        )
    if values.shape != (n_images, n_sites):
        shape = " x ".join(map(str, found["responses"].shape))
        wanted = f"responses of {n_images} presentations x {n_sites} sites (or images x repetitions x sites)"
        raise _wrong(path, wanted, f"{shape}. Name the datasets that belong together", holds)
    return values.astype(np.float64), np.arange(n_images, dtype=np.int64)


def _images(path: Path, found: NDArray[Any]) -> tuple[list[str], NDArray[np.uint8] | None]:
    """Return a name for each image, or pictures with the names that their content gives them."""
    if found.ndim == 1:
        return [str(one) for one in found.tolist()], None
    if found.ndim == 4 and found.dtype == np.uint8 and found.shape[-1] == 3:
        from closedloop.artifacts.naming import stimulus_id  # noqa: PLC0415

        names = [stimulus_id(one) for one in found]
        first = {name: place for place, name in reversed(list(enumerate(names)))}
        return names, found[[first[name] for name in dict.fromkeys(names)]]
    raise DocumentError(
        f"{path}: expected names of images, or pictures as uint8 (n, height, width, 3), found an array of "
        f"{' x '.join(map(str, found.shape))} {found.dtype}. Name another dataset by --images."
    )


def _wrong(path: Path, expected: str, found: str, holds: Mapping[str, str]) -> DocumentError:
    listed = ", ".join(f"{name} ({what})" for name, what in list(holds.items())[:20]) or "nothing"
    return DocumentError(f"{path}: expected {expected}, found {found}. The file holds: {listed}.")
