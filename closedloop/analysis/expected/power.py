"""How likely a mean over pairs will be told from zero: the power of the 95 % interval that the estimates carry.

The test is the one that `estimate.Estimate.interval` makes: two-sided at .05, the mean over its clustered standard
error against Student's t with one degree of freedom less than images. On `sensitivity.paired_difference` it tells
growth between two days.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from closedloop.analysis.intervals import student_95

_NORMAL = NormalDist()
_FEW_DEGREES = 10  # below them the approximation is off: at one degree and four standard errors .34 in place of .25
_N_NODES = 96


def power_of_mean(effect: float, standard_error: float, *, n_images: int, more_variance: float = 0.0) -> float:
    """Return the probability that the 95 % interval of a mean will not hold zero, on either side.

    The distribution of the mean over its standard error is the noncentral t: approximated as in Abramowitz and Stegun
    26.7.10, which is within .002 of it from ten degrees of freedom on, and integrated over the standard error that will
    be found below them.

    Parameters
    ----------
    effect
        True mean.
    standard_error
        Expected (`error.expected_standard_error`).
    n_images
        Independent clusters that it will be computed from.
    more_variance
        Of the mean, which its standard error does not see, such as that of the sigmas.

    Returns
    -------
    float
        NaN with fewer than two images, or without a standard error.

    Examples
    --------
    At no effect it is the test's level; at 2.8 standard errors four fifths:

    >>> round(power_of_mean(0.0, 1.0, n_images=200), 3), round(power_of_mean(2.82, 1.0, n_images=200), 2)
    (0.05, 0.8)
    """
    degrees = n_images - 1
    if degrees < 1 or not (standard_error > 0 and math.isfinite(effect)):
        return float("nan")
    limit, shift = student_95(degrees), effect / standard_error
    if degrees < _FEW_DEGREES:
        spread = math.sqrt(1 + more_variance / standard_error**2)
        parts = ((limit * found, weight) for found, weight in _errors_found(degrees))
        return sum(
            weight * (_NORMAL.cdf((shift - at) / spread) + _NORMAL.cdf((-shift - at) / spread)) for at, weight in parts
        )
    scale = math.sqrt(1 + more_variance / standard_error**2 + limit**2 / (2 * degrees))
    at = limit * (1 - 1 / (4 * degrees))
    return 1 - _NORMAL.cdf((at - shift) / scale) + _NORMAL.cdf((-at - shift) / scale)


@cache
def _errors_found(degrees: int) -> tuple[tuple[float, float], ...]:
    """Return standard errors that may be found, in parts of the true one, each with its probability.

    Their square times the degrees is chi-square. The nodes are of Gauss and Legendre, on where all but 1e-9 lies.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    most = 1 + 6.5 / math.sqrt(2 * degrees)
    found = most * (nodes + 1) / 2
    density = weights * found ** (degrees - 1) * np.exp(-degrees * found**2 / 2)
    return tuple(zip(found.tolist(), (density / density.sum()).tolist(), strict=True))


def smallest_effect(standard_error: float, *, n_images: int, more_variance: float = 0.0, power: float = 0.8) -> float:
    """Return the smallest true mean that will be told from zero with some probability.

    Parameters
    ----------
    standard_error, n_images, more_variance
        As for `power_of_mean`.
    power
        The probability.

    Returns
    -------
    float
        NaN where the power is not known.

    Examples
    --------
    >>> round(smallest_effect(0.03, n_images=84), 3)
    0.085
    """
    if n_images < 2 or not standard_error > 0:
        return float("nan")
    low, high = 0.0, standard_error
    while power_of_mean(high, standard_error, n_images=n_images, more_variance=more_variance) < power:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        reached = power_of_mean(middle, standard_error, n_images=n_images, more_variance=more_variance) >= power
        low, high = (low, middle) if reached else (middle, high)
    return high
