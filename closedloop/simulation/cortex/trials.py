"""From hidden rates to the rates of single presentations: slow gains, adaptation, and the shape in time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from closedloop.simulation.cortex.hidden import HiddenCortex

Floats = NDArray[np.float64]

ADAPTATION = 0.12
"""Share of the rate lost when the preceding image is the same; half as much for an unrelated one."""

SHARED_TRIAL_NOISE = 0.08
"""Standard deviation of the logarithm of the gain that all electrodes share in a presentation."""

_SLOW_SHARED, _SLOW_PRIVATE = 0.06, 0.04  # standard deviation of the logarithm of the slow gains
_SLOW_PERIODS_S = (180.0, 2400.0)  # the slow gain drifts over 3 to 40 minutes
_N_WAVES = 4


@dataclass(frozen=True)
class PresentationSequence:
    """What the subject saw, in order of time.

    Parameters
    ----------
    images
        The different images, uint8, shape (n_images, height, width, 3).
    image_index
        Which image each presentation showed, shape (n_presentations,).
    ordinal
        Number of each presentation within the day; its noise is drawn from it, shape (n_presentations,).
    onset_s
        Photodiode onset since the day began, in seconds, shape (n_presentations,).
    follows_previous
        Whether the preceding entry was shown directly before, within the same fixation, shape (n_presentations,).
    """

    images: NDArray[np.uint8]
    image_index: NDArray[np.int64]
    ordinal: NDArray[np.int64]
    onset_s: Floats
    follows_previous: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(self.image_index), len(self.ordinal), len(self.onset_s), len(self.follows_previous)}
        if len(lengths) != 1:
            raise ValueError(f"expected one entry a presentation in every array, found lengths {sorted(lengths)}")
        if len(self.follows_previous) and self.follows_previous[0]:
            raise ValueError("the first presentation of a sequence has nothing to follow")


@dataclass(frozen=True)
class PsthProfile:
    """Time course of an evoked response after stimulus onset; outside it the site fires at its baseline.

    Parameters
    ----------
    edges_ms
        Edges of the bins, shape (n_bins + 1,).
    relative_rate
        Rate in each bin relative to the mean over the response, shape (n_bins,); its mean is 1.
    """

    edges_ms: Floats
    relative_rate: Floats


def psth_profile() -> PsthProfile:
    """Return the evoked response of [70, 170) ms: a fast rise, a peak at about 100 ms, a slow fall.

    A presentation's expected spike count in the window is its rate times 0.1 s exactly.
    """
    edges_ms = np.arange(70.0, 171.0, 5.0)
    since_latency = (edges_ms[:-1] + edges_ms[1:]) / 2 - 70.0
    course = 0.35 + (since_latency / 25.0) * np.exp(1.0 - since_latency / 25.0)
    return PsthProfile(edges_ms, course / course.mean())


def trial_rates_hz(cortex: HiddenCortex, sequence: PresentationSequence, *, day: int) -> Floats:
    """Return every presentation's evoked rates: the hidden rates under noise, slow gain and adaptation.

    Every random number derives from (seed of the subject, day, ordinal): a presentation's rates are the same whatever
    else is in the sequence, but for the image it follows.

    Parameters
    ----------
    cortex
        The subject.
    sequence
        What it saw.
    day
        Recording day, counted from 0.

    Returns
    -------
    NDArray
        Rates in Hz for Poisson spikes, shape (n_presentations, n_electrodes).
    """
    return presented_rates_hz(cortex, cortex.rates_hz(sequence.images, day=day), sequence, day=day)


def presented_rates_hz(cortex: HiddenCortex, truth: Floats, sequence: PresentationSequence, *, day: int) -> Floats:
    """Return every presentation's evoked rates where the images' hidden rates are known already.

    Parameters
    ----------
    cortex
        The subject.
    truth
        Hidden rates of the sequence's images, (n_images, n_electrodes).
    sequence
        What it saw; its images are not looked at.
    day
        Recording day, counted from 0.
    """
    gains = _trial_gains(cortex, sequence.ordinal, day=day) * slow_gain(cortex, sequence.onset_s, day=day)
    return np.asarray(truth[sequence.image_index] * gains * _adaptation(cortex, truth, sequence, day=day)[:, None])


def slow_gain(cortex: HiddenCortex, time_s: Floats, *, day: int) -> Floats:
    """Return the gain that drifts over minutes around 1, partly common to all electrodes, (n_times, n_electrodes).

    A sum of a few slow waves with random periods and phases, hence a function of time alone.

    Parameters
    ----------
    cortex
        The subject.
    time_s
        Since the day began, seconds, (n_times,).
    day
        Recording day, counted from 0.
    """
    rng = np.random.default_rng([cortex.seed, day, *b"slow gain"])
    n = cortex.n_electrodes
    private = _waves(time_s, n_signals=n, rng=rng)
    shared = _waves(time_s, n_signals=1, rng=rng)
    return np.asarray(np.exp(_SLOW_PRIVATE * private + _SLOW_SHARED * shared))


def _waves(time_s: Floats, *, n_signals: int, rng: np.random.Generator) -> Floats:
    """Sum waves to unit variance over time, shape (n_times, n_signals)."""
    shortest, longest = np.log(_SLOW_PERIODS_S)
    period_s = np.exp(rng.uniform(shortest, longest, (_N_WAVES, 1, n_signals)))
    phase = rng.uniform(0, 2 * np.pi, (_N_WAVES, 1, n_signals))
    waves = np.sin(2 * np.pi * time_s[:, None] / period_s + phase)
    return np.asarray(waves.sum(axis=0) * np.sqrt(2 / _N_WAVES))


def _trial_gains(cortex: HiddenCortex, ordinals: NDArray[np.int64], *, day: int) -> Floats:
    """Return log-normal gains of mean 1, shape (n_presentations, n_electrodes), each row from its own generator."""
    draws = [
        np.random.default_rng([cortex.seed, day, int(ordinal), *b"trial"]).standard_normal(cortex.n_electrodes + 1)
        for ordinal in ordinals
    ]
    noise = np.array(draws).reshape(-1, cortex.n_electrodes + 1)
    private_sd = cortex.electrodes.trial_noise
    log_gain = private_sd * noise[:, 1:] + SHARED_TRIAL_NOISE * noise[:, :1]
    return np.asarray(np.exp(log_gain - 0.5 * (private_sd**2 + SHARED_TRIAL_NOISE**2)))


def _adaptation(cortex: HiddenCortex, truth: Floats, sequence: PresentationSequence, *, day: int) -> Floats:
    """Return each presentation's factor on its rates, from how alike the population answers the image before it."""
    mean, spread = _typical_rates(cortex, day)
    population = (truth - mean) / spread
    unit = population / np.linalg.norm(population, axis=1, keepdims=True)
    shown = unit[sequence.image_index]
    likeness = np.zeros(len(shown))
    likeness[1:] = (shown[1:] * shown[:-1]).sum(axis=1)
    return np.asarray(1 - ADAPTATION * np.where(sequence.follows_previous, (1 + likeness) / 2, 0.0))


@lru_cache(maxsize=4)
def _typical_rates(cortex: HiddenCortex, day: int) -> tuple[Floats, Floats]:
    """Return mean and SD of each electrode's rate over the reference images, (n_electrodes,)."""
    typical = cortex.rates_hz(cortex.reference_images, day=day)
    return np.asarray(typical.mean(axis=0)), np.asarray(typical.std(axis=0))
