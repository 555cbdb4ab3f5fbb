"""The noise of a filtered channel: median |v| / 0.6745, exactly, without sorting all samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAD_OF_NORMAL = 0.6745  # median |v| of a normal distribution with SD 1, as Quian Quiroga et al. 2004 round it
_DEVIATIONS = 4.0  # a bracket misses once in 16,000 times where the sample is like the whole
_CORRELATED = 2.0  # neighbouring samples are alike: a sample of n is worth as much as one of n / 2


def exact_median(sizes: NDArray[Any]) -> float:
    """Return the median of a channel's |v|, (n,); half of the samples are put out of order in a copy."""
    return float(_middle(sizes.copy(), n=len(sizes), n_below=0).mean())


def bracket(sizes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return bounds of the median of many |v| from a sample of them, (n_channels, n_sample), for each channel."""
    n = sizes.shape[1]
    reach = math.ceil(_DEVIATIONS * 0.5 * math.sqrt(n * _CORRELATED))
    first, last = max(n // 2 - reach, 0), min(n // 2 + reach, n - 1)
    whole = np.ascontiguousarray(sizes).view(np.uint32)  # their order is that of positive floats, and sooner found
    upper = np.partition(whole, first, axis=1)[:, first:]
    low = upper[:, 0].copy()
    high = np.partition(upper, last - first, axis=1)[:, last - first].copy()
    return low.view(np.float32), high.view(np.float32)


def middle_in_bracket(n: int, n_below: int, inside: NDArray[Any]) -> NDArray[Any] | None:
    """Return the one or two middle values of `n`, of which `n_below` lie below a bracket and `inside` in it.

    None where the bracket missed them; their mean is the median.

    Parameters
    ----------
    n
        How many values there are in all.
    n_below
        How many of them lie below the bracket.
    inside
        Those in the bracket, any order, (n_inside,); put into another one.
    """
    if n_below > (n - 1) // 2 or n_below + len(inside) <= n // 2:
        return None
    return _middle(inside, n=n, n_below=n_below)


def _middle(values: NDArray[Any], *, n: int, n_below: int) -> NDArray[Any]:
    upper = n // 2 - n_below
    values.partition(upper)  # one place only: with two, numpy is seven times slower
    return values[upper : upper + 1] if n % 2 else np.array([values[:upper].max(), values[upper]])
