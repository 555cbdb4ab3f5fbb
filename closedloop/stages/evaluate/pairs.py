"""The day's pairs: a clean image and a changed one, at a site, with what the site did to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import normalize, sigma, sigma_corrected
from closedloop.analysis.reliability import mean_response
from closedloop.analysis.repetitions import cross_fitted_size, noiseless_square, repetitions_of
from closedloop.artifacts.day.evaluation import PAIRS
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import (
    attacked_again_rows,
    attacked_rows,
    control_rows,
    evaluated_clean_rows,
    raised_rows,
    repeated_rows,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """A day's responses by stimulus.

    Attributes
    ----------
    rates_hz
        (n_images, n_sites), mean over usable repetitions; NaN where there is none.
    repetitions_hz
        (n_images, n_sites, n_repetitions), each presentation's; NaN where there is none.
    n_usable
        (n_images, n_sites), usable repetitions.
    sigma_hz
        (n_sites,), SD over the day's clean images, measurement noise included (the paper's).
    sigma_corrected_hz
        (n_sites,), the same without it; NaN where noise hides what the images differ by.
    """

    rates_hz: Floats
    repetitions_hz: Floats
    n_usable: Integers
    sigma_hz: Floats
    sigma_corrected_hz: Floats

    @property
    def noiseless_sigma_hz(self) -> Floats:
        """The SD without measurement noise, and where noise hides it the one with it, (n_sites,)."""
        return np.where(np.isfinite(self.sigma_corrected_hz), self.sigma_corrected_hz, self.sigma_hz)


def measure(day: DayResponses) -> Measured:
    """Arrange a day's presentations by stimulus, and average them."""
    rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    repetitions = repetitions_of(day.rates_hz, day.image_index, n_images=day.n_images)
    clean = evaluated_clean_rows(day.stimuli)
    return Measured(
        rates,
        repetitions,
        np.isfinite(repetitions).sum(axis=2),
        sigma(rates[clean]),
        sigma_corrected(repetitions[clean]),
    )


@dataclass(frozen=True)
class ImagePairs:
    """One entry a (changed image, site): attacks of any kind at their own site, other controls at every one.

    Changes are changed minus clean, in units of the site's sigma; `true_change` is NaN in a real experiment.
    `repetitions_clean` and `repetitions_changed` are single responses in the same units, (n_pairs, n_repetitions);
    `sigma_hz` and `sigma_corrected_hz` are the site's, measurement noise in them and taken out.
    """

    stimulus: Integers
    stimulus_id: NDArray[Any]
    kind: NDArray[Any]
    role: NDArray[Any]
    image_id: NDArray[Any]
    clean_index: Integers
    site_index: Integers
    neuroid_id: NDArray[Any]
    epsilon: Floats
    realised_epsilon: Floats
    predicted_sign: Integers
    rate_clean_hz: Floats
    rate_changed_hz: Floats
    change: Floats
    repetitions_clean: Floats
    repetitions_changed: Floats
    true_change: Floats
    n_repetitions: Integers
    sigma_hz: Floats
    sigma_corrected_hz: Floats

    @cached_property
    def cross_fitted(self) -> Floats:
        """Size of each change, its sign from one half of the repetitions and its size from the other, (n_pairs,)."""
        return cross_fitted_size(self.repetitions_clean, self.repetitions_changed)

    @cached_property
    def square(self) -> Floats:
        """Square of each change, the noise's taken out, (n_pairs,)."""
        return noiseless_square(self.repetitions_clean, self.repetitions_changed)

    def select(self, **equal: Any) -> Self:
        """Keep the pairs whose columns have the given values."""
        keep = np.ones(len(self.stimulus), dtype=bool)
        for name, value in equal.items():
            keep &= getattr(self, name) == value
        return type(self)(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})

    def table(self) -> dict[str, Any]:
        """Return the columns of pairs.parquet."""
        return {name: getattr(self, name) for name in PAIRS.columns}


def pairs_of(day: DayResponses, measured: Measured, *, true_rates_hz: Floats | None) -> ImagePairs:
    """Join every changed stimulus with its clean twin at the sites it is meant for.

    Parameters
    ----------
    day
        Stimuli and sites.
    measured
        Responses by stimulus.
    true_rates_hz
        The hidden cortex's expected rates, (n_images, n_sites); None in a real experiment.
    """
    stimulus, site = _changed_at_sites(day)
    return _joined(day, measured, stimulus, site, true_rates_hz=true_rates_hz)


