"""Preferred levels of the day's sites, and the rasters of Figure 2B of a day that shows images for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.analysis.categories.preferred import preferred_level
from closedloop.analysis.estimate import Floats, mean_over_pairs
from closedloop.artifacts.day.evaluation import PreferredCategory
from closedloop.artifacts.day.queue import SitePreference
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import PREFERENCE, evaluated_clean_rows
from closedloop.stages.evaluate.pairs import ImagePairs, Measured


def cross_validated_hz(day: DayResponses, measured: Measured, *, seed: int) -> dict[str, float | None]:
    """Return each site's response to its preferred category by the day's fresh clean images, without bias.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    seed
        Of the halves.
    """
    clean = evaluated_clean_rows(day.stimuli)
    if not len(clean):
        return {}
    _, category = np.unique(day.stimuli.columns["category"][clean], return_inverse=True)
    found = preferred_level(measured.rates_hz[clean], category, seed=seed, n_resamples=0)
    names = (site.neuroid_id for site in day.sites)
    return {name: _finite(level) for name, level in zip(names, found.level.tolist(), strict=True)}


def preferred_categories(
    day: DayResponses, measured: Measured, chosen: Sequence[SitePreference]
) -> tuple[PreferredCategory, ...]:
    """Return the response of each site to the fresh images of the category that it preferred before.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    chosen
        As the queue says; of a site that was not attacked nothing was shown.
    """
    columns = day.stimuli.columns
    shown = {str(columns["image_id"][row]): int(row) for row in day.stimuli.rows(kind="clean", role=PREFERENCE)}
    found = []
    for one in chosen:
        rows = [shown[image.image_id] for image in one.preferred_images if image.image_id in shown]
        if rows and one.site_index < len(day.sites):
            found.append(_preferred(day, one, rows, measured.rates_hz[rows, one.site_index]))
    return tuple(found)


def _preferred(day: DayResponses, one: SitePreference, rows: Sequence[int], rates_hz: Floats) -> PreferredCategory:
    images = np.arange(len(rows))
    estimate = mean_over_pairs(rates_hz, image_index=images, site_index=np.zeros_like(images))
    return PreferredCategory(
        neuroid_id=day.sites[one.site_index].neuroid_id,
        category=one.preferred,
        least=one.least,
        image_index=tuple(rows),
        mean_hz=_finite(estimate.mean),
        interval_low_hz=_finite(estimate.interval[0]),
        interval_high_hz=_finite(estimate.interval[1]),
        n_images=estimate.n_images,
    )


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def typical_stimuli(
    day: DayResponses, measured: Measured, pairs: ImagePairs, preferred: Sequence[PreferredCategory]
) -> tuple[int, tuple[tuple[str, int], ...]] | None:
    """Choose a typical site and image for Figure 2: of median rise at the largest epsilon, neither best nor worst.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    pairs
        All of the day.
    preferred
        Of its sites.

    Returns
    -------
    tuple or None
        The site, and a title and a row of the stimulus set for each picture: a preferred image of median rate, one of
        a least preferred category, and the attacks on it. None where nothing was measured.
    """
    raised = pairs.select(kind=PREFERENCE)
    if not len(raised.epsilon):
        return None
    largest = raised.select(epsilon=raised.epsilon.max())
    rises = largest.rate_changed_hz - largest.rate_clean_hz
    by_name = {one.neuroid_id: one for one in preferred if one.mean_hz is not None}
    own = {site: np.flatnonzero((largest.site_index == site) & np.isfinite(rises)) for site in range(len(day.sites))}
    of_sites = [
        (float(rises[rows].mean()), site)
        for site, rows in own.items()
        if len(rows) and day.sites[site].neuroid_id in by_name
    ]
    if not of_sites:
        return None
    _, site = sorted(of_sites)[len(of_sites) // 2]
    base = int(largest.clean_index[own[site][_median_place(rises[own[site]])]])
    rows = np.array(by_name[day.sites[site].neuroid_id].image_index)
    recorded = rows[np.isfinite(measured.rates_hz[rows, site])]
    best = int(recorded[_median_place(measured.rates_hz[recorded, site])])
    attacks = raised.select(site_index=site, clean_index=base)
    in_order = attacks.stimulus[np.argsort(attacks.epsilon, kind="stable")]
    return site, (
        ("preferred, clean", best),
        ("not preferred, clean", base),
        *(("the same, attacked", int(stimulus)) for stimulus in in_order),
    )


def _median_place(values: Floats) -> int:
    return int(np.argsort(values, kind="stable")[len(values) // 2])
