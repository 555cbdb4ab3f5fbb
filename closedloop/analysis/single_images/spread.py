"""How much images truly differ in their slopes: what the slopes vary by, without what their noise makes them vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Floats, signed_root

_N_RESAMPLES = 2000
_LEAST = 8  # images: of fewer an interval of a variance says nothing


@dataclass(frozen=True)
class TrueSpread:
    """SD of the true slopes over images.

    Attributes
    ----------
    sd
        Signed root of the variance of the slopes minus their mean noise variance: below zero where noise exceeds what
        they vary by.
    interval
        95 %, images drawn with their noise, rooted likewise; NaN of fewer than eight images.
    share
        Part of the slopes' variance that is not noise; NaN where they do not vary.
    n_images
        That have a noise.

    Examples
    --------
    >>> TrueSpread(sd=0.02, interval=(0.01, 0.03), share=0.6, n_images=100).is_measurable
    True
    """

    sd: float
    interval: tuple[float, float]
    share: float
    n_images: int

    @property
    def is_measurable(self) -> bool:
        """Whether the interval lies above zero: images differ by more than noise."""
        return self.interval[0] > 0


def true_spread(slopes: Floats, noise: Floats, *, seed: int = 0) -> TrueSpread:
    """Estimate the SD of true slopes over images.

    Parameters
    ----------
    slopes
        Of each image, (n_images,); NaN where unknown.
    noise
        Variance of each by its repetitions, (n_images,).
    seed
        Of the resamples.

    Examples
    --------
    Slopes that differ by an SD of 2, and noise of variance 1:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = true_spread(2 * rng.normal(size=4000) + rng.normal(size=4000), np.ones(4000))
    >>> round(found.sd, 1), round(found.share, 1)
    (2.0, 0.8)
    """
    known = np.isfinite(slopes) & np.isfinite(noise)
    values, errors = slopes[known], noise[known]
    n = len(values)
    if n < 2:
        return TrueSpread(np.nan, (np.nan, np.nan), np.nan, n)
    variance = float(values.var(ddof=1))
    share = 1 - float(errors.mean()) / variance if variance > 0 else np.nan
    return TrueSpread(signed_root(variance - float(errors.mean())), _interval(values, errors, seed=seed), share, n)


def _interval(values: Floats, errors: Floats, *, seed: int) -> tuple[float, float]:
    n = len(values)
    if n < _LEAST:
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(n, size=(_N_RESAMPLES, n))
    true = values[drawn].var(axis=1, ddof=1) * n / (n - 1) - errors[drawn].mean(axis=1)
    low, high = np.quantile(true, [0.025, 0.975])
    return signed_root(float(low)), signed_root(float(high))
