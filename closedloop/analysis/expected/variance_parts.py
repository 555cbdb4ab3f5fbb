"""What the variance of a signed change is made of: the pairs themselves, and the noise of either image's presentations.

A pair contributes ``sign (r(x + delta) - r(x))`` to the paper's estimate, each response a mean over repetitions. Its
variance over pairs is that of the change itself plus ``v_x / n_x + v_y / n_y``, v the noise variance of one
presentation, which repetitions tell. Pairs of one clean image share its presentations, and so does their noise. With
these parts apart, the standard error of another number of images or repetitions follows (`error`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices


@dataclass(frozen=True)
class RepeatedPairs:
    """Attacked images of one epsilon beside their clean ones, single responses each.

    Attributes
    ----------
    image_index, site_index
        The clean image and the site, (n_pairs,).
    sign
        Sealed before the responses were seen, (n_pairs,).
    clean, changed
        Responses in units of the site's sigma, (n_pairs, n_repetitions), those of one clean image in one order at all
    sites; NaN where there is none.

    Examples
    --------
    An image raised a site as predicted, and another site not:

    >>> import numpy as np
    >>> clean, changed = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([[2.0, 3.0], [3.0, 1.0]])
    >>> pairs = RepeatedPairs(np.array([0, 0]), np.array([0, 1]), np.array([1, -1]), clean, changed)
    >>> pairs.signed_change
    array([ 1.5, -1. ])
    """

    image_index: Indices
    site_index: Indices
    sign: Indices
    clean: Floats
    changed: Floats

    def select(self, keep: NDArray[np.bool_]) -> RepeatedPairs:
        """Keep some pairs, (n_pairs,)."""
        return RepeatedPairs(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})

    @cached_property
    def signed_change(self) -> Floats:
        """What each pair contributes to the paper's estimate, (n_pairs,); NaN where a response is missing."""
        return np.asarray(np.sign(self.sign) * (_mean(self.changed) - _mean(self.clean)))


@dataclass(frozen=True)
class PairVariance:
    """The parts of a signed change's variance, in sigma squared.

    Attributes
    ----------
    spread
        Variance over pairs of the change itself, without noise: of images, of sites, and of signs that are wrong.
    clean, changed
        Noise variance of one presentation of a clean image, and of an attacked one.
    shared
        Covariance of two sites' changes of one image, without noise.
    shared_clean
        Covariance of two sites' noise in one presentation of a clean image, with the signs of their pairs.

    Examples
    --------
    Of two days that share no presentation, the noise of the difference is the sum of both:

    >>> noise = PairVariance(spread=0.1, clean=0.5, changed=0.6, shared=0.0, shared_clean=0.01)
    >>> (noise + noise).changed
    1.2
    """

    spread: float
    clean: float
    changed: float
    shared: float
    shared_clean: float

    def __add__(self, other: PairVariance) -> PairVariance:
        parts = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return PairVariance(**parts)


def weighted_mean(variances: Sequence[PairVariance], weights: Sequence[float]) -> PairVariance:
    """Average the parts over days.

    Parameters
    ----------
    variances
        At least one.
    weights
        Of each, their sum positive. A part that is NaN counts with weight 0; NaN where all are.
    """

    def mean(values: Sequence[float]) -> float:
        known = [(value, weight) for value, weight in zip(values, weights, strict=True) if np.isfinite(value)]
        total = sum(weight for _, weight in known)
        return sum(value * weight for value, weight in known) / total if total else float("nan")

    return PairVariance(
        **{field.name: mean([getattr(one, field.name) for one in variances]) for field in fields(PairVariance)}
    )


