"""Which model foretold what sites did to whose images: correlation and slope, resampled over images, with a ceiling."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.intervals import student_95
from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import spearman_brown

N_RESAMPLES = 2000
_LEAST_FOR_INTERVAL = 5
"""Clean images: of fewer their spread says too little of how a correlation varies."""
_NEARLY_ONE = 1 - 1e-9
_LEAST_IMAGES = 3


@dataclass(frozen=True)
class Resampled:
    """A number with its 95 % interval over images; NaN where there are too few, or nothing varies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Review:
    """How well a model foretold the changes under one arm's attacks.

    Attributes
    ----------
    reviewer
        The model.
    n
        Attacks with a measured change.
    r
        Correlation of measured and foretold changes.
    slope
        Of the measured change, in sigma, on the foretold one, in z; 1 of a model that foretells sizes, too.
    r2
        Part of the variance of the measured changes that the foretold ones explain as they are; below 0 of a model
        that is further off than their mean.
    """

    reviewer: str
    n: int
    r: Resampled
    slope: Resampled
    r2: Resampled


@dataclass(frozen=True)
class ReviewDifference:
    """Correlation of the first reviewer minus that of the second, on the same resamples."""

    first: str
    second: str
    difference: Resampled


@dataclass(frozen=True)
class ArmReviews:
    """All reviewers of one arm.

    Attributes
    ----------
    ceiling
        Correlation with the measured changes that a model which foretold the noiseless ones would have; NaN where the
        halves of the repetitions do not say.
    n_images
        Clean images with a measured change, over which the intervals are.
    """

    reviews: tuple[Review, ...]
    differences: tuple[ReviewDifference, ...]
    ceiling: float
    n_images: int


def review_arm(
    measured: Floats, foretold: Mapping[str, Floats], *, halves: tuple[Floats, Floats], image_index: Indices, seed: int
) -> ArmReviews:
    """Compare measured changes with those that several models foretold.

    Parameters
    ----------
    measured
        Change of each attack at its site, (n_attacks,), in sigma; NaN where a response is missing.
    foretold
        Sealed change of each attack by every model, (n_attacks,), in z.
    halves
        The measured change from one half of the repetitions and from the other, (n_attacks,) each.
    image_index
        Clean image of each attack, (n_attacks,): what is resampled.
    seed
        Decides the resamples.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=200)
    >>> halves = (true + rng.normal(size=200), true + rng.normal(size=200))
    >>> foretold = {"right": true, "wrong": rng.normal(size=200)}
    >>> found = review_arm(sum(halves) / 2, foretold, halves=halves, image_index=np.arange(200), seed=0)
    >>> [round(review.r.value, 1) for review in found.reviews], round(found.ceiling, 1)
    ([0.8, 0.1], 0.8)
    >>> found.differences[0].difference.low > 0
    True
    """
    known = np.isfinite(measured)
    weights = _multiplicities(image_index[known], seed=seed)
    columns = {name: values[known].astype(np.float64) for name, values in foretold.items()}
    spread = {name: _weighted(measured[known], values, weights) for name, values in columns.items()}
    n_images = len(np.unique(image_index[known]))
    reviews = tuple(
        Review(
            name,
            int(known.sum()),
            _resampled(r, n_images=n_images, is_r=True),
            *(_resampled(values, n_images=n_images) for values in others),
        )
        for name, (r, *others) in spread.items()
    )
    differences = tuple(
        ReviewDifference(first, second, _resampled(spread[first][0] - spread[second][0], n_images=n_images))
        for first, second in itertools.combinations(spread, 2)
    )
    return ArmReviews(reviews, differences, ceiling_of(*halves), n_images)


def ceiling_of(first: Floats, second: Floats) -> float:
    """Return the correlation that the noiseless changes have with the measured ones, from two halves of repetitions.

    Parameters
    ----------
    first, second
        Changes from one half and from the other, (n_attacks,).

    Examples
    --------
    >>> ceiling_of(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]))
    1.0
    """
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < _LEAST_IMAGES:
        return float("nan")
    r = correlation(first[both][:, None], second[both][:, None])
    reliability = float(spearman_brown(r)[0])
    return float(np.sqrt(reliability)) if reliability > 0 else float("nan")


def _multiplicities(image_index: Indices, *, seed: int) -> Floats:
    """Return how often each attack counts: as it is first, then in each resample of images, (1 + n, n_attacks)."""
    images, of_image = np.unique(image_index, return_inverse=True)
    n = len(images)
    rng = np.random.default_rng([seed, *b"reviews over images"])
    draws = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) if n else np.empty((0, 0))
    return np.vstack([np.ones(len(image_index)), draws[:, of_image] if n else np.empty((0, 0))]).astype(np.float64)


def _weighted(measured: Floats, foretold: Floats, weights: Floats) -> NDArray[np.float64]:
    """Return correlation, slope of measured on foretold, and R2, under each row of weights, (3, n_rows)."""
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_y = weights @ foretold / total, weights @ measured / total
        variance_x = weights @ foretold**2 / total - mean_x**2
        variance_y = weights @ measured**2 / total - mean_y**2
        together = weights @ (foretold * measured) / total - mean_x * mean_y
        slope = together / variance_x
        r = together / np.sqrt(variance_x * variance_y)
        r2 = 1 - weights @ (measured - foretold) ** 2 / total / variance_y
    return np.stack([r, slope, r2])


def _resampled(values: Floats, *, n_images: int, is_r: bool = False) -> Resampled:
    """Return the number as it is, with an interval by Student's t from the spread of its resamples.

    Bare quantiles of resamples are too narrow where images are few: of twenty they hold the true value in nine of ten
    cases. A correlation is spread on Fisher's scale, where it is not squeezed against 1.
    """
    value, draws = float(values[0]), values[1:][np.isfinite(values[1:])]
    if n_images < _LEAST_FOR_INTERVAL or len(draws) < N_RESAMPLES // 2:
        return Resampled(value, float("nan"), float("nan"))
    if is_r:
        draws = np.arctanh(draws.clip(-_NEARLY_ONE, _NEARLY_ONE))
    half = student_95(n_images - 1) * float(draws.std()) * np.sqrt(n_images / (n_images - 1))
    if not is_r:
        return Resampled(value, value - half, value + half)
    middle = np.arctanh(np.clip(value, -_NEARLY_ONE, _NEARLY_ONE))
    return Resampled(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)))
