"""Each site's preferred and least preferred category, and when attacks on other images bring it to its preferred level.

What each number is, and the sentence it comes from:

preferred category
    "We used each IT neural site's response over many clean images to identify its most and least preferred ImageNet
    categories" (section 2): the largest and the smallest mean over all clean images of the days.
its level
    Not biased by the choice (`analysis.categories.preferred`): half of the images choose, the others are averaged. Of a
    day with attacks on images of least preferred categories the response to fresh images of the preferred category,
    chosen on the days before, shown beside those attacks.
attacked images
    "arbitrary images from the non-preferred category ... targeted adversarial perturbation ... to change (here,
    increase) the neural site's response" (section 2).
epsilon reached
    "able to drive firing rates past that of naturally occurring preferred images" (Figure 2), linear in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.access.clean_responses import EVALUATED, clean_responses
from closedloop.access.study import Study
from closedloop.analysis.categories.preferred import PreferredLevel, preferred_level
from closedloop.analysis.categories.reached import site_reached
from closedloop.analysis.estimate import mean_over_pairs
from closedloop.analysis.intervals import student_95
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.studies.category_preference.attacks import (
    AttackDay,
    RaisedImages,
    day_of_attacks,
    image_rates_hz,
    read_attacks,
)
from closedloop.studies.category_preference.documents import SITE_PREFERENCES, SITE_RATES, CategoryPreferenceStudy
from closedloop.studies.preferred_categories import categories_row, category_name

Floats = NDArray[np.float64]

_ROLES = (*EVALUATED, "single")
_N_RESAMPLES, _NORMAL_95 = 400, 1.959963984540054


@dataclass(frozen=True)
class FoundPreferences:
    """What a study's days say.

    Attributes
    ----------
    document
        Of which days.
    sites, rates
        Tables ``SITE_PREFERENCES`` and ``SITE_RATES``.
    attacks
        The day's; None where no day attacked.
    unscaled
        Which days' rates are as recorded, in a sentence; empty where all are on one scale.
    """

    document: CategoryPreferenceStudy
    sites: Columns
    rates: Columns
    attacks: AttackDay | None
    unscaled: str = ""


def find_preferences(study: Study, *, seed: int) -> FoundPreferences:
    """Measure category preference on all recorded days, and attacks on its last day with suitable ones.

    Parameters
    ----------
    study
        A study, simulated or of an animal.
    seed
        Of halves and resamples.

    Raises
    ------
    StudyError
        No day is recorded.
    """
    day = day_of_attacks(study)
    clean = clean_responses(study, roles=_ROLES, scale_of=day)
    names, category = np.unique(clean.categories, return_inverse=True)
    means = clean.means_hz()
    best, least = (preferred_level(side * means, category, seed=seed) for side in (1, -1))
    avoid = {site: category_name(names, best.category[place]) for place, site in enumerate(clean.sites)}
    attacks = read_attacks(study, day, avoid=avoid) if day is not None else None
    rows = [
        {"neuroid_id": site}
        | categories_row(place, names, best=best, least=least)
        | _level_row(attacks, _cross_validated(best, place), site=site, seed=seed)
        for place, site in enumerate(clean.sites)
    ]
    rates = [row for site, own in (attacks.raised if attacks else {}).items() for row in _rate_rows(site, own, attacks)]
    document = CategoryPreferenceStudy(
        simulated=study.simulated,
        code_version=__version__,
        seed=seed,
        subject=study.subject,
        protocol=study.protocol.name,
        days=tuple(np.unique(clean.day).tolist()),
        attack_day=day,
        attacks=attacks.kind if attacks else "none",
        epsilons=attacks.epsilons if attacks else (),
        n_sites=len(clean.sites),
        n_categories=len(names),
        n_images=len(clean.image_ids),
    )
    return FoundPreferences(
        document, as_arrays(rows, SITE_PREFERENCES), as_arrays(rates, SITE_RATES), attacks, clean.unscaled
    )


def _level_row(attacks: AttackDay | None, cross_validated: _Level, *, site: str, seed: int) -> dict[str, Any]:
    """Return what a site is to reach, and when it does."""
    level = _fresh(attacks, site, seed=seed) or cross_validated
    return {
        "level": level.source,
        "level_hz": level.mean_hz,
        "level_low_hz": level.low_hz,
        "level_high_hz": level.high_hz,
        **_reached(attacks.raised.get(site) if attacks else None, attacks, level, seed=seed),
    }


@dataclass(frozen=True)
class _Level:
    """What a site is to reach: its mean, interval, and what it is off by in each resample."""

    source: str
    mean_hz: float
    low_hz: float
    high_hz: float
    errors: Floats


def _cross_validated(best: PreferredLevel, place: int) -> _Level:
    ends = float(best.low[place]), float(best.high[place])
    return _Level("cross_validated", float(best.level[place]), *ends, best.errors[:, place])


def _fresh(attacks: AttackDay | None, site: str, *, seed: int) -> _Level | None:
    """Return the level by the fresh images that the day of attacks shows for it; None where it shows none."""
    if attacks is None or site not in attacks.preferred:
        return None
    rates_hz = image_rates_hz(attacks.study, attacks.day, site)[attacks.preferred[site]]
    known = rates_hz[np.isfinite(rates_hz)]
    images = np.arange(len(known))
    found = mean_over_pairs(known, image_index=images, site_index=np.zeros_like(images))
    return _Level("fresh", found.mean, *found.interval, _resampled_errors(known, seed=seed))


def _resampled_errors(rates_hz: Floats, *, seed: int) -> Floats:
    """Return what a mean over few images is off by in each resample, as wide as Student's t."""
    n = len(rates_hz)
    if n < 2:
        return np.full(_N_RESAMPLES, np.nan)
    drawn = np.random.default_rng([seed, *b"fresh preferred images"]).integers(n, size=(_N_RESAMPLES, n))
    widened = student_95(n - 1) / _NORMAL_95 * math.sqrt(n / (n - 1))
    return np.asarray((rates_hz[drawn].mean(axis=1) - rates_hz.mean()) * widened)


