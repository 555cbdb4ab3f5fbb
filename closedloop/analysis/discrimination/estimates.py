"""Percent correct and d' of many subjects and images, with intervals for other subjects and other images.

Answers of one subject are alike, and so are answers to one image: binomial intervals, which take each answer for a
draw of its own, cover a quarter to a half of what they claim. Resampled are subjects and images, as
`analysis.bootstrap` does with sites and images: the resamples' shape, and the two-way cluster-robust standard error as
width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.bootstrap import bootstrap_function, bootstrap_mean
from closedloop.analysis.discrimination.rates import difference_d_prime, percent_correct, within_bounds
from closedloop.analysis.estimate import Estimate, Floats, Indices
from closedloop.analysis.resamples import ResampledPairs, resampled_means

_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Detection:
    """How well some pairs are told apart.

    Attributes
    ----------
    hit_rate, false_rate
        Parts of the different and of the equal pairs called different.
    correct
        Percent correct, with its interval over subjects and images (its `sites` are the subjects).
    d_prime
        Of the differencing model, from both rates.
    d_prime_interval
        95 %, over subjects and images.
    n_trials, n_different
        Answers in all, and those to different pairs.
    """

    hit_rate: float
    false_rate: float
    correct: Estimate
    d_prime: float
    d_prime_interval: tuple[float, float]
    n_trials: int
    n_different: int


def estimate_detection(
    said_different: NDArray[np.bool_],
    is_different: NDArray[np.bool_],
    *,
    subject_index: Indices,
    image_index: Indices,
    seed: int,
) -> Detection:
    """Estimate how well people tell images apart, from their answers.

    Parameters
    ----------
    said_different, is_different
        Of each trial, (n_trials,): what was answered, and what was so.
    subject_index, image_index
        Who answered, and which perturbed image the trial is of, (n_trials,).
    seed
        Decides the resamples.

    Returns
    -------
    Detection
        NaN where there are no different or no equal pairs; intervals are NaN of one subject or one image.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> subject, image = np.repeat(np.arange(10), 100), np.tile(np.arange(25), 40)
    >>> differs = np.arange(1000) // 25 % 2 == 0
    >>> said = random.uniform(size=1000) < np.where(differs, 0.75, 0.25)
    >>> found = estimate_detection(said, differs, subject_index=subject, image_index=image, seed=0)
    >>> round(found.correct.mean, 1), bool(found.d_prime_interval[0] < 2.57 < found.d_prime_interval[1])
    (0.8, True)
    """
    said = said_different.astype(np.float64)
    columns = np.stack([np.where(is_different, said, np.nan), np.where(is_different, np.nan, said)], axis=1)
    n_different, n_equal = int(is_different.sum()), int((~is_different).sum())
    correct = bootstrap_function(columns, _correct, image_index=image_index, site_index=subject_index, seed=seed)
    if not n_different or not n_equal:
        nan = float("nan")
        return Detection(nan, nan, correct, nan, (nan, nan), len(said), n_different)
    hits, false = (float(np.nanmean(column)) for column in columns.T)
    counts = np.array([n_different, n_equal])
    d_prime = float(difference_d_prime(*within_bounds([hits, false], counts)))
    draws = _scaled_draws(columns, correct, subject_index, image_index, seed=seed)
    interval = _d_prime_interval(draws, counts) if draws is not None else (float("nan"), float("nan"))
    return Detection(hits, false, _within_rates(correct), d_prime, interval, len(said), n_different)


def estimate_catch_rate(said_different: NDArray[np.bool_], *, subject_index: Indices, seed: int) -> Estimate:
    """Return the part of catch trials called different, with its interval over subjects.

    Parameters
    ----------
    said_different
        Of each catch trial, (n_trials,).
    subject_index
        Who answered, (n_trials,).
    seed
        Decides the resamples.
    """
    nobody = np.zeros(len(said_different), dtype=np.int64)
    said = said_different.astype(np.float64)
    found = bootstrap_mean(said, image_index=subject_index, site_index=nobody, seed=seed, over="images")
    return _within_rates(found)


def _within_rates(estimate: Estimate) -> Estimate:
    """Return an estimate whose interval ends where parts end: Student's t of two subjects reaches far beyond."""
    low, high = estimate.interval
    return replace(estimate, interval=(max(low, 0.0), min(high, 1.0)) if np.isfinite(low + high) else (low, high))


def _correct(means: Floats) -> Floats:
    return percent_correct(means[..., 0], means[..., 1])


def _scaled_draws(
    columns: Floats, correct: Estimate, subject_index: Indices, image_index: Indices, *, seed: int
) -> NDArray[Any] | None:
    """Return both rates in each resample, drawn as far from the estimate as percent correct's interval is wide."""
    low, high = correct.interval
    if not np.isfinite(low + high):
        return None
    pairs = ResampledPairs(columns, *(np.unique(i, return_inverse=True)[1] for i in (image_index, subject_index)))
    draws = resampled_means(pairs, "images_and_sites", seed=seed)
    ends = np.nanquantile(_correct(draws), _QUANTILES)
    width = float(ends[1] - ends[0])
    return pairs.means + (draws - pairs.means) * ((high - low) / width if width > 0 else 1.0)


def _d_prime_interval(draws: Floats, counts: NDArray[Any]) -> tuple[float, float]:
    """Return the quantiles of d' over the resamples: no slope is needed, of which d' has none at zero."""
    known = draws[np.isfinite(draws).all(axis=1)]
    rates = within_bounds(known, counts)
    low, high = np.quantile(difference_d_prime(rates[:, 0], rates[:, 1]), _QUANTILES)
    return float(low), float(high)
