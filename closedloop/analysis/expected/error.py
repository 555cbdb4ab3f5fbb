"""The standard error that pairs which are not shown yet will have: that of `estimate.mean_over_pairs`, from its parts.

It is what the clustered standard error is an estimate of: with G images, the n pairs of image g being k_g,
``SE^2 = sum_g (k_g V + k_g (k_g - 1) C) / n^2``. V is the variance of a pair and C the covariance of two pairs of one
image, both with the repetitions that are planned (`variance_parts.PairVariance`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.expected.variance_parts import PairVariance

_LEAST_OF_INDEPENDENT = (
    0.25  # of the variance of pairs that share nothing: a covariance of few pairs takes no more away
)


@dataclass(frozen=True)
class PlannedPairs:
    """Pairs that will be shown.

    Attributes
    ----------
    image_index, site_index
        The clean image and the site of each, (n_pairs,).
    clean_repetitions, repetitions
        How often the clean and the attacked image of each are shown, (n_pairs,).
    used
        Part of the presentations that will count.

    Examples
    --------
    Ten images, each attacked for the same two sites:

    >>> import numpy as np
    >>> images, sites = np.repeat(np.arange(10), 2), np.tile([0, 1], 10)
    >>> planned = PlannedPairs(images, sites, clean_repetitions=np.full(20, 4), repetitions=np.full(20, 2))
    >>> planned.n_pairs, planned.n_images
    (20, 10)
    """

    image_index: Indices
    site_index: Indices
    clean_repetitions: Indices
    repetitions: Indices
    used: float = 1.0

    @property
    def n_images(self) -> int:
        """Different clean images."""
        return int(np.unique(self.image_index).size)

    @property
    def n_pairs(self) -> int:
        """All of them."""
        return len(self.image_index)


def expected_standard_error(planned: PlannedPairs, variance: PairVariance) -> float:
    """Return the standard error to expect of a mean over pairs, clustered by image.

    Parameters
    ----------
    planned
        At least two images, else NaN.
    variance
        Of the changes; a spread below zero counts as none, a covariance that is not known as none.

    Examples
    --------
    Independent pairs of variance 1 + 1 / 2 + 1 / 2, four hundred of them:

    >>> import numpy as np
    >>> from closedloop.analysis import PairVariance
    >>> pairs = PlannedPairs(np.arange(400), np.zeros(400, int), np.full(400, 2), np.full(400, 2))
    >>> parts = PairVariance(spread=1.0, clean=1.0, changed=1.0, shared=0.0, shared_clean=0.0)
    >>> round(expected_standard_error(pairs, parts), 3)
    0.071
    """
    if planned.n_images < 2:
        return float("nan")
    per_clean = _mean_inverse(planned.clean_repetitions, planned.used)
    per_changed = _mean_inverse(planned.repetitions, planned.used)
    of_pair = max(variance.spread, 0.0) + variance.clean * per_clean + variance.changed * per_changed
    of_two = _or_zero(variance.shared) + _or_zero(variance.shared_clean) * per_clean
    member_of = np.unique(planned.image_index, return_inverse=True)[1]
    size = np.bincount(member_of)
    independent = float(of_pair.sum())
    together = float((of_two * (size[member_of] - 1)).sum())
    n = planned.n_pairs * _part_shown(planned)
    square = max(independent + together, _LEAST_OF_INDEPENDENT * independent) / planned.n_pairs / n
    # the root of an estimated variance lies below the root of its mean (normal values: 1 / (4 degrees of freedom))
    return math.sqrt(square) * (1 - 0.25 / (planned.n_images - 1))


def sigma_error(rates: Floats) -> Floats:
    """Return the relative standard error of each site's sigma, which normalizes its changes.

    All pairs of a site are divided by one sigma, so that its error moves them together: a standard error over pairs
    does not see it. Of n images with kurtosis k it is ``sqrt((k - (n - 3) / (n - 1)) / n) / 2``.

    Parameters
    ----------
    rates
        Mean response of each clean image, (n_images, n_sites); NaN where an image has none.

    Returns
    -------
    ndarray
        (n_sites,); NaN with fewer than four images, or without any variance.

    Examples
    --------
    Normal responses to 200 images: 1 / sqrt(2 x 200).

    >>> import numpy as np
    >>> rates = np.random.default_rng(0).normal(size=(200, 1000))
    >>> round(float(sigma_error(rates).mean()), 2)
    0.05
    """
    n = np.isfinite(rates).sum(axis=0).astype(np.float64)
    centred = rates - np.divide(np.nansum(rates, axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    second, fourth = (np.nansum(centred**power, axis=0) for power in (2, 4))
    enough = (n > 3) & (second > 0)
    kurtosis = np.divide(fourth * n, second**2, out=np.full(len(n), np.nan), where=enough)
    square = np.divide(
        kurtosis - np.divide(n - 3, n - 1, out=np.ones(len(n)), where=enough),
        n,
        out=np.full(len(n), np.nan),
        where=enough,
    )
    return np.asarray(np.sqrt(np.maximum(square, 0.0)) / 2)


def variance_of_sigmas(planned: PlannedPairs, site_size: Floats, site_sigma_error: Floats) -> float:
    """Return the variance that the error of all sites' sigmas gives a mean over pairs.

    Parameters
    ----------
    planned
        The pairs; a site weighs as many as it has.
    site_size
        Mean signed change of each site, (n_sites,).
    site_sigma_error
        Of `sigma_error`, (n_sites,); NaN counts as 0.
    """
    share = np.bincount(planned.site_index, minlength=len(site_size))[: len(site_size)] / planned.n_pairs
    return float(np.nansum((share * site_size * site_sigma_error) ** 2))


def _mean_inverse(repetitions: Indices, used: float) -> Floats:
    """Return the mean of 1 / n, n the presentations of those planned that count, where at least one does."""
    table = {}
    for planned in np.unique(repetitions).tolist():
        shown = range(1, planned + 1)
        chance = [math.comb(planned, n) * used**n * (1 - used) ** (planned - n) for n in shown]
        table[planned] = sum(p / n for p, n in zip(chance, shown, strict=True)) / max(sum(chance), 1e-12)
    return np.array([table[planned] for planned in repetitions.tolist()])


def _part_shown(planned: PlannedPairs) -> float:
    """Return the part of the pairs of which either image will have a presentation that counts."""
    lost = 1 - planned.used
    either = (1 - lost ** planned.clean_repetitions.astype(float)) * (1 - lost ** planned.repetitions.astype(float))
    return float(either.mean())


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0