def _reached(own: RaisedImages | None, attacks: AttackDay | None, level: _Level, *, seed: int) -> dict[str, Any]:
    if own is None or attacks is None or not math.isfinite(level.mean_hz):
        unknown = ("epsilon_reached", "epsilon_low", "epsilon_high", "reached_share", "clean_hz", "largest_hz")
        return dict.fromkeys(unknown, math.nan) | {"n_attacked_images": 0}
    epsilons = np.array([0.0, *attacks.epsilons])
    found = site_reached(epsilons, own.rates_hz, level=level.mean_hz, level_errors=level.errors, seed=seed)
    return {
        "epsilon_reached": found.epsilon,
        "epsilon_low": found.low,
        "epsilon_high": found.high,
        "reached_share": found.share,
        "n_attacked_images": len(own.rates_hz),
        "clean_hz": float(own.rates_hz[:, 0].mean()),
        "largest_hz": float(own.rates_hz[:, -1].mean()),
    }


def _rate_rows(site: str, own: RaisedImages, attacks: AttackDay | None) -> list[dict[str, Any]]:
    images = np.arange(len(own.rates_hz))
    rows = []
    for epsilon, rates_hz in zip((0.0, *(attacks.epsilons if attacks else ())), own.rates_hz.T, strict=True):
        found = mean_over_pairs(rates_hz, image_index=images, site_index=np.zeros_like(images))
        low, high = found.interval
        rows.append(
            {
                "neuroid_id": site,
                "epsilon": epsilon,
                "rate_hz": found.mean,
                "low_hz": low,
                "high_hz": high,
                "n_images": found.n_images,
            }
        )
    return rows
