"""Percent correct without the bias to say "same", and d' of the differencing model.

An observer who compares two images has a difference to judge, of which either image's noise is a part. Says the
differencing model (Macmillan and Creelman, chapter 9): "different" where the size of that difference, normal with the
SD of two noises, exceeds a criterion. d' from z(hits) - z(false alarms) is another task's, and half as large here.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_SD_OF_DIFFERENCE = math.sqrt(2.0)
_FURTHEST = 9.0  # SDs, beyond which a normal probability is 0 or 1 in double precision
_PER_SD = 100  # points of the table of it
_LEAST = 1e-12  # a probability, and a density that is divided by
_N_NEWTON = 3
_MOST_D_PRIME = 16.0
_N_HALVINGS = 34  # to 1e-9


def percent_correct(hit_rate: ArrayLike, false_rate: ArrayLike) -> Floats:
    """Return the part of answers that would be right of as many equal as different pairs: (H + 1 - F) / 2.

    Random guessing gives one half, whatever answer is preferred (section 6.2).

    Parameters
    ----------
    hit_rate
        Part of the different pairs called different, (...).
    false_rate
        Part of the equal pairs called different, (...).

    Examples
    --------
    >>> float(percent_correct(0.75, 0.25)), float(percent_correct(0.875, 0.875))
    (0.75, 0.5)
    """
    return np.asarray((np.asarray(hit_rate, dtype=np.float64) + 1.0 - np.asarray(false_rate)) / 2.0)


def difference_rates(d_prime: ArrayLike, criterion: ArrayLike) -> tuple[Floats, Floats]:
    """Return how often an observer of the differencing model says different, of different and of equal pairs.

    Parameters
    ----------
    d_prime
        Distance of the two images in SDs of one image's noise, (...).
    criterion
        Size of a difference from which on it is called one, likewise, (...).

    Examples
    --------
    >>> hits, false = difference_rates(2.57, 1.6268)
    >>> round(float(hits), 2), round(float(false), 2)
    (0.75, 0.25)
    """
    distance, least = np.asarray(d_prime, dtype=np.float64), np.asarray(criterion, dtype=np.float64)
    hits = normal((distance - least) / _SD_OF_DIFFERENCE) + normal((-distance - least) / _SD_OF_DIFFERENCE)
    return hits, 2.0 * normal(-least / _SD_OF_DIFFERENCE)


def difference_d_prime(hit_rate: ArrayLike, false_rate: ArrayLike) -> Floats:
    """Return d' of the differencing model from both rates; 0 where hits are no more than false alarms.

    Parameters
    ----------
    hit_rate, false_rate
        Parts called different of the different and of the equal pairs, (...), above 0 and below 1.

    Examples
    --------
    >>> round(float(difference_d_prime(0.75, 0.25)), 2)
    2.57
    """
    hits, false = (np.asarray(rate, dtype=np.float64) for rate in np.broadcast_arrays(hit_rate, false_rate))
    criterion = -_SD_OF_DIFFERENCE * normal_quantile(false / 2.0)
    low, high = np.zeros(hits.shape), np.full(hits.shape, _MOST_D_PRIME)
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2.0
        is_less = difference_rates(middle, criterion)[0] < hits
        low, high = np.where(is_less, middle, low), np.where(is_less, high, middle)
    return np.asarray(np.where(hits > false, (low + high) / 2.0, 0.0))


def within_bounds(rate: ArrayLike, n: ArrayLike) -> Floats:
    """Return rates of n answers at least half an answer from 0 and from 1, where d' is infinite.

    Parameters
    ----------
    rate
        (...).
    n
        Answers it is of, (...).
    """
    least = 0.5 / np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    return np.asarray(np.clip(np.asarray(rate, dtype=np.float64), least, 1.0 - least))


def normal(z: ArrayLike) -> Floats:
    """Return the probability that a standard normal number is below z, to 1e-10.

    Between the points of a table by cubics that have its values and slopes: `math.erfc` takes one number at a time.
    """
    at, below, slope = _table()
    place = (np.clip(np.asarray(z, dtype=np.float64), -_FURTHEST, _FURTHEST) + _FURTHEST) * _PER_SD
    left = np.minimum(place.astype(np.int64), len(at) - 2)
    t = place - left
    step = t * t * (3.0 - 2.0 * t)
    rises = ((t * (1.0 - t) ** 2) * slope[left] - (t * t * (1.0 - t)) * slope[left + 1]) / _PER_SD
    return np.asarray(below[left] * (1.0 - step) + below[left + 1] * step + rises)


def normal_quantile(probability: ArrayLike) -> Floats:
    """Return below which number a standard normal one is with a probability, by Newton's steps from the table."""
    at, below, _ = _table()
    wanted = np.clip(np.asarray(probability, dtype=np.float64), _LEAST, 1.0 - _LEAST)
    z = np.asarray(np.interp(wanted, below, at))
    for _ in range(_N_NEWTON):
        z = z - (normal(z) - wanted) / np.maximum(_density(z), _LEAST)
    return np.asarray(z)


def _density(z: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi))


@cache
def _table() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return points, the probabilities below them, and their densities."""
    at = np.linspace(-_FURTHEST, _FURTHEST, 2 * round(_FURTHEST) * _PER_SD + 1)
    return at, np.array([0.5 * math.erfc(-one / _SD_OF_DIFFERENCE) for one in at]), _density(at)
