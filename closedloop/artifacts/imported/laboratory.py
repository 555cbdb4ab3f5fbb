"""Responses in files of laboratories, whatever their form, as one table: presentations x sites, and their images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.imported.axes import AxesError, add_up_bins, check_words, in_order
from closedloop.artifacts.tables import read_as_text
from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError
from closedloop.plain_text.response_tables import ResponseTable, read_any_response_table, response_table
from closedloop.storage import reading

_READ = FunctionPlace("closedloop.artifacts.foreign.laboratory", "read")
_DESCRIBE = FunctionPlace("closedloop.artifacts.foreign.laboratory", "describe")
_READ_BYTES_PER_S, _GROWTH = 20e6, 3.0  # a tenth of what was measured; texts take more than they say
_NO_FILTER = "filter"  # in what HDF5 says: plugins are off where files are read
_MOST_BYTES = 4 << 30  # of values that are packed into a file: those of any larger file may be as many as its bytes

_BRAIN_SCORE = ("__xarray_dataarray_variable__",)
_RESPONSES = ("responses", "rates", "response", "data", *_BRAIN_SCORE)
_IMAGES = ("images", "image", "stimulus_id", "image_id", "stimulus_ids", "image_ids", "filename", "image_file_name")
_SITES = ("neuroids", "neuroid_id", "neuroid_ids", "sites", "site", "units", "channels")

_ROLES = ("responses", "images", "sites")
_COUNTS = ("spikes", "spike", "counts", "count", "spike_count", "spike_counts")  # units that add up over time
_BIN_START, _BIN_END = "time_bin_start", "time_bin_end"
_ROW_LABELS = re.compile(r"__index_level_[0-9]+__")

Format = Literal["csv", "parquet", "hdf5", "brain-score", "recording"]


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
    unit
        Of the responses, as the file says; empty where it does not.
    window_ms
        In which they were measured: that of the file's one time bin, or the one whose bins were put together; None
        where the file does not say.
    about
        What else was asked for of each presentation, by role, (n_presentations,) each, as far as the file has it.
    """

    rates: NDArray[np.float64]
    image_index: NDArray[np.int64]
    images: tuple[str, ...]
    sites: tuple[str, ...]
    pixels: NDArray[np.uint8] | None
    format: Format
    mapping: dict[str, str]
    simulated: bool
    unit: str = ""
    window_ms: tuple[float, float] | None = None
    about: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetNames:
    """Which datasets of an HDF5 file hold what; None: those that are usual.

    Attributes
    ----------
    responses, images, neuroids
        Names of datasets.
    axes
        Of the responses, in order, each of `closedloop.artifacts.imported.axes.WORDS`; empty: as the file says.
    images_option
        By which `images` are named, for messages.
    also
        By role the names that a dataset of one more value a presentation may have.
    window_ms
        Which time bins make a response, where there are several; None: there may be but one.
    """

    responses: str | None = None
    images: str | None = None
    neuroids: str | None = None
    axes: tuple[str, ...] = ()
    images_option: str = "--images"
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window_ms: tuple[float, float] | None = None


def read_laboratory(path: Path, names: DatasetNames) -> LaboratoryResponses:
    """Read responses from CSV, parquet, HDF5 or netCDF-4.

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
    OptionError
        An axis has no name that is known.
    """
    check_words(names.axes)
    found = _from_any(path, names)
    for what, said in (("sites", found.sites), ("images", found.images)):
        if other := next((one for one in said if not one.strip() or not one.isprintable()), None):
            raise _nameless(path, what, other)
        if "" in said:
            raise _nameless(path, what, "")
    return found


def _nameless(path: Path, what: str, name: str) -> DocumentError:
    return DocumentError(
        f"{path}: expected names of {what} that can be printed, found {name[:40]!r}. Name them in the file."
    )


def _from_any(path: Path, names: DatasetNames) -> LaboratoryResponses:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "none" if not path.exists() else "something else"
        raise DocumentError(f"{path}: expected a file of responses, found {found}. Correct its name.")
    if path.suffix.lower() in (".csv", ".txt"):
        return _from_table(path, names, read_any_response_table(path, also=names.also), "csv")
    if path.suffix.lower() in (".parquet", ".pq"):
        columns, rows = _without_row_labels(*read_as_text(path))
        return _from_table(path, names, response_table(path, columns, rows, also=names.also), "parquet")
    if path.suffix.lower() in (".h5", ".hdf5", ".hdf", ".nc", ".nc4"):
        return _from_hdf5(path, names)
    raise DocumentError(
        f"{path}: expected a table .csv or .parquet, an HDF5 file .h5 or a netCDF-4 file .nc, found "
        f"{path.suffix or 'no suffix'}. Name it by what it is, or save it as one of these."
    )


