"""One clock in terms of another: a robust straight line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_REWEIGHTINGS = 20
_TUKEY = 4.685  # biweight constant: 95 % efficiency for normal residuals
_SMALLEST_SD_S = 1e-5  # a third of a tick; below, weights would follow the rounding to whole ticks
_SD_PER_MAD = 1.4826


@dataclass(frozen=True)
class ClockFit:
    """The array's time as a straight line of the rig's: ``array_s = offset_s + (1 + drift_ppm * 1e-6) * rig_s``.

    A positive drift means that the array's clock runs faster. `residual_median_ms` and `residual_iqr_ms` describe
    received minus fitted times, `n_codes` of them, outliers included.
    """

    offset_s: float
    drift_ppm: float
    residual_median_ms: float
    residual_iqr_ms: float
    n_codes: int

    def array_s(self, rig_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert rig times to array times, seconds."""
        return self.offset_s + rig_s + rig_s * (self.drift_ppm * 1e-6)


def fit_clock(rig_s: NDArray[np.float64], array_s: NDArray[np.float64]) -> ClockFit:
    """Fit a line by iteratively reweighted least squares with Tukey's biweight, from a start at the medians.

    Parameters
    ----------
    rig_s, array_s
        Times of the same events on both clocks, seconds, shape (n_events,), at least one.
    """
    center = float(rig_s.mean())
    x, lag = rig_s - center, array_s - rig_s
    slope, level = _median_line(x, lag)
    for _ in range(_N_REWEIGHTINGS):
        slope, level = _weighted_line(x, lag, _biweight(lag - level - slope * x))
    residual_ms = (lag - level - slope * x) * 1000
    low, middle, high = np.percentile(residual_ms, (25, 50, 75))
    return ClockFit(level - slope * center, slope * 1e6, float(middle), float(high - low), len(rig_s))


def _median_line(x: NDArray[np.float64], lag: NDArray[np.float64]) -> tuple[float, float]:
    """Slope between the medians of the first and last third, and the median level."""
    order, third = np.argsort(x), max(len(x) // 3, 1)
    first, last = order[:third], order[-third:]
    run = float(np.median(x[last]) - np.median(x[first]))
    slope = float(np.median(lag[last]) - np.median(lag[first])) / run if run > 0 else 0.0
    return slope, float(np.median(lag - slope * x))


def _biweight(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    center = np.median(residual)
    sd = max(_SD_PER_MAD * float(np.median(np.abs(residual - center))), _SMALLEST_SD_S)
    weight: NDArray[np.float64] = np.clip(1 - (residual / (_TUKEY * sd)) ** 2, 0, None) ** 2
    return weight if weight.any() else np.ones_like(residual)


def _weighted_line(
    x: NDArray[np.float64], lag: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    total = weight.sum()
    x_mean, lag_mean = (weight @ x) / total, (weight @ lag) / total
    spread = float(weight @ (x - x_mean) ** 2)
    slope = float(weight @ ((x - x_mean) * (lag - lag_mean))) / spread if spread > 0 else 0.0
    return slope, float(lag_mean - slope * x_mean)
