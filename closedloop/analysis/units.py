"""Sensitivity of artificial units: means over units, their spread and how sure they are (Figure 1A, black markers)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.analysis.dispersion import random_pair_change, sigma
from closedloop.analysis.estimate import Floats, Indices

_N_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)  # percent: the 95 % interval


@dataclass(frozen=True)
class UnitMean:
    """A mean over units, each unit's own mean over its images counted once (eq. 2).

    Attributes
    ----------
    mean
        In the unit of the values.
    sd
        SD over units: the error bars of Figure 1A ("mean ± s.d."). NaN with fewer than two units.
    low, high
        95 % bootstrap interval of the mean, units drawn with their images. NaN with fewer than two units.
    n_units, n_values
        How many of each.

    Examples
    --------
    >>> import numpy as np
    >>> mean = mean_over_units(np.array([1.0, 3.0, 4.0]), np.array([0, 0, 1]), seed=0)
    >>> mean.mean, mean.n_units, mean.n_values
    (3.0, 2, 3)
    """

    mean: float
    sd: float
    low: float
    high: float
    n_units: int
    n_values: int


def mean_over_units(values: Floats, unit_index: Indices, *, seed: int) -> UnitMean:
    """Average values by unit, then over units.

    The bootstrap resamples units: where each has images of its own, units with their images are the
    independent observations.

    Parameters
    ----------
    values
        One number a (unit, image), (n,), finite.
    unit_index
        Which unit each belongs to, (n,).
    seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        There is no value, or the two differ in shape.

    Examples
    --------
    Two units of means 2 and 4, whatever their numbers of images:

    >>> import numpy as np
    >>> mean = mean_over_units(np.array([1.0, 3.0, 4.0]), np.array([7, 7, 9]), seed=0)
    >>> mean.mean, mean.low, mean.high
    (3.0, 2.0, 4.0)
    """
    if values.shape != unit_index.shape or values.ndim != 1 or not values.size:
        raise ValueError(
            f"expected values and units of one shape (n,), n > 0; found {values.shape}, {unit_index.shape}"
        )
    by_unit = unit_means(values, unit_index)
    low, high = _bootstrap_interval(by_unit, seed=seed)
    return UnitMean(
        mean=float(by_unit.mean()),
        sd=float(by_unit.std(ddof=1)) if by_unit.size > 1 else float("nan"),
        low=low,
        high=high,
        n_units=int(by_unit.size),
        n_values=int(values.size),
    )


def unit_means(values: Floats, unit_index: Indices) -> Floats:
    """Return the mean of each unit's values, units ascending."""
    _, member_of, counts = np.unique(unit_index, return_inverse=True, return_counts=True)
    return np.bincount(member_of, weights=values) / counts


def normalized_random_pair(responses: Floats) -> Floats:
    """Return mean |r(x) - r(y)| over pairs of different clean images in units of the unit's SD, a unit.

    The dashed blue line of Figure 1A, for units; 2 / sqrt(pi) for normal responses.

    Parameters
    ----------
    responses
        To clean images, (n_images, n_units).

    Returns
    -------
    ndarray
        (n_units,); NaN for a unit that never varies.
    """
    spread = sigma(responses)
    ratio = np.full(spread.shape, np.nan)
    np.divide(random_pair_change(responses), spread, out=ratio, where=spread > 0)
    return ratio


def _bootstrap_interval(by_unit: Floats, *, seed: int) -> tuple[float, float]:
    if by_unit.size < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(by_unit.size, size=(_N_RESAMPLES, by_unit.size))
    low, high = np.percentile(by_unit[drawn].mean(axis=1), _INTERVAL)
    return float(low), float(high)