def _from_table(path: Path, names: DatasetNames, table: ResponseTable, kind: Format) -> LaboratoryResponses:
    if names.responses or names.images or names.neuroids or names.axes:
        raise DocumentError(f"{path}: expected names of datasets of an HDF5 file alone, found a table. Leave them out.")
    images = tuple(dict.fromkeys(table.images))
    place = {name: number for number, name in enumerate(images)}
    index = np.array([place[name] for name in table.images], dtype=np.int64)
    mapping = {"images": "column image", "sites": f"{len(table.sites)} columns or values of column site"}
    about = {role: np.array(said, dtype=object) for role, said in table.about.items()}
    return LaboratoryResponses(
        np.array(table.rates), index, images, table.sites, None, kind, mapping, False, about=about
    )


def _without_row_labels(
    names: Sequence[str], body: Sequence[tuple[int, list[str]]]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Leave out the labels of rows that pandas writes beside the columns of a table: they are no site."""
    left = [place for place, name in enumerate(names) if not _ROW_LABELS.fullmatch(name)]
    return [names[place] for place in left], [(number, [row[place] for place in left]) for number, row in body]


def _from_hdf5(path: Path, names: DatasetNames) -> LaboratoryResponses:
    wanted = {
        "responses": [names.responses] if names.responses else list(_RESPONSES),
        "images": [names.images] if names.images else list(_IMAGES),
        "sites": [names.neuroids] if names.neuroids else list(_SITES),
        **{role: list(known) for role, known in names.also.items()},
        **({one: [one] for one in (_BIN_START, _BIN_END)} if names.window_ms is not None else {}),
    }
    try:
        with reading(path):
            n_bytes = path.stat().st_size
        limits = Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
        about, _ = run_confined(_DESCRIBE, str(path), wanted, max(_MOST_BYTES, n_bytes), limits=limits)
        answer, parts = about, list[memoryview]()
        if "other" not in about:
            unpacked = max(n_bytes, int(about["n_bytes"]))
            limits = Limits.of_file(unpacked, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
            answer, parts = run_confined(_READ, str(path), wanted, limits=limits)
        if "other" in answer:
            expected, otherwise = answer["other"]
            raise _wrong(path, expected, otherwise, about["datasets"])
        found = arrays_of(answer["found"], parts)
    except (ConfinedError, OSError, ValueError, KeyError, TypeError) as error:
        if _NO_FILTER in str(error):
            raise DocumentError(
                f"{path}: expected datasets packed by gzip or lzf, or not at all, found one packed by a filter that is "
                "not read here. Save it again, unpacked."
            ) from None
        raise DocumentError(
            f"{path}: expected an HDF5 or netCDF-4 file, found a damaged one or none ({str(error)[:120]}). "
            "Copy it again."
        ) from None
    holds = about["datasets"]
    options = ("--responses", names.images_option, "--neuroids")
    for role, option in zip(_ROLES, options, strict=True):
        if role not in found:
            raise _wrong(path, f"a dataset of {role} ({', '.join(wanted[role])})", f"none. Name it by {option}", holds)
    described = {role: f"dataset {answer['found'][role]['name']}" for role in _ROLES}
    if names.axes:
        described["responses"] += f", axes {', '.join(names.axes)}"
    axes, unit = names.axes or answer["found"]["responses"]["dimensions"], str(about.get("unit", ""))
    window = _window(about.get("window_ms", ()))
    if names.window_ms is not None:
        bins = found.pop(_BIN_START, None), found.pop(_BIN_END, None)
        with _told_of_axes(path, holds):
            is_count, values = unit.lower() in _COUNTS, found["responses"]
            found["responses"] = add_up_bins(values, axes, bins, names.window_ms, are_counts=is_count)
        window = names.window_ms if found["responses"] is not values else _only_bin(bins) or window
    rates, index = _as_presentations(path, axes, found, holds)
    images, pixels = _images(path, found["images"], names.images_option)
    sites = tuple(map(str, found["sites"].tolist()))
    shown, at = (list(dict.fromkeys(images)), dict[str, int]())
    at = {name: number for number, name in enumerate(shown)}
    of_rows = np.array([at[name] for name in images], dtype=np.int64)[index]
    about_rows = {
        role: rows for role in names.also if role in found and (rows := _of_rows(found[role], index)) is not None
    }
    is_assembly = answer["found"]["responses"]["name"] in _BRAIN_SCORE or "neuroid" in axes
    return LaboratoryResponses(
        rates,
        of_rows,
        tuple(shown),
        sites,
        pixels,
        "brain-score" if is_assembly else "hdf5",
        described,
        bool(about.get("simulated")),
        unit,
        window,
        about_rows,
    )


def _window(said: Sequence[float]) -> tuple[float, float] | None:
    return (float(said[0]), float(said[1])) if len(said) == 2 else None


def _of_rows(values: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any] | None:
    """Return what is said of each presentation, of values of each of them, of each image, or of images x repetitions.

    Parameters
    ----------
    values
        As the file has them.
    index
        Which entry of the images each presentation shows: all repetitions of the first one, then of the next.
    """
    n_images = int(index[-1]) + 1 if len(index) else 0
    n_repetitions = len(index) // max(n_images, 1)
    if values.shape == index.shape:
        return values
    if values.shape == (n_images,):
        return np.asarray(values[index])
    if values.shape == (n_images, n_repetitions):
        return values.reshape(-1)
    return values.T.reshape(-1) if values.shape == (n_repetitions, n_images) else None


def _only_bin(bins: tuple[NDArray[Any] | None, NDArray[Any] | None]) -> tuple[float, float] | None:
    """Return the one time bin of responses, where the file says when it begins and ends."""
    starts, ends = bins
    if (
        starts is None
        or ends is None
        or starts.size != 1
        or ends.size != 1
        or "O" in (starts.dtype.kind, ends.dtype.kind)
    ):
        return None
    return float(starts.ravel()[0]), float(ends.ravel()[0])


@contextmanager
def _told_of_axes(path: Path, holds: Mapping[str, str]) -> Iterator[None]:
    """Say of the file what its axes are not."""
    try:
        yield
    except AxesError as error:
        expected, otherwise = error.args
        raise _wrong(path, expected, otherwise, holds) from None


def arrays_of(found: Mapping[str, Mapping[str, Any]], parts: Sequence[memoryview]) -> dict[str, NDArray[Any]]:
    """Return what a confined process read of a file as arrays: numbers of their type, texts as objects.

    Parameters
    ----------
    found
        By role how its values lie in the parts, as `closedloop.artifacts.foreign.laboratory.read` says it.
    parts
        The bytes.

    Raises
    ------
    ValueError, KeyError, TypeError
        They do not lie so.
    """
    arrays, coming = dict[str, NDArray[Any]](), iter(parts)
    for role, lies in found.items():
        shape = tuple(int(n) for n in lies["shape"])
        of_role = list(islice(coming, int(lies["n_parts"])))
        if "numbers" in lies:
            values = np.empty(shape, np.dtype(lies["numbers"]))
            content, begin = values.reshape(-1).view(np.uint8), 0
            for part in of_role:
                content[begin : begin + len(part)] = np.frombuffer(part, np.uint8)
                begin += len(part)
            if begin != len(content):
                raise ValueError(f"{begin} of {len(content)} bytes of {role}")
            arrays[role] = values
            continue
        text, texts, begin = bytes(of_role[0]), [], 0
        for length in lies["texts"]:
            texts.append(text[begin : begin + int(length)].decode())
            begin += int(length)
        arrays[role] = np.array(texts, dtype=object).reshape(shape)
    return arrays


def _as_presentations(
    path: Path, axes: Sequence[str], found: Mapping[str, NDArray[Any]], holds: Mapping[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return responses, presentation x site, and which entry of the images each presentation shows."""
    values, n_images, n_sites = found["responses"], len(found["images"]), len(found["sites"].ravel())
    if values.dtype == object or values.dtype.kind not in "fiu" or found["sites"].ndim != 1:
        raise _wrong(path, "responses as numbers and a list of sites", f"{values.dtype}, {found['sites'].shape}", holds)
    with _told_of_axes(path, holds):
        ordered = in_order(values, axes, n_images=n_images, n_sites=n_sites)
    index = np.repeat(np.arange(n_images, dtype=np.int64), ordered.shape[1])
    return ordered.reshape(-1, n_sites).astype(np.float64), index


def _images(path: Path, found: NDArray[Any], option: str) -> tuple[list[str], NDArray[np.uint8] | None]:
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
        f"{' x '.join(map(str, found.shape))} {found.dtype}. Name another dataset by {option}."
    )


def _wrong(path: Path, expected: str, found: str, holds: Mapping[str, str]) -> DocumentError:
    listed = ", ".join(f"{name} ({what})" for name, what in list(holds.items())[:20]) or "nothing"
    return DocumentError(f"{path}: expected {expected}, found {found}. The file holds: {listed}.")
