"""Where an eye looked: samples within spans of time, their density, and where a fixation went when it broke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.float32]

_LANDED = 5  # samples, the last ones: a saccade's flight is over by then
DIRECTIONS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")


def during(time_s: Floats, spans: Floats) -> NDArray[np.bool_]:
    """Return which times lie within a span: from its beginning to before its end.

    Parameters
    ----------
    time_s
        Times, seconds.
    spans
        Beginnings and ends, shape (n_spans, 2), ascending and apart from each other.

    Examples
    --------
    >>> import numpy as np
    >>> during(np.array([0.5, 1.0, 1.5, 2.0]), np.array([[1.0, 2.0]]))
    array([False,  True,  True, False])
    """
    if not len(spans):
        return np.zeros(len(time_s), bool)
    place = np.searchsorted(spans[:, 0], time_s, side="right") - 1
    return np.asarray((place >= 0) & (time_s < spans[np.maximum(place, 0), 1]))


def density(x_deg: Places, y_deg: Places, *, half_width_deg: float, n_bins: int) -> NDArray[np.int64]:
    """Count samples by place, in a square around the fixation point; those outside of it are in none.

    Parameters
    ----------
    x_deg, y_deg
        Degrees right and up; NaN without an eye.
    half_width_deg
        From the fixation point to the square's edge.
    n_bins
        In each direction.

    Returns
    -------
    ndarray
        (n_bins, n_bins), rows from below, columns from the left.
    """
    edges = np.linspace(-half_width_deg, half_width_deg, n_bins + 1)
    seen = np.isfinite(x_deg)
    counts, _, _ = np.histogram2d(y_deg[seen], x_deg[seen], bins=(edges, edges))
    return counts.astype(np.int64)


def landing(x_deg: Places, y_deg: Places, *, radius_deg: float) -> tuple[float, float]:
    """Return where an eye was when its fixation broke.

    Parameters
    ----------
    x_deg, y_deg
        Of the trial's samples up to its end, in order; NaN without an eye.
    radius_deg
        Of the fixation window.

    Returns
    -------
    float, float
        Degrees right and up: the median of the last samples outside of the window. NaN where the eye was not seen
        again after it was last inside: a blink, or a lost pupil.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([0.1, 0.2, 5.0, 7.9, 8.0, 8.1], np.float32)
    >>> landing(x, np.zeros(6, np.float32), radius_deg=2.0)
    (7.949999809265137, 0.0)
    """
    seen = np.isfinite(x_deg)
    outside = seen & (np.hypot(x_deg, y_deg) > radius_deg)
    inside = np.flatnonzero(seen & ~outside)
    after = np.flatnonzero(outside)
    after = after[after > (inside[-1] if inside.size else -1)][-_LANDED:]
    if not after.size:
        return float("nan"), float("nan")
    return float(np.median(x_deg[after])), float(np.median(y_deg[after]))


def direction_counts(x_deg: Floats, y_deg: Floats) -> NDArray[np.int64]:
    """Count places by the eighth of the circle that they lie in, in the order of `DIRECTIONS`; NaN in none."""
    seen = np.isfinite(x_deg)
    eighth = np.round(np.arctan2(y_deg[seen], x_deg[seen]) / (np.pi / 4)).astype(np.int64) % len(DIRECTIONS)
    return np.bincount(eighth, minlength=len(DIRECTIONS))
