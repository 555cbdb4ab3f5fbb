"""Responses out of NWB: spikes of each unit in a window after each image of the trials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.imported.nwb import NwbTables, read_nwb
from closedloop.errors import DocumentError
from closedloop.exchange.reading.responses import (
    FileResponses,
    SaidOfPresentations,
    assemble,
    say_left_out,
    which_count,
)
from closedloop.recording.counts import edge_ticks

_IMAGES = ("image_hash", "stimulus_id", "stimulus_filename", "stimulus_name", "image_id", "stimulus_presented")
_COUNTS = ("used", "accepted", "fixation_correct")
_CATEGORIES = ("category", "category_name", "object_name", "label")
_NANOSECONDS_HZ = 1e9  # where a file does not say how fine its clock is
_NO_NAME = frozenset(("", "nan", "none"))  # of an image
_ONSET = re.compile(r"onset|(^|_)on(_|$)|stim.*(on|start|time)", re.IGNORECASE)  # what laboratories call it
_LEAST_LATER_S, _MOST_LATER_S = 0.002, 30.0
_ROUNDED = 3  # decimals of a tick: seconds as floats are no finer


def nwb_responses(path: Path, *, window_ms: tuple[float, float], categories: Mapping[str, str]) -> FileResponses:
    """Read an NWB file of the DiCarlo laboratory's form: units, and trials with a row an image.

    Parameters
    ----------
    path
        The file.
    window_ms
        In which spikes are counted, after each start_time, half-open.
    categories
        Of images by name, where another file says them.

    Raises
    ------
    DocumentError
        It has no such tables, or no column that names images.
    """
    tables = read_nwb(path)
    start_s = tables.trials.get("start_time", np.empty(0))
    trials = {name: one for name, one in tables.trials.items() if one.shape == (len(start_s),)}
    named = [name for name in _IMAGES if name in trials]
    image = next((name for name in named if len(set(trials[name].tolist())) > 1), named[0] if named else None)
    if not len(start_s) or image is None or "spike_times" not in tables.units:
        several = [name for name in tables.trials if name in _IMAGES and name not in trials]
        raise DocumentError(
            f"{path}: expected spike_times of units, and trials with start_time and one of {', '.join(_IMAGES)}, found "
            f"trials with {', '.join(trials)[:200] or 'no column'}"
            f"{f', and several values a row in {several[0]}' if several else ''}. Give a file with a row of trials for "
            "each image."
        )
    counted = [name for name in _COUNTS if name in trials]
    columns = {name: next((trials[one] for one in names if one in trials), None) for name, names in _ABOUT.items()}
    used = which_count({name: trials[name] for name in counted}, path=path)
    counts = _counts(tables, start_s.astype(np.float64), window_ms)
    unknown = _outside(tables, start_s.astype(np.float64), window_ms)
    counts[unknown] = np.nan
    images = [_name(one) for one in trials[image].tolist()]
    nameless = np.array([one.strip().casefold() in _NO_NAME for one in images], dtype=bool)
    counts[nameless] = np.nan
    said = {
        "images": f"column {image} of trials",
        "sites": f"{counts.shape[1]} units",
        "window": f"{window_ms[0]:g} to {window_ms[1]:g} ms after start_time, half-open",
        **({"presentations": f"those with {' and '.join(counted)}"} if counted else {}),
    }
    found = assemble(
        counts / (window_ms[1] - window_ms[0]) * 1000,
        images,
        _names_of_units(tables, counts.shape[1]),
        SaidOfPresentations(
            used=used,
            kind=_texts(columns["kind"]),
            role=_texts(columns["role"]),
            category=_texts(columns["category"]),
        ),
        format="NWB",
        unit="Hz",
        simulated=tables.simulated,
        said=said,
        categories=categories,
    )
    left_out = say_left_out(trials.get("left_out"), used)
    return replace(found, notices=(*_notices(trials, start_s, unknown, nameless), *left_out))


def _notices(
    trials: Mapping[str, NDArray[Any]],
    start_s: NDArray[np.float64],
    unknown: NDArray[np.bool_],
    nameless: NDArray[np.bool_],
) -> Iterator[str]:
    if unknown.any():
        yield (
            f"{np.count_nonzero(unknown):,} presentations before the first spike or after the last one are left out: "
            "the file does not say what was recorded then. Times of trials have to be in seconds."
        )
    if nameless.any():
        yield f"{np.count_nonzero(nameless):,} trials without the name of an image are left out."
    for name, column in trials.items():
        if not _ONSET.search(name) or column.dtype.kind != "f":
            continue
        later = column - start_s
        known = later[np.isfinite(later)]
        if len(known) and _LEAST_LATER_S < np.median(known) < _MOST_LATER_S:
            yield (
                f"Windows begin at start_time; the trials have {name}, too, {np.median(known):.3f} s later (median). "
                "If images came on then, write it into start_time."
            )


def _outside(tables: NwbTables, start_s: NDArray[np.float64], window_ms: tuple[float, float]) -> NDArray[np.bool_]:
    """Return the trials that nothing says were recorded: no intervals of observation, and no spike before or after."""
    spikes_s = tables.units["spike_times"]
    if "obs_intervals" in tables.units or not len(spikes_s):
        return np.zeros(len(start_s), dtype=bool)
    from_s, until_s = start_s + window_ms[0] / 1000, start_s + window_ms[1] / 1000
    return np.asarray((until_s < spikes_s.min()) | (from_s > spikes_s.max()))


_ABOUT = {"kind": ("kind",), "role": ("role",), "category": _CATEGORIES}


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _texts(values: NDArray[Any] | None) -> NDArray[np.str_] | None:
    return None if values is None else np.array([str(one) for one in values.tolist()], dtype=np.str_)


def _counts(tables: NwbTables, start_s: NDArray[np.float64], window_ms: tuple[float, float]) -> NDArray[np.float64]:
    """Count spikes by ticks, (n_trials, n_units); NaN outside of what is said to have been observed."""
    tick_hz = tables.tick_hz or _NANOSECONDS_HZ
    edges = edge_ticks(np.round(start_s * tick_hz, _ROUNDED), window_ms, tick_hz=tick_hz)
    units = tables.units
    spikes, ends = np.round(units["spike_times"] * tick_hz).astype(np.int64), units["spike_times_index"].astype(int)
    counts = np.empty((len(start_s), len(ends)))
    for unit, (first, last) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        own = np.sort(spikes[first:last])
        counts[:, unit] = np.diff(np.searchsorted(own, edges), axis=1)[:, 0]
    if "obs_intervals" in units and "obs_intervals_index" in units:
        from_s, until_s = start_s + window_ms[0] / 1000, start_s + window_ms[1] / 1000
        bounds = units["obs_intervals_index"].astype(int)
        for unit, (first, last) in enumerate(zip([0, *bounds[:-1]], bounds, strict=True)):
            observed = units["obs_intervals"][first:last]
            inside = (from_s[:, None] >= observed[:, 0]) & (until_s[:, None] <= observed[:, 1])
            counts[~inside.any(axis=1), unit] = np.nan
    counts[~np.isfinite(start_s)] = np.nan
    return counts


def _names_of_units(tables: NwbTables, n_units: int) -> list[str]:
    """Return the sites' names: of the units, else of their electrodes, else their numbers."""
    own = tables.units.get("neuroid_id")
    if own is not None and len({str(one) for one in own}) == n_units:
        return [str(one) for one in own]
    electrodes, ends = tables.units.get("electrodes"), tables.units.get("electrodes_index")
    if electrodes is not None and ends is not None and (np.diff([0, *ends]) == 1).all():
        for names in tables.electrodes.values():
            found = [_name(names[int(row)]) for row in electrodes]
            if len(set(found)) == n_units and all(found):
                return found
    return [_name(one) for one in tables.units.get("id", np.arange(n_units)).tolist()]
