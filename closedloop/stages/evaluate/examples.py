"""Pictures and rasters for the report: which site, which images (Figures 1B, 2A, 2B)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.psth import spikes_around
from closedloop.artifacts.arrays import Arrays
from closedloop.artifacts.day.evaluation import Example, PreferredCategory, RasterExample
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.stages.evaluate.pairs import ImagePairs, Measured
from closedloop.stages.evaluate.preference import typical_stimuli

_N_EXAMPLES = 6
_RASTER_WINDOW_MS = (-100.0, 300.0)


def find_examples(day: DayResponses, measured: Measured, pairs: ImagePairs) -> tuple[Example, ...]:
    """Return, at the largest epsilon, the attack of median effect at the most reliable sites: typical, not the best.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    pairs
        All of the day.
    """
    attacks = pairs.select(kind="attacked")
    if not len(attacks.epsilon):
        return ()
    largest = attacks.select(epsilon=attacks.epsilon.max())
    examples = []
    for site in range(min(_N_EXAMPLES, len(day.sites))):
        own = largest.select(site_index=site)
        moved = own.predicted_sign * own.change
        order = np.argsort(np.where(np.isfinite(moved), moved, -np.inf), kind="stable")
        if len(order):
            examples.append(_example(day, measured, own, int(order[len(order) // 2])))
    return tuple(examples)


def _example(day: DayResponses, measured: Measured, pairs: ImagePairs, place: int) -> Example:
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


def _finite(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None


@dataclass(frozen=True)
class RasterChoice:
    """What rasters are drawn of.

    Attributes
    ----------
    site
        Output of the model.
    stimuli
        A title and a row of the stimulus set for each raster.
    """

    site: int
    stimuli: tuple[tuple[str, int], ...]


def choose_rasters(
    day: DayResponses, measured: Measured, pairs: ImagePairs, preference: Sequence[PreferredCategory] = ()
) -> RasterChoice | None:
    """Choose a site and image: a typical one of a day that shows some for category preference, or the most raised.

    Beside it the site's preferred image, and the attacks on it.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    pairs
        All of the day.
    preference
        Of its sites; empty where the day shows no images for it.

    Returns
    -------
    RasterChoice or None
        None where no attack was to raise a site, or none was measured.
    """
    typical = typical_stimuli(day, measured, pairs, preference)
    return RasterChoice(*typical) if typical else _most_raised(day, measured, pairs)


def _most_raised(day: DayResponses, measured: Measured, pairs: ImagePairs) -> RasterChoice | None:
    raised = pairs.select(kind="attacked", predicted_sign=1)
    if not len(raised.epsilon):
        return None
    largest = raised.select(epsilon=raised.epsilon.max())
    raised_hz = largest.rate_changed_hz - largest.rate_clean_hz
    if not np.isfinite(raised_hz).any():
        return None
    best = int(np.argmax(np.nan_to_num(raised_hz, nan=-np.inf)))
    site, base = int(largest.site_index[best]), int(largest.clean_index[best])
    clean = evaluated_clean_rows(day.stimuli)
    rates_hz = measured.rates_hz[clean, site]
    preferred = int(clean[np.nanargmax(np.where(np.isfinite(rates_hz), rates_hz, -1))])
    attacks = pairs.select(kind="attacked", site_index=site, clean_index=base).stimulus
    return RasterChoice(
        site,
        (
            ("preferred, clean", preferred),
            ("another image, clean", base),
            *(("the same, attacked", int(stimulus)) for stimulus in attacks),
        ),
    )


def draw_rasters(
    day: DayResponses, choice: RasterChoice, *, spikes: Arrays, onsets: Arrays | None
) -> tuple[RasterExample, ...]:
    """Return the spikes around every showing of the chosen stimuli.

    Parameters
    ----------
    day
        Presentations and sites.
    choice
        What is drawn.
    spikes
        Of the chosen site's processor (`catalog.spikes`).
    onsets
        On each processor's clock (`catalog.ONSETS`); None of a day ingested by version 0.1, which knew one processor.
    """
    site = day.sites[choice.site]
    spike_s = np.asarray(spikes["time_s"][spikes["electrode_id"] == site.electrode_id])
    onset_s = _onsets_on(day, site, onsets)
    return tuple(
        _raster(day, choice.site, title, stimulus, spike_s=spike_s, onset_s=onset_s)
        for title, stimulus in choice.stimuli
    )


def _onsets_on(day: DayResponses, site: Site, onsets: Arrays | None) -> NDArray[np.float64]:
    """Return when each presentation came on the site's own clock, NaN where it does not count there."""
    used = day.presentations["used"].astype(bool)
    if onsets is None:
        return np.where(used, day.presentations["onset_s"], np.nan)
    device = onsets["processor"].tolist().index(site.processor)
    return np.where(used, onsets["time_s"][device], np.nan)


def _raster(
    day: DayResponses,
    site: int,
    title: str,
    stimulus: int,
    *,
    spike_s: NDArray[np.float64],
    onset_s: NDArray[np.float64],
) -> RasterExample:
    counted = np.isfinite(day.rates_hz[:, site])  # where the site was not recorded, no train stands for no spikes
    shown = (day.image_index == stimulus) & np.isfinite(onset_s) & counted
    trains = spikes_around(spike_s, onset_s[shown], window_ms=_RASTER_WINDOW_MS)
    return RasterExample(
        title=title,
        neuroid_id=day.sites[site].neuroid_id,
        epsilon=float(day.stimuli.columns["epsilon"][stimulus]),
        image_index=stimulus,
        category=str(day.stimuli.columns["category"][stimulus]),
        spike_times_ms=tuple(tuple(round(float(time), 3) for time in train) for train in trains),
    )