def _joined(
    day: DayResponses, measured: Measured, stimulus: Integers, site: Integers, *, true_rates_hz: Floats | None
) -> ImagePairs:
    columns = day.stimuli.columns
    clean = columns["clean_index"][stimulus].astype(np.int64)

    def change(rates: Floats) -> Floats:
        return normalize(rates[stimulus, site] - rates[clean, site], measured.sigma_hz, site_index=site)

    def scaled(repetitions_hz: Floats) -> Floats:
        return np.stack([normalize(hz, measured.sigma_hz, site_index=site) for hz in repetitions_hz.T], axis=1)

    return ImagePairs(
        stimulus=stimulus,
        stimulus_id=columns["stimulus_id"][stimulus],
        kind=columns["kind"][stimulus],
        role=columns["role"][stimulus],
        image_id=columns["image_id"][stimulus],
        clean_index=clean,
        site_index=site,
        neuroid_id=np.array([one.neuroid_id for one in day.sites])[site],
        epsilon=columns["epsilon"][stimulus],
        realised_epsilon=columns["realised_epsilon"][stimulus],
        predicted_sign=columns["predicted_sign"][stimulus].astype(np.int64),
        rate_clean_hz=measured.rates_hz[clean, site],
        rate_changed_hz=measured.rates_hz[stimulus, site],
        change=change(measured.rates_hz),
        repetitions_clean=scaled(measured.repetitions_hz[clean, site]),
        repetitions_changed=scaled(measured.repetitions_hz[stimulus, site]),
        true_change=change(true_rates_hz) if true_rates_hz is not None else np.full(len(stimulus), np.nan),
        n_repetitions=measured.n_usable[stimulus, site],
        sigma_hz=measured.sigma_hz[site],
        sigma_corrected_hz=measured.sigma_corrected_hz[site],
    )


def join_pairs(sessions: Sequence[ImagePairs]) -> ImagePairs:
    """Return the pairs of a day's sessions together, each scaled by its own session's clean images.

    An image that several sessions showed is one image: `clean_index` numbers the images of all. `stimulus` stays what
    it is in each session.
    """
    if len(sessions) == 1:
        return sessions[0]
    _, clean_index = np.unique(np.concatenate([pairs.image_id for pairs in sessions]), return_inverse=True)
    n_repetitions = max(pairs.repetitions_clean.shape[1] for pairs in sessions)

    def column(name: str) -> NDArray[Any]:
        parts = [getattr(pairs, name) for pairs in sessions]
        if name.startswith("repetitions_"):
            missing = [n_repetitions - part.shape[1] for part in parts]
            parts = [
                np.pad(part, ((0, 0), (0, n)), constant_values=np.nan) for part, n in zip(parts, missing, strict=True)
            ]
        return np.concatenate(parts)

    joined = {field.name: column(field.name) for field in fields(ImagePairs)}
    return ImagePairs(**joined | {"clean_index": clean_index.astype(np.int64)})


def _changed_at_sites(day: DayResponses) -> tuple[Integers, Integers]:
    """Return the changed images with the sites that each is meant for."""
    attacked, site = _at_own_site(day, attacked_rows(day.stimuli))
    again, site_again = _at_own_site(day, attacked_again_rows(day.stimuli))
    repeated, site_repeated = _at_own_site(day, repeated_rows(day.stimuli))
    raised, site_raised = _at_own_site(day, raised_rows(day.stimuli))
    of_all, every = _at_every_site(day, control_rows(day.stimuli))
    stimulus = np.r_[attacked, of_all, again, repeated, raised]
    return stimulus, np.r_[site, every, site_again, site_repeated, site_raised]


def _at_own_site(day: DayResponses, stimulus: Integers) -> tuple[Integers, Integers]:
    site = day.stimuli.columns["site_index"][stimulus].astype(np.int64)
    bound = site < len(day.sites)  # on day 0 outputs are attacked before it is known which get an electrode
    return stimulus[bound], site[bound]


def _at_every_site(day: DayResponses, stimulus: Integers) -> tuple[Integers, Integers]:
    n_sites = len(day.sites)
    return np.repeat(stimulus, n_sites), np.tile(np.arange(n_sites), len(stimulus))


def other_site_pairs(day: DayResponses, measured: Measured, *, true_rates_hz: Floats | None) -> ImagePairs:
    """Join every attacked image with its clean twin at the sites that it was not made for.

    An attack on one site is a control for another: the same image, changed by as much, by the same model and search,
    shown anyway. What it does there is what attacks do to any site, by its place, by its brightness or otherwise.

    Parameters
    ----------
    day, measured, true_rates_hz
        As of `pairs_of`.
    """
    stimulus, site = _at_every_site(day, attacked_rows(day.stimuli))
    elsewhere = day.stimuli.columns["site_index"][stimulus] != site
    pairs = _joined(day, measured, stimulus[elsewhere], site[elsewhere], true_rates_hz=true_rates_hz)
    n_pairs = len(pairs.stimulus)
    return replace(pairs, kind=np.full(n_pairs, "other_site"), predicted_sign=np.zeros(n_pairs, dtype=np.int64))


def pairs_so_far(
    sessions: Sequence[DayResponses], true_rates_hz: Sequence[Floats | None], *, other_site: bool
) -> tuple[ImagePairs, ImagePairs]:
    """Return the pairs of a day's last session, and those of all of its sessions together.

    Parameters
    ----------
    sessions
        What the sites answered in each, in order.
    true_rates_hz
        The hidden cortex's expected rates in each, (n_images, n_sites); None in a real experiment.
    other_site
        Whether attacks at sites that they were not made for are among the pairs of all sessions, as a control.
    """
    measured = [(one, measure(one), true) for one, true in zip(sessions, true_rates_hz, strict=True)]
    own = [pairs_of(one, of, true_rates_hz=true) for one, of, true in measured]
    elsewhere = [other_site_pairs(one, of, true_rates_hz=true) for one, of, true in measured if other_site]
    return own[-1], join_pairs([*own, *elsewhere])
