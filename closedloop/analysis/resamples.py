"""Means of pairs and functions of them under resampling: what `bootstrap` rests on.

Columns of numbers over pairs of an image and a site; their resampled means, and the cluster-robust standard error that
the resamples' spread is scaled to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.intervals import student_95

Over = Literal["images", "images_and_sites"]
"""What is taken for a sample of something larger: the images, or the images and the sites."""

MeansFunction = Callable[[Floats], Floats]
"""From means, (..., n_columns), to a number each, (...); smooth where the means are."""

N_RESAMPLES = 2000
_QUANTILES = (0.025, 0.975)
_NORMAL_95 = 1.959963984540054
_LEAST_OF_PAIRS = 0.5  # of the variance that pairs alone give: what remains of a difference of two noisy variances
_STEP = 1e-3  # of a mean's standard error, for the slope of a function of means


@dataclass(frozen=True)
class ResampledPairs:
    """Pairs of which at least one column is known; images and sites numbered from 0 without a gap."""

    columns: Floats
    image: Indices
    site: Indices

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which columns each pair has a part in, (n_pairs, n_columns)."""
        return np.isfinite(self.columns)

    @cached_property
    def values(self) -> Floats:
        """The columns, 0 where not known."""
        return np.where(self.known, self.columns, 0.0)

    @cached_property
    def counts(self) -> Floats:
        """Pairs of each column, (n_columns,)."""
        return np.asarray(self.known.sum(axis=0), dtype=np.float64)

    @cached_property
    def means(self) -> Floats:
        """Of the columns, (n_columns,); NaN without a pair."""
        means = np.full(len(self.counts), np.nan)
        np.divide(self.values.sum(axis=0), self.counts, out=means, where=self.counts > 0)
        return means

    def cells(self, column: NDArray[Any]) -> Floats:
        """Return a column's sums by image and site, (n_images, n_sites)."""
        cell = self.image * self.n_sites + self.site
        sums = np.bincount(cell, weights=column, minlength=self.n_images * self.n_sites)
        return np.asarray(sums.reshape(self.n_images, self.n_sites))

    @cached_property
    def n_images(self) -> int:
        """Different images."""
        return int(self.image.max(initial=-1)) + 1

    @cached_property
    def n_sites(self) -> int:
        """Different sites."""
        return int(self.site.max(initial=-1)) + 1


def standard_error_of(pairs: ResampledPairs, function: MeansFunction, over: Over) -> tuple[float, int]:
    """Return the cluster-robust standard error of a function of means, and its degrees of freedom.

    Parameters
    ----------
    pairs
        What is averaged.
    function
        Of the means; its slopes in them are taken by small steps.
    over
        What varies: the images, or images and sites.
    """
    least = pairs.n_images if over == "images" else min(pairs.n_images, pairs.n_sites)
    if least < 2:
        return float("nan"), 0
    parts = pairs.known * (pairs.columns - pairs.means) / pairs.counts
    parts = np.where(pairs.known, parts, 0.0)
    slopes = _slopes(function, pairs.means, np.sqrt((parts**2).sum(axis=0)))
    if over == "images":
        return _error_by_image(pairs, slopes)
    influence = np.where(slopes != 0, parts * slopes, 0.0).sum(axis=1)
    by_image, by_site = (_clustered(influence, index) for index in (pairs.image, pairs.site))
    by_pair = _clustered(influence, pairs.image * pairs.n_sites + pairs.site)
    return float(np.sqrt(max(by_image + by_site - by_pair, _LEAST_OF_PAIRS * by_pair))), least - 1


