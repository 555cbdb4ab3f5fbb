"""Pictures and rasters for the report: which site, which images (Figures 1B, 2A, 2B)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.psth import spikes_around
from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.evaluation import Example, RasterExample
from closedloop.artifacts.day.responses import ONSETS, SPIKES, Site
from closedloop.artifacts.day_files import spikes_name
from closedloop.artifacts.day_responses import DayResponses
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.pairs import Measured, Pairs

_N_EXAMPLES = 6
_RASTER_WINDOW_MS = (-100.0, 300.0)


def find_examples(day: DayResponses, measured: Measured, pairs: Pairs) -> tuple[Example, ...]:
    """Show, at the largest epsilon, the attack of median effect at the most reliable sites: typical, not the best."""
    if not len(pairs.epsilon):
        return ()
    largest = pairs.select(kind="attacked", epsilon=pairs.epsilon.max())
    examples = []
    for site in range(min(_N_EXAMPLES, len(day.sites))):
        own = largest.select(site_index=site)
        moved = own.predicted_sign * own.change
        order = np.argsort(np.where(np.isfinite(moved), moved, -np.inf), kind="stable")
        if len(order):
            examples.append(_example(day, measured, own, int(order[len(order) // 2])))
    return tuple(examples)


def _example(day: DayResponses, measured: Measured, pairs: Pairs, place: int) -> Example:
    stimulus, clean, site = (int(values[place]) for values in (pairs.stimulus, pairs.clean_index, pairs.site_index))
    return Example(
        neuroid_id=day.sites[site].neuroid_id,
        epsilon=float(pairs.epsilon[place]),
        clean_index=clean,
        attacked_index=stimulus,
        category=str(day.stimuli.columns["category"][stimulus]),
        rate_clean_hz=_finite(measured.rates_hz[clean, site]),
        rate_attacked_hz=_finite(measured.rates_hz[stimulus, site]),
    )


def _finite(value: float) -> float:
    return round(float(np.nan_to_num(value)), 2)


def find_rasters(
    context: StageContext, day: DayResponses, measured: Measured, pairs: Pairs
) -> tuple[RasterExample, ...]:
    """Show the site and image that an attack raised most: its preferred image, this one, and the attacks on it."""
    raised = pairs.select(kind="attacked", predicted_sign=1)
    if not len(raised.epsilon):
        return ()
    largest = raised.select(epsilon=raised.epsilon.max())
    raised_hz = largest.rate_changed_hz - largest.rate_clean_hz
    if not np.isfinite(raised_hz).any():
        return ()
    best = int(np.argmax(np.nan_to_num(raised_hz, nan=-np.inf)))
    site, base = int(largest.site_index[best]), int(largest.clean_index[best])
    clean = day.stimuli.rows(kind="clean", role="clean")
    preferred = int(
        clean[np.nanargmax(np.where(np.isfinite(measured.rates_hz[clean, site]), measured.rates_hz[clean, site], -1))]
    )
    ladder = pairs.select(kind="attacked", site_index=site, clean_index=base)
    rows = [("preferred, clean", preferred), ("another image, clean", base)]
    rows += [("the same, attacked", int(stimulus)) for stimulus in ladder.stimulus]
    folder = context.published("ingest")
    spike_s, onset_s = _spikes_of_site(folder, day.sites[site]), _onsets_of_site(folder, day, day.sites[site])
    return tuple(_raster(day, site, title, stimulus, spike_s=spike_s, onset_s=onset_s) for title, stimulus in rows)


def _spikes_of_site(folder: Path, site: Site) -> NDArray[np.float64]:
    spikes = read_arrays(folder / spikes_name(site.processor), SPIKES)
    return np.asarray(spikes["time_s"][spikes["electrode_id"] == site.electrode_id])


def _onsets_of_site(folder: Path, day: DayResponses, site: Site) -> NDArray[np.float64]:
    """Read when each presentation came on the site's own clock, NaN where it does not count there."""
    if not (folder / "onsets.h5").exists():  # ingested by version 0.1, which knew one processor
        return np.where(day.presentations["used"].astype(bool), day.presentations["onset_s"], np.nan)
    onsets = read_arrays(folder / "onsets.h5", ONSETS)
    device = onsets["processor"].tolist().index(site.processor)
    return np.where(day.presentations["used"].astype(bool), onsets["time_s"][device], np.nan)


def _raster(
    day: DayResponses,
    site: int,
    title: str,
    stimulus: int,
    *,
    spike_s: NDArray[np.float64],
    onset_s: NDArray[np.float64],
) -> RasterExample:
    shown = (day.image_index == stimulus) & np.isfinite(onset_s)
    trains = spikes_around(spike_s, onset_s[shown], window_ms=_RASTER_WINDOW_MS)
    return RasterExample(
        title=title,
        neuroid_id=day.sites[site].neuroid_id,
        epsilon=float(day.stimuli.columns["epsilon"][stimulus]),
        image_index=stimulus,
        category=str(day.stimuli.columns["category"][stimulus]),
        spike_times_ms=tuple(tuple(round(float(time), 3) for time in train) for train in trains),
    )
