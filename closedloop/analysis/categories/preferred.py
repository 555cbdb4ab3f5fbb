"""The most and the least preferred category of each site, and its response to it without the bias of having chosen.

The largest of many noisy means is too large: of 30 categories with ten images each it lies 14 Hz above the level of
the category that it names (simulated sites at 215 Hz, `python -m benchmarks preference`). Here one half of each
category's images chooses and the other half is averaged, then the other way round, over random halvings.

The estimand is exactly that: the site's expected response to new images of the category that half of these images
would choose, each category as often as it is chosen. Of every halving the mean of the other half is unbiased for it,
because images that did not choose know nothing of the choice. It is at most the level of the truly best category, and
near it once the images are many (2 % below with 40 images a category, 5 % with ten).

Its interval is a bootstrap over images within their categories, the number of each held as it was: in every resample
the choice is made anew, in new halves, and what is resampled is the error, the level less the means of the categories
chosen (in the resample's world these are the truth). Its quantiles are widened from the normal distribution to
Student's t by the images of the category, and by sqrt(n / (n - 1)). Of the preferred level it holds the truth in 94 to
96 of 100 cases, of the least preferred one in 87 to 92: there images answer little and few of them much, and what is
chosen as least is what happened to show few of these, mean and spread too small at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.intervals import student_95

N_HALVINGS = 10
N_RESAMPLES = 400
_QUANTILES = (0.025, 0.975)
_NORMAL_95 = 1.959963984540054
_RESAMPLES_AT_ONCE = 20  # of memory a few hundred megabytes with thousands of images


@dataclass(frozen=True)
class PreferredLevel:
    """Of each site the category that it prefers, and its response to it.

    Attributes
    ----------
    category
        With the largest mean over all images, an index, (n_sites,); -1 where there is none.
    share
        How often half of the images chose it, from 0 to 1, (n_sites,).
    agreement
        How often both halves chose the same category, (n_sites,); one in as many as there are, of a site that prefers
        none.
    level
        Cross-validated, (n_sites,); NaN where it cannot be known.
    low, high
        Its 95 % interval, (n_sites,).
    naive
        Mean over all images of the category with the largest mean: biased, for comparison, (n_sites,).
    n_images
        Of the category, (n_sites,).
    errors
        Of the level in each resample, widened as the interval is, (n_resamples, n_sites).
    choices
        How often each category was chosen by a half, (n_categories, n_sites); columns sum to 1.
    """

    category: Indices
    share: Floats
    agreement: Floats
    level: Floats
    low: Floats
    high: Floats
    naive: Floats
    n_images: Indices
    errors: Floats
    choices: Floats


def category_means(responses: Floats, category: Indices, *, n_categories: int) -> Floats:
    """Return the mean response to each category's images, (n_categories, n_sites); NaN where there is none.

    Parameters
    ----------
    responses
        (n_images, n_sites); NaN where unusable.
    category
        Of each image, an index, (n_images,).
    n_categories
        How many there are.

    Examples
    --------
    >>> import numpy as np
    >>> category_means(np.array([[1.0], [3.0], [10.0]]), np.array([0, 0, 1]), n_categories=2)
    array([[ 2.],
           [10.]])
    """
    known = np.isfinite(responses)
    sums, counts = np.zeros((2, n_categories, responses.shape[1]))
    np.add.at(sums, category, np.where(known, responses, 0.0))
    np.add.at(counts, category, known)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def preferred_level(
    responses: Floats,
    category: Indices,
    *,
    seed: int,
    n_halvings: int = N_HALVINGS,
    n_resamples: int = N_RESAMPLES,
) -> PreferredLevel:
    """Return which category each site prefers, and its response to new images of it.

    Parameters
    ----------
    responses
        Mean response of each site to each clean image, (n_images, n_sites); NaN where unusable. With their sign turned
        it is the least preferred category that is found.
    category
        Of each image, from 0, (n_images,).
    seed
        Decides halvings and resamples.
    n_halvings, n_resamples
        Random halvings that are averaged; resamples behind the interval.

    Returns
    -------
    PreferredLevel
        Level and interval are NaN for a site that does not answer at least two categories by two images each: a
        category of one image cannot choose and be averaged.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    Thirty categories that do not differ, so that none is preferred: the largest mean is too large all the same.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> responses = rng.normal(100.0, 20.0, size=(300, 400))
    >>> found = preferred_level(responses, np.repeat(np.arange(30), 10), seed=0, n_resamples=1)
    >>> round(found.naive.mean()), round(found.level.mean())
    (113, 100)
    """
    if responses.ndim != 2 or category.shape != responses.shape[:1]:
        raise ValueError(f"expected (n_images, n_sites) and (n_images,), found {responses.shape} and {category.shape}")
    images = _Categories(responses, category)
    rng = np.random.default_rng([seed, *b"preferred category"])
    once = images.choose(1, n_halvings, rng, resample=False)
    resampled = [
        images.choose(min(_RESAMPLES_AT_ONCE, n_resamples - start), n_halvings, rng, resample=True).errors
        for start in range(0, n_resamples, _RESAMPLES_AT_ONCE)
    ]
    best = images.best
    sites = np.arange(responses.shape[1])
    n_images = np.where(best >= 0, images.counts[best, sites], 0).astype(np.int64)
    errors = np.concatenate([*resampled, np.empty((0, len(sites)))]) * _widened(n_images)
    low, high = _interval(once.level[0], errors)
    return PreferredLevel(
        category=best,
        share=np.where(best >= 0, once.choices[best, sites], np.nan),
        agreement=once.agreement,
        level=once.level[0],
        low=low,
        high=high,
        naive=np.where(best >= 0, images.means[best, sites], np.nan),
        n_images=n_images,
        errors=errors,
        choices=once.choices,
    )


def _widened(n_images: Indices) -> Floats:
    """Return by how much few images widen the resampled errors, (n_sites,); NaN with fewer than two."""
    factors = [student_95(n - 1) / _NORMAL_95 * np.sqrt(n / (n - 1)) if n > 1 else np.nan for n in n_images.tolist()]
    return np.array(factors, dtype=np.float64)


def _interval(level: Floats, errors: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(level) & (np.isfinite(errors).sum(axis=0) > 1)
    low, high = np.full((2, len(level)), np.nan)
    if known.any():
        below, above = np.nanquantile(errors[:, known], _QUANTILES, axis=0)
        low[known], high[known] = level[known] + below, level[known] + above
    return low, high


@dataclass(frozen=True)
class _Chosen:
    """What halves chose: the level and its error in each resample, and how the choices fell.

    `level` and `errors` are (n_resamples, n_sites), `choices` (n_categories, n_sites), `agreement` (n_sites,).
    """

    level: Floats
    errors: Floats
    choices: Floats
    agreement: Floats


@dataclass(frozen=True)
class _Categories:
    """Responses by category; a category that a site answers by fewer than two images is none for that site."""

    responses: Floats
    category: Indices

    @property
    def n(self) -> int:
        """Categories."""
        return int(self.category.max(initial=-1)) + 1

    @cached_property
    def counts(self) -> Floats:
        """Usable images of each category, (n_categories, n_sites)."""
        counts = np.zeros((self.n, self.responses.shape[1]))
        np.add.at(counts, self.category, np.isfinite(self.responses))
        return counts

    @cached_property
    def means(self) -> Floats:
        """Of all images, (n_categories, n_sites); NaN where a category is none."""
        means = category_means(self.responses, self.category, n_categories=self.n)
        return np.where(self.counts >= 2, means, np.nan)

    @cached_property
    def best(self) -> Indices:
        """The category of the largest mean, (n_sites,); -1 without two categories to choose from."""
        several = np.isfinite(self.means).sum(axis=0) > 1
        return np.where(several, _largest(self.means), -1)

    def _means_of_halves(
        self, shape: tuple[int, int], rng: np.random.Generator, *, resample: bool
    ) -> tuple[Floats, Floats]:
        """Return the means of both halves of every category, (n_resamples x n_halvings, n_categories, n_sites) each."""
        first, second = np.full((2, shape[0] * shape[1], self.n, self.responses.shape[1]), np.nan)
        for place in range(self.n):
            own = self.responses[self.category == place]
            if not len(own):
                continue
            weights = _halves(len(own), shape, rng, resample=resample)
            first[:, place], second[:, place] = (_weighted_means(one, own) for one in weights)
        return first, second

    def choose(self, n_resamples: int, n_halvings: int, rng: np.random.Generator, *, resample: bool) -> _Chosen:
        """Halve the images of every category, choose by one half and average the other, then the other way round."""
        first, second = self._means_of_halves((n_resamples, n_halvings), rng, resample=resample)
        shape = (n_resamples, 2 * n_halvings)
        choosing, averaged = (_beside(*halves, shape) for halves in ((first, second), (second, first)))
        choosing, averaged = (np.where(np.isfinite(self.means), one, np.nan) for one in (choosing, averaged))
        both = np.isfinite(choosing) & np.isfinite(averaged)
        choosing, averaged = np.where(both, choosing, np.nan), np.where(both, averaged, np.nan)
        chosen = _largest(choosing)
        levels = _taken(averaged, chosen)
        truths = _taken(np.broadcast_to(self.means, averaged.shape), chosen)
        is_known = self.best >= 0
        every = np.arange(self.n)[:, None, None]
        return _Chosen(
            level=_mean_of_halvings(levels, shape, is_known),
            errors=_mean_of_halvings(levels - truths, shape, is_known),
            choices=np.where(is_known, (chosen == every).mean(axis=1), np.nan),
            agreement=np.where(is_known, (_largest(averaged) == chosen).mean(axis=0), np.nan),
        )


def _halves(
    n: int, shape: tuple[int, int], rng: np.random.Generator, *, resample: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each of n images is in either half, (n_resamples x n_halvings, n) each; the odd one at random.

    An image that a resample drew twice may be in both halves: in that resample's world the images are the population.
    """
    n_rows = shape[0] * shape[1]
    rank = np.argsort(rng.random((n_rows, n)), axis=1)
    in_first = rank < (n + rng.integers(0, 2, size=(n_rows, 1))) // 2
    drawn = rng.integers(n, size=(shape[0], n)) if resample else np.tile(np.arange(n), (shape[0], 1))
    cell = np.arange(n_rows)[:, None] * n + np.repeat(drawn, shape[1], axis=0)

    def weights(half: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(cell[half], minlength=n_rows * n).reshape(n_rows, n).astype(np.float64)

    return weights(in_first), weights(~in_first)


def _weighted_means(weights: Floats, responses: Floats) -> Floats:
    """Return means over a category's images, (n_rows, n_sites); NaN where no usable image has a weight."""
    known = np.isfinite(responses)
    counts = weights @ known
    sums = weights @ np.where(known, responses, 0.0)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _beside(first: Floats, second: Floats, shape: tuple[int, int]) -> Floats:
    """Return two sets of halvings as one, those of each resample beside each other."""
    both = np.stack([one.reshape(shape[0], -1, *one.shape[1:]) for one in (first, second)], axis=1)
    return np.asarray(both.reshape(shape[0] * shape[1], *first.shape[1:]))


def _largest(means: Floats) -> Indices:
    """Return the place of the largest on the last axis but one, NaN being none; the first where there is none."""
    return np.asarray(np.argmax(np.where(np.isfinite(means), means, -np.inf), axis=-2))


def _taken(values: Floats, chosen: Indices) -> Floats:
    return np.asarray(np.take_along_axis(values, chosen[:, None, :], axis=1)[:, 0])


def _mean_of_halvings(values: Floats, shape: tuple[int, int], is_known: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(is_known, values.reshape(*shape, -1).mean(axis=1), np.nan))
