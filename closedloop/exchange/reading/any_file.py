"""A file of responses, whatever its form, read as one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.imported.laboratory import DatasetNames, LaboratoryResponses, read_laboratory
from closedloop.errors import DocumentError, OptionError
from closedloop.exchange.reading.exported import exported_responses, is_exported_table
from closedloop.exchange.reading.nwb import nwb_responses
from closedloop.exchange.reading.responses import (
    FileResponses,
    SaidOfPresentations,
    assemble,
    say_left_out,
    which_count,
)
from closedloop.plain_text.csv_tables import read_words

RESPONSE_WINDOW_MS = (70.0, 170.0)
_NAMES = ("stimulus_id", "image_id", "image", "filename", "stimulus_filename", "image_hash")
_CATEGORIES = ("category", "category_name", "object_name", "object", "label", "class", "synset")
_ABOUT = {
    "kind": ("presented_kind", "kind"),
    "role": ("presented_role", "role"),
    "category": _CATEGORIES,
    "used": ("used",),
    "accepted": ("accepted",),
    "fixation": ("fixation_correct", "fixation"),
    "left_out": ("left_out",),
    "day": ("day",),
    "session": ("session",),
    "number": ("image_index",),
    "seed": ("reliability_seed",),
}
_PERHAPS_NO_SITES = frozenset(
    [
        "block",
        "code",
        "condition",
        "duration",
        "epsilon",
        "id",
        "index",
        "isi",
        "onset",
        "onset_s",
        "onset_tick",
        "ordinal",
        "order",
        "position",
        "reaction_time",
        "rt",
        "subject",
        "time",
        "time_s",
        "trial_id",
        "trial_index",
        "trial_number",
    ]
)
_STIMULUS_SET = "stimulus_set.csv"
_FORMATS = {"csv": "table", "parquet": "table, parquet", "hdf5": "HDF5", "brain-score": "Brain-Score assembly"}
_COUNT = "spikes"
_COUNTS = ("used", "accepted", "fixation")  # what says whether a presentation counts; all of them have to


def read_responses_file(
    path: Path, *, names: DatasetNames, window_ms: tuple[float, float] | None = None, stimuli: Path | None = None
) -> FileResponses:
    """Read responses from an assembly of Brain-Score, NWB, a table or HDF5, or what a study exported.

    Parameters
    ----------
    path
        The file; its suffix says what it is.
    names
        Of datasets of an HDF5 file, where they are not the usual ones.
    window_ms
        In which a response is measured, where the file has spikes or several time bins; None: from 70 to 170.
    stimuli
        CSV that says the images' categories; None: a stimulus_set.csv beside the file, if there is one.

    Raises
    ------
    DocumentError
        The file is none of these, or does not hold responses; or two sites have one name.
    OptionError
        The window is none, or is named where the file has one response a presentation.
    """
    categories, unread = _categories(path, stimuli)
    if path.suffix.lower() == ".nwb" and path.is_file():
        found = nwb_responses(path, window_ms=window_ms or RESPONSE_WINDOW_MS, categories=categories)
    elif is_exported_table(path):
        _refuse_window(path, window_ms, None)
        found = exported_responses(path, categories=categories)
    else:
        wanted = replace(names, also=_ABOUT, window_ms=window_ms or RESPONSE_WINDOW_MS)
        read = read_laboratory(path, wanted)
        _refuse_window(path, window_ms, read.window_ms)
        found = _of_laboratory(path, read, categories)
    if len(set(found.sites)) < len(found.sites):
        twice = next(name for name in found.sites if found.sites.count(name) > 1)
        raise DocumentError(f"{path}: expected a name of its own for each site, found {twice} twice. Rename it.")
    if not len(found.rates):
        raise DocumentError(f"{path}: expected presentations that count, found none. Give another file.")
    if stimuli is not None and not any(found.category):
        raise OptionError(
            f"--stimuli {stimuli}: expected the images of {path.name}, such as {found.images[0]!r:.60}, found none of "
            "them. Correct the names."
        )
    return replace(found, notices=(*found.notices, *((unread,) if unread else ())))


def _categories(path: Path, stimuli: Path | None) -> tuple[dict[str, str], str]:
    """Return the categories that a table says, and why one that nobody named says none; empty where it does."""
    if stimuli is not None:
        return read_words(stimuli, names=_NAMES, values=_CATEGORIES), ""
    beside = path.parent / _STIMULUS_SET
    try:
        return (read_words(beside, names=_NAMES, values=_CATEGORIES) if beside.is_file() else {}), ""
    except DocumentError as error:
        return {}, f"{beside.name} beside the file was passed over: {str(error).removeprefix(f'{beside}: ')}"


def parse_window(text: str) -> tuple[float, float]:
    """Parse ``START,END`` in milliseconds after the onset.

    Raises
    ------
    OptionError
        It is none.

    Examples
    --------
    >>> parse_window("70,170")
    (70.0, 170.0)
    """
    try:
        start, end = (float(part) for part in text.split(","))
    except ValueError:
        start, end = 0.0, 0.0
    if not -10_000 <= start < end <= 10_000:
        raise OptionError(f"--window {text[:40]}: expected START,END in ms after the onset, as 70,170. Correct it.")
    return start, end


def _refuse_window(path: Path, asked: tuple[float, float] | None, measured: tuple[float, float] | None) -> None:
    """Refuse a window that is asked for and is not the responses' own: they have one value a presentation."""
    if asked is not None and asked != measured:
        own = f", of {measured[0]:g} to {measured[1]:g} ms" if measured is not None else ""
        raise OptionError(
            f"--window {asked[0]:g},{asked[1]:g}: expected a file with spikes or time bins, found one response a "
            f"presentation in {path.name}{own}. Leave it out."
        )


