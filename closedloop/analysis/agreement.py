"""Whether the sites answer as the model says these very sites would: the alarm for a wrong channel map, or wrong signs.

A permuted channel map takes the paper's estimate to zero and leaves everything else of a day as it is. Comparing that
estimate with one that needs no model finds it only where the changes are far above their noise. The day's clean images
tell more: the model predicted each site's response to them before the session. Its predictions are compared with the
responses of the site they are for, and with those of all other sites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Estimate, Floats, Indices, mean_over_pairs
from closedloop.analysis.intervals import student_p

LEVEL = 0.01
"""Part of the days with a map that has nothing to do with the sites on which the alarm fails to ring."""

_LEAST_SITES = 6  # 6! permutations: of fewer sites even the best order is not rare enough
_N_PERMUTATIONS = 1999


@dataclass(frozen=True)
class MapAgreement:
    """How well predictions fit the sites they are for, and other ones.

    Attributes
    ----------
    own, other
        Mean correlation of predictions with the responses of their own sites, and of all others, over images.
    p
        Part of random orders of the sites in which predictions fit at least as well; NaN where it cannot be told.
    n_sites
        Sites with predictions and responses that vary.

    Examples
    --------
    >>> MapAgreement(own=0.5, other=0.1, p=0.0005, n_sites=21).rings
    False
    >>> MapAgreement(own=0.1, other=0.1, p=0.4, n_sites=21).rings
    True
    """

    own: float
    other: float
    p: float
    n_sites: int

    @property
    def rings(self) -> bool:
        """Whether the predictions fit no better than in a random order of the sites: not among the best 1 %."""
        return self.p > LEVEL


def map_agreement(predicted: Floats, measured: Floats, *, seed: int) -> MapAgreement:
    """Compare predictions with the responses of their own sites and of the others (a permutation test).

    Its null hypothesis is the fault: site and prediction have nothing to do with each other. Where it cannot be
    refused at 1 % the alarm rings, so that a permuted map is missed on one day in a hundred, whatever the noise; a
    model that predicts nothing (day 0's) rings as well, and rightly so.

    Parameters
    ----------
    predicted
        Sealed predictions of the responses to clean images that no fit has seen, (n_images, n_sites).
    measured
        Mean responses to them, (n_images, n_sites); NaN where there is none.
    seed
        Of the random orders.

    Returns
    -------
    MapAgreement
        p is NaN with fewer than six sites.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> measured = rng.normal(size=(200, 8))
    >>> predicted = measured + 2 * rng.normal(size=(200, 8))
    >>> map_agreement(predicted, measured, seed=0).rings, map_agreement(predicted[:, ::-1], measured, seed=0).rings
    (False, True)
    """
    if predicted.shape != measured.shape:
        raise ValueError(f"predictions and responses need one shape, found {predicted.shape} and {measured.shape}")
    x, y = _standardised(predicted), _standardised(measured)
    varies = (np.abs(x).sum(axis=0) > 0) & (np.abs(y).sum(axis=0) > 0)
    r = x[:, varies].T @ y[:, varies]
    n = len(r)
    own = float(np.trace(r) / n) if n else float("nan")
    other = float((r.sum() - np.trace(r)) / (n * (n - 1))) if n > 1 else float("nan")
    return MapAgreement(own, other, _part_at_least(r, seed=seed) if n >= _LEAST_SITES else float("nan"), n)


@dataclass(frozen=True)
class SignAgreement:
    """Whether the sites moved the way the sealed signs say, all epsilons together.

    Attributes
    ----------
    mean
        Of the signed changes, each weighed by the size that was predicted for it, in sigma, with its standard error.
    p
        One-sided, of signs that have nothing to do with the changes; NaN where the standard error is.

    Examples
    --------
    >>> import numpy as np
    >>> mean = mean_over_pairs(np.array([1.0, 1.2]), image_index=np.arange(2), site_index=np.zeros(2, int))
    >>> SignAgreement(mean, p=0.02).rings
    True
    """

    mean: Estimate
    p: float

    @property
    def rings(self) -> bool:
        """Whether the signs are not borne out at 1 %."""
        return self.p > LEVEL


def sign_agreement(
    change: Floats, predicted_change: Floats, *, image_index: Indices, site_index: Indices
) -> SignAgreement:
    """Test whether changes follow their predicted ones, pooled over epsilons.

    The paper's estimate with weights: a pair counts as much as the change that was predicted for it, so that the
    largest epsilon, where changes stand out of their noise, has the most say and a site without a prediction none.
    Signs dealt anew, or a permuted channel map, leave a mean of zero, and are missed on one day in a hundred.

    Parameters
    ----------
    change
        Measured changes in sigma, (n_pairs,), of all epsilons; NaN where a response is missing.
    predicted_change
        Sealed, with its sign, in any unit, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> images, sites = np.arange(100), np.zeros(100, int)
    >>> predicted = rng.choice([-1.0, 1.0], 100)
    >>> changes = 0.5 * predicted + rng.normal(size=100)
    >>> sign_agreement(changes, predicted, image_index=images, site_index=sites).rings
    False
    >>> sign_agreement(changes, predicted[::-1], image_index=images, site_index=sites).rings
    True
    """
    size = np.abs(predicted_change).mean()
    weighted = change * predicted_change / size if size > 0 else np.zeros_like(change)
    mean = mean_over_pairs(weighted, image_index=image_index, site_index=site_index)
    if not mean.standard_error > 0:
        return SignAgreement(mean, float("nan"))
    two_sided = student_p(mean.mean / mean.standard_error, mean.n_images - 1)
    return SignAgreement(mean, two_sided / 2 if mean.mean > 0 else 1 - two_sided / 2)


def _standardised(values: Floats) -> Floats:
    """Centre each site over its images and scale it to length 1; 0 where there is no value, or none varies."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def _part_at_least(r: Floats, *, seed: int) -> float:
    """Return the part of random orders whose correlations sum to at least those of the given one."""
    rng = np.random.default_rng([seed, *b"orders of sites"])
    places = np.arange(len(r))
    orders = rng.permuted(np.tile(places, (_N_PERMUTATIONS, 1)), axis=1)
    sums = r[places, orders].sum(axis=1)
    return (1 + int((sums >= np.trace(r)).sum())) / (1 + _N_PERMUTATIONS)