def _error_by_image(pairs: ResampledPairs, slopes: Floats) -> tuple[float, int]:
    """Return the error clustered by image, each site's own mean taken out: the sites are these and no others."""
    sums, counts = _site_sums(pairs.values, pairs), _site_sums(pairs.known.astype(float), pairs)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    few = np.sqrt(np.divide(counts, counts - 1, out=np.zeros_like(counts), where=counts > 1))
    parts = np.where(pairs.known, (pairs.values - means[pairs.site]) * few[pairs.site], 0.0) / pairs.counts
    influence = np.where(slopes != 0, parts * slopes, 0.0).sum(axis=1)
    images_a_site = np.unique(pairs.image * pairs.n_sites + pairs.site).size / pairs.n_sites
    degrees = pairs.n_images - max(round(pairs.n_images / images_a_site), 1)
    if degrees < 1:
        return float("nan"), 0
    return float(np.sqrt((np.bincount(pairs.image, weights=influence) ** 2).sum())), degrees


def _site_sums(values: Floats, pairs: ResampledPairs) -> Floats:
    """Return sums over each site's pairs, (n_sites, n_columns)."""
    sums = np.zeros((pairs.n_sites, values.shape[1]))
    np.add.at(sums, pairs.site, values)
    return sums


def _clustered(influence: Floats, cluster: Indices) -> float:
    """Return the variance of a sum of parts that come in clusters, ``G / (G - 1) sum_g (sum of g)^2``."""
    _, member_of = np.unique(cluster, return_inverse=True)
    sums = np.bincount(member_of, weights=influence)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum())


def _slopes(function: MeansFunction, means: Floats, errors: Floats) -> Floats:
    """Return the slope of the function in each mean, by a small step to either side."""
    steps = _STEP * np.where(errors > 0, errors, 1.0)
    shifted = np.diag(steps)
    rise = function(means + shifted) - function(means - shifted)
    return np.asarray(rise / (2 * steps))


def resampled_means(pairs: ResampledPairs, over: Over, *, seed: int) -> Floats:
    """Return the columns' means in each resample, (n_resamples, n_columns).

    Parameters
    ----------
    pairs
        What is averaged.
    over
        What is drawn: the images, or images and sites.
    seed
        Decides the draws.
    """
    of_image = _multiplicities(pairs.n_images, seed, "images")
    of_site = _multiplicities(pairs.n_sites, seed, "sites") if over == "images_and_sites" else None
    columns = list[Floats]()
    for values, known in zip(pairs.values.T, pairs.known.T, strict=True):
        counts = pairs.cells(known)
        share = counts.sum(axis=0)
        columns.append(_resampled_mean(of_image @ pairs.cells(values), of_image @ counts, of_site, share=share))
    return np.stack(columns, axis=1)


def _resampled_mean(sums: Floats, counts: Floats, of_site: Floats | None, *, share: Floats) -> Floats:
    """Return a mean from each site's sum and count in each resample, (n_resamples, n_sites).

    Where sites are held fixed each keeps its share, and one that lost all of its images has none.
    """
    if of_site is not None:
        return np.asarray((sums * of_site).sum(axis=1) / (counts * of_site).sum(axis=1))
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    shares = share * (counts > 0)
    return np.asarray((means * shares).sum(axis=1) / shares.sum(axis=1))


@lru_cache(maxsize=16)
def _multiplicities(n: int, seed: int, of: str) -> Floats:
    """Return how often each of n images or sites is in each resample, (n_resamples, n)."""
    rng = np.random.default_rng([seed, *f"bootstrap over {of}".encode()])
    return np.asarray(rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES), dtype=np.float64)


def scaled_interval(estimate: float, standard_error: float, draws: Floats, *, degrees: int) -> tuple[float, float]:
    """Return the quantiles of the resamples, their distance from the estimate scaled to the standard error.

    Parameters
    ----------
    estimate, standard_error
        Of the pairs as they are.
    draws
        The estimate in each resample, (n_resamples,).
    degrees
        Of freedom of the standard error.
    """
    if standard_error == 0:
        return estimate, estimate
    known = draws[np.isfinite(draws)]
    if known.size < len(draws) // 2 or not known.size or known.std() == 0:
        return float("nan"), float("nan")
    scale = standard_error / known.std() * student_95(degrees) / _NORMAL_95
    low, high = np.quantile(known, _QUANTILES)
    return float(estimate + scale * (low - estimate)), float(estimate + scale * (high - estimate))