def pair_variance(pairs: RepeatedPairs) -> PairVariance:
    """Take the variance of measured pairs apart.

    Every part is unbiased, so that the spread, and the covariances always, may come out below zero where noise hides
    them: they are averaged over days as they are.

    Parameters
    ----------
    pairs
        Of one day and epsilon, at all sites or at one. Pairs without a response of either image are left out, and tell
        nothing of the noise where either was shown once.

    Returns
    -------
    PairVariance
        NaN with fewer than two pairs; the noise where no pair has two repetitions, the covariances where no image
        has two sites.

    Examples
    --------
    Changes of SD .5 over images, noise of SD 1 in each of four clean and two attacked presentations:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> n = 20_000
    >>> pairs = RepeatedPairs(
    ...     image_index=np.arange(n),
    ...     site_index=np.zeros(n, int),
    ...     sign=np.ones(n, int),
    ...     clean=rng.normal(0, 1, (n, 4)),
    ...     changed=rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 1, (n, 2)),
    ... )
    >>> parts = pair_variance(pairs)
    >>> round(parts.spread, 2), round(parts.clean, 1), round(parts.changed, 1)
    (0.24, 1.0, 1.0)
    """
    used = pairs.select(np.isfinite(pairs.signed_change))
    if len(used.sign) < 2:
        return PairVariance(*[float("nan")] * len(fields(PairVariance)))
    noise_clean, noise_changed = _noise(used.clean), _noise(used.changed)
    noise = noise_clean / _count(used.clean) + noise_changed / _count(used.changed)
    shared, shared_clean = _covariances(used)
    return PairVariance(
        spread=float(used.signed_change.var(ddof=1)) - _known_mean(noise),
        clean=_known_mean(noise_clean),
        changed=_known_mean(noise_changed),
        shared=shared,
        shared_clean=shared_clean,
    )


def difference_spread(before: RepeatedPairs, after: RepeatedPairs) -> float:
    """Return the variance over pairs of the difference of two days' signed changes, without noise.

    Parameters
    ----------
    before, after
        The same (image, site) pairs in the same order on two days, which share no presentation.
    """
    shown = (before.clean, before.changed, after.clean, after.changed)
    noise = np.sum([_noise(responses) / _count(responses) for responses in shown], axis=0)
    difference = after.signed_change - before.signed_change
    known = np.isfinite(difference)
    if known.sum() < 2:
        return float("nan")
    return float(difference[known].var(ddof=1)) - _known_mean(noise[known])


def _covariances(pairs: RepeatedPairs) -> tuple[float, float]:
    """Return the covariance of two pairs of one image without noise, and that of their noise in one presentation."""
    names, member_of = np.unique(pairs.image_index, return_inverse=True)
    size = np.bincount(member_of)
    n_products = int((size * (size - 1)).sum())
    if not n_products:
        return float("nan"), float("nan")
    residual = pairs.signed_change - pairs.signed_change.mean()
    n, n_images = len(residual), len(names)
    sums = np.bincount(member_of, weights=residual)
    between, own = (sums**2).sum() * n_images / (n_images - 1), (residual**2).sum() * n / (n - 1)
    total = float(between - own) / n_products
    shared_clean, part_of_total = _noise_covariance(pairs, member_of)
    return total - part_of_total, shared_clean


def _noise_covariance(pairs: RepeatedPairs, member_of: Indices) -> tuple[float, float]:
    """Return the signed covariance of two sites' noise in one clean presentation, and in the mean over them."""
    count = _count(pairs.clean)
    known = np.isfinite(pairs.clean)
    signed = np.sign(pairs.sign)[:, None] * np.where(known, pairs.clean - _mean(pairs.clean)[:, None], 0.0)
    n_images = int(member_of.max()) + 1
    sums = np.zeros((n_images, signed.shape[1]))
    np.add.at(sums, member_of, signed)
    products = (sums**2).sum(axis=1) - np.bincount(member_of, weights=(signed**2).sum(axis=1), minlength=n_images)
    size = np.bincount(member_of, minlength=n_images)
    shown = np.bincount(member_of, weights=count, minlength=n_images) / size
    told = (shown > 1) & (size > 1)
    if not told.any():
        return float("nan"), 0.0
    of_image, n_products = products[told] / (shown[told] - 1), (size * (size - 1))[told]
    return float(of_image.sum() / n_products.sum()), float((of_image / shown[told]).sum() / n_products.sum())


def _count(responses: Floats) -> Floats:
    return np.asarray(np.isfinite(responses).sum(axis=1), dtype=np.float64)


def _mean(responses: Floats) -> Floats:
    n = _count(responses)
    return np.asarray(np.divide(np.nansum(responses, axis=1), n, out=np.full(len(n), np.nan), where=n > 0))


def _noise(responses: Floats) -> Floats:
    """Return the variance over repetitions of each pair, (n_pairs,); NaN with fewer than two."""
    n = _count(responses)
    squares = np.nansum((responses - _mean(responses)[:, None]) ** 2, axis=1)
    return np.asarray(np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1))


def _known_mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
