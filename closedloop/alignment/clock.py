"""One clock in terms of another: a robust straight line, and the slow residual drift of real quartzes around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_REWEIGHTINGS = 20
_TUKEY = 4.685  # biweight constant: 95 % efficiency for normal residuals
_SMALLEST_SD_S = 1e-5  # a third of a tick; below, weights would follow the rounding to whole ticks
_SD_PER_MAD = 1.4826
_USUAL_JITTER_S = 3e-5  # of a code: sets how far a short run's drift may leave the expected one
_N_NEIGHBOURS = 31  # codes, some ten seconds, whose median residual is the local one

Floats = NDArray[np.float64]


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

    def array_s(self, rig_s: Floats) -> Floats:
        """Convert rig times to array times, seconds."""
        return self.offset_s + rig_s + rig_s * (self.drift_ppm * 1e-6)


@dataclass(frozen=True)
class LocalClock:
    """A line and, at the times of its events, how far the clock is from it there.

    `rig_s` (increasing) and `residual_drift_s` have shape (n_events,); both are empty where no event could be trusted.
    `jitter_s` is the robust SD of single events around line and residual drift.
    """

    fit: ClockFit
    rig_s: Floats
    residual_drift_s: Floats
    jitter_s: float

    def array_s(self, rig_s: Floats) -> Floats:
        """Convert rig times to array times, seconds; between and beyond the events by the nearest ones."""
        line = self.fit.array_s(rig_s)
        return line + np.interp(rig_s, self.rig_s, self.residual_drift_s) if len(self.rig_s) else line


def fit_clock(rig_s: Floats, array_s: Floats, *, drift_ppm: float = 0.0, drift_sd_ppm: float = np.inf) -> ClockFit:
    """Fit a line by iteratively reweighted least squares with Tukey's biweight, from a start at the medians.

    Parameters
    ----------
    rig_s, array_s
        Times of the same events on both clocks, seconds, shape (n_events,), at least one.
    drift_ppm, drift_sd_ppm
        What is known of the drift beforehand. It matters where the events last for less than some seconds.
    """
    center = float(rig_s.mean())
    x, lag = rig_s - center, array_s - rig_s
    known = (drift_ppm * 1e-6, (_USUAL_JITTER_S / (drift_sd_ppm * 1e-6)) ** 2)
    slope, level = _median_line(x, lag, known)
    for _ in range(_N_REWEIGHTINGS):
        before = slope, level
        slope, level = _weighted_line(x, lag, _biweight(lag - level - slope * x), known)
        if before == (slope, level):
            break
    residual_ms = (lag - level - slope * x) * 1000
    low, middle, high = np.percentile(residual_ms, (25, 50, 75))
    return ClockFit(level - slope * center, slope * 1e6, float(middle), float(high - low), len(rig_s))


def local_clock(fit: ClockFit, rig_s: Floats, array_s: Floats) -> LocalClock:
    """Follow a clock's residual drift around its line by the running median of the residuals.

    A running median passes over single late codes, follows the slow drift, and keeps the edge where the clock jumps.

    Parameters
    ----------
    fit
        The line.
    rig_s, array_s
        Times of the same events on both clocks, seconds, shape (n_events,), `rig_s` not decreasing.
    """
    residual = array_s - fit.array_s(rig_s)
    drift = running_median(residual, _N_NEIGHBOURS)
    return LocalClock(fit, rig_s, drift, robust_sd(residual - drift))


def running_median(values: Floats, n: int) -> Floats:
    """Return the median of the `n` (odd) values around each; the first and last few share one, or all if few."""
    if len(values) <= n:
        return np.full(len(values), np.median(values) if len(values) else 0.0)
    middle = np.median(np.lib.stride_tricks.sliding_window_view(values, n), axis=1)
    return np.pad(middle, n // 2, mode="edge")


def robust_sd(residual: Floats) -> float:
    """Return the SD by the median absolute deviation, not below a third of a tick."""
    if len(residual) == 0:
        return _SMALLEST_SD_S
    return max(_SD_PER_MAD * float(np.median(np.abs(residual - np.median(residual)))), _SMALLEST_SD_S)


def _median_line(x: Floats, lag: Floats, known: tuple[float, float]) -> tuple[float, float]:
    """Slope between the medians of the first and last third, and the median level."""
    order, third = np.argsort(x), max(len(x) // 3, 1)
    first, last = order[:third], order[-third:]
    run = float(np.median(x[last]) - np.median(x[first]))
    rise = float(np.median(lag[last]) - np.median(lag[first]))
    weight = run * run + known[1]
    slope = (rise * run + known[0] * known[1]) / weight if weight > 0 else known[0]
    return slope, float(np.median(lag - slope * x))


def _biweight(residual: Floats) -> Floats:
    center = np.median(residual)
    sd = robust_sd(residual)
    weight: Floats = np.clip(1 - ((residual - center) / (_TUKEY * sd)) ** 2, 0, None) ** 2
    return weight if weight.any() else np.ones_like(residual)


def _weighted_line(x: Floats, lag: Floats, weight: Floats, known: tuple[float, float]) -> tuple[float, float]:
    total = weight.sum()
    x_mean, lag_mean = (weight @ x) / total, (weight @ lag) / total
    spread = float(weight @ (x - x_mean) ** 2) + known[1]
    slope = (float(weight @ ((x - x_mean) * (lag - lag_mean))) + known[0] * known[1]) / spread if spread else known[0]
    return slope, float(lag_mean - slope * x_mean)
