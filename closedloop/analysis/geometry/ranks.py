"""Whether two numbers go up and down together, by their ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_N_RESAMPLES = 1000
_MIDDLE_95 = (0.025, 0.975)
_LEAST = 3


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho with its 95 % interval; NaN of fewer than three pairs, or where one of the two never varies."""

    rho: float
    low: float
    high: float
    n: int


def rank_correlation(x: Floats, y: Floats, groups: NDArray[np.int64], *, seed: int) -> RankCorrelation:
    """Correlate two numbers by their ranks, with an interval by resampling groups.

    Parameters
    ----------
    x, y
        (n,); rows with a NaN are left out.
    groups
        What is drawn together, such as the unit that a row is of, (n,).
    seed
        Of the resamples.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0)
    >>> rank_correlation(x, x**3, np.arange(8), seed=0).rho
    1.0
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y, groups = x[known], y[known], groups[known]
    rho = _spearman(x, y)
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < _LEAST:
        return RankCorrelation(rho, np.nan, np.nan, len(x))
    random = np.random.default_rng(seed)
    rows = [np.flatnonzero(member == one) for one in range(len(names))]
    drawn = np.empty(_N_RESAMPLES)
    for place in range(_N_RESAMPLES):
        own = np.concatenate([rows[one] for one in random.integers(len(names), size=len(names))])
        drawn[place] = _spearman(x[own], y[own])
    low, high = np.nanquantile(drawn, _MIDDLE_95) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return RankCorrelation(rho, float(low), float(high), len(x))


def ranks_of(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs.

    Examples
    --------
    >>> import numpy as np
    >>> ranks_of(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[which])


def _spearman(x: Floats, y: Floats) -> float:
    if len(x) < _LEAST:
        return float("nan")
    a, b = ranks_of(x), ranks_of(y)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")