def _of_laboratory(path: Path, found: LaboratoryResponses, categories: Mapping[str, str]) -> FileResponses:
    about, rates, unit = found.about, found.rates, found.unit
    window = found.window_ms
    if unit == _COUNT and window is not None:
        rates, unit = rates / (window[1] - window[0]) * 1000, "Hz"
    said, perhaps = dict(found.mapping), [name for name in found.sites if name.casefold() in _PERHAPS_NO_SITES]
    if window is not None:
        said["window"] = f"{window[0]:g} to {window[1]:g} ms after the onset, half-open"
    used = which_count({role: about[role] for role in _COUNTS if role in about}, path=path)
    if np.isinf(rates).any():
        raise DocumentError(f"{path}: expected finite responses, found an infinite one. Correct the file.")
    whole = assemble(
        rates,
        [found.images[one] for one in found.image_index.tolist()],
        found.sites,
        SaidOfPresentations(
            kind=_texts(about.get("kind")),
            role=_texts(about.get("role")),
            category=_texts(about.get("category")),
            day=_texts(about.get("day")),
            session=_texts(about.get("session")),
            used=used,
            number=_numbers(about.get("number")),
            seed=_numbers(about.get("seed")),
        ),
        format=_FORMATS[found.format],
        unit=unit,
        simulated=found.simulated,
        said=said,
        categories=categories,
    )
    no_sites = f"{', '.join(perhaps)}: taken for sites, by their place in the table. Take out what is none."
    whole = replace(whole, notices=(*say_left_out(about.get("left_out"), used), *((no_sites,) if perhaps else ())))
    if found.pixels is None:
        return whole
    place = {name: number for number, name in enumerate(found.images)}
    return replace(whole, pixels=found.pixels[[place[name] for name in whole.images]])


def _texts(values: NDArray[Any] | None) -> NDArray[np.str_] | None:
    return None if values is None else np.array([_text(one) for one in values.tolist()], dtype=np.str_)


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(values: NDArray[Any] | None) -> NDArray[np.int64] | None:
    return values.astype(np.int64) if values is not None and values.dtype.kind in "iu" else None
