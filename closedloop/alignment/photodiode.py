"""The photodiode onset of each presentation: the edge that comes the usual display latency after its digital code.

The usual latency is followed through the day by the shortest interval that holds half of the neighbouring ones, so that
flicker, missing edges and a drift of the latency do no harm; where they agree on nothing the photodiode is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.clock import running_median

_N_NEIGHBOURS = 61  # presentations with an edge whose latencies give the usual one
_STRIDE = 10
_N_NEARBY = 9  # latencies whose median is the usual one where an edge is missing
_LEAST_TOLERANCE_MS = 0.5
_TOLERANCE_HALVES = 4.0  # half of normal latencies lie within 1.35 SD: five SDs and more
_SHARP_MS = 2.0  # latencies that agree so well are accepted whatever else is seen
_WIDEST_MS = 10.0  # half of the latencies of a display that waits for its frame lie within 8.3 ms at 60 Hz
_LEAST_ENRICHMENT = 1.5  # of edges after markers against any time, where latencies do not agree sharply
_MOST_FRAMES = 3

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LatencyTrack:
    """The usual display latency through the day, all arrays of shape (n_sent,); NaN where no edge shows it.

    An edge within `tolerance_ms` of `latency_ms` is an onset (negative where the photodiode cannot be trusted).
    """

    latency_ms: Floats
    tolerance_ms: Floats


@dataclass(frozen=True)
class PhotodiodeOnsets:
    """The photodiode onset of every presentation, all arrays of shape (n_sent,).

    `edge` is the index of its edge, -1 without one; `late_frame` marks onsets that came whole frames late; `unexpected`
    marks presentations after which there were edges, but none within the expected window.
    """

    edge: Integers
    late_frame: Flags
    unexpected: Flags
    track: LatencyTrack


def find_onsets(
    marker_s: Floats, edge_s: Floats, *, window_ms: tuple[float, float], frame_ms: float | None
) -> PhotodiodeOnsets:
    """Find the edge of every presentation.

    Parameters
    ----------
    marker_s
        When the marker of each presentation came, seconds on an axis on which the clock segments follow one another,
        shape (n_sent,), increasing where not NaN; NaN where unknown or no onset is expected.
    edge_s
        Rising edges on the same axis, increasing, shape (n_edges,).
    window_ms
        From when to when after the marker an edge is searched, milliseconds.
    frame_ms
        The display's frame, milliseconds; None where unknown.
    """
    track = _follow_latency(marker_s, edge_s, window_ms)
    edge = nearest_edge(marker_s + track.latency_ms / 1000, edge_s, track.tolerance_ms)
    late = np.zeros(len(marker_s), bool)
    for k in range(1, _MOST_FRAMES + 1):
        latency_ms = track.latency_ms + k * (frame_ms or np.nan)
        latency_ms[latency_ms > window_ms[1]] = np.nan
        later = np.where(edge < 0, nearest_edge(marker_s + latency_ms / 1000, edge_s, track.tolerance_ms), -1)
        late |= later >= 0
        edge = np.maximum(edge, later)
    edge = _keep_one_each(edge)
    usual = (edge >= 0) & ~late
    if usual.any():
        track = replace(track, latency_ms=_nearby_ms((edge_s[edge[usual]] - marker_s[usual]) * 1000, usual))
    any_edge = ~np.isnan(_first_latencies_ms(marker_s, edge_s, window_ms))
    unexpected = any_edge & (edge < 0) & (track.tolerance_ms >= 0) & (frame_ms is None)
    return PhotodiodeOnsets(edge, late & (edge >= 0), unexpected, track)


def _nearby_ms(latencies_ms: Floats, usual: Flags) -> Floats:
    """Follow the usual latency from one presentation to the next, also where no edge was seen, shape (n_sent,)."""
    return np.interp(np.arange(len(usual)), np.flatnonzero(usual), running_median(latencies_ms, _N_NEARBY))


def nearest_edge(expected_s: Floats, edge_s: Floats, tolerance_ms: Floats) -> Integers:
    """Find the edge nearest to each expected time.

    Parameters
    ----------
    expected_s
        Expected times, seconds, any shape; NaN has no edge.
    edge_s
        Edges on the same axis, increasing, shape (n_edges,).
    tolerance_ms
        Largest distance, milliseconds, of the shape of `expected_s`.

    Returns
    -------
    NDArray[np.int64]
        Index of the edge, -1 where none is within the tolerance, of the shape of `expected_s`.
    """
    if len(edge_s) == 0:
        return np.full(expected_s.shape, -1)
    after = np.clip(np.searchsorted(edge_s, expected_s), 0, len(edge_s) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.where(np.abs(edge_s[before] - expected_s) <= np.abs(edge_s[after] - expected_s), before, after)
    return np.where(np.abs(edge_s[nearer] - expected_s) * 1000 <= tolerance_ms, nearer, -1)


def _keep_one_each(edge: Integers) -> Integers:
    """Leave an edge that two presentations claim to the later one, whose marker is nearer."""
    own = edge.copy()
    rows = np.flatnonzero(edge >= 0)
    claimed_again = np.append(edge[rows][1:] == edge[rows][:-1], False)[: len(rows)]
    own[rows[claimed_again]] = -1
    return own


def _first_latencies_ms(marker_s: Floats, edge_s: Floats, window_ms: tuple[float, float]) -> Floats:
    """Return the latency of the first edge in each window; NaN where there is none."""
    first = np.searchsorted(edge_s, marker_s + window_ms[0] / 1000)
    latency_ms = (np.append(edge_s, np.inf)[first] - marker_s) * 1000
    return np.where(latency_ms <= window_ms[1], latency_ms, np.nan)


def _follow_latency(marker_s: Floats, edge_s: Floats, window_ms: tuple[float, float]) -> LatencyTrack:
    latencies_ms = _first_latencies_ms(marker_s, edge_s, window_ms)
    seen = np.flatnonzero(~np.isnan(latencies_ms))
    unknown = np.full(len(marker_s), np.nan)
    if len(seen) == 0:
        return LatencyTrack(unknown, unknown - 1)
    at, middle, width = _halves(latencies_ms[seen])
    widest = _WIDEST_MS if _is_enriched(marker_s, edge_s, window_ms) else _SHARP_MS
    good = width <= widest
    if not good.any():
        return LatencyTrack(unknown, unknown - 1)
    rows = np.arange(len(marker_s))
    center = seen[at]
    near = np.abs(np.searchsorted((center[1:] + center[:-1]) / 2, rows))
    tolerance = np.where(good, np.maximum(_LEAST_TOLERANCE_MS, _TOLERANCE_HALVES * width), -1.0)
    return LatencyTrack(np.interp(rows, center[good], middle[good]), tolerance[near])


def _halves(latencies_ms: Floats) -> tuple[Integers, Floats, Floats]:
    """Find the shortest interval with half of the latencies in windows along the day: centre (index), middle, width.

    The middle is the median within the interval (Rousseeuw 1984: the shortest half withstands 50 % of outliers).
    """
    n = min(_N_NEIGHBOURS, len(latencies_ms))
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(latencies_ms, n)[::_STRIDE], axis=1)
    half = n // 2 + 1
    widths = windows[:, half - 1 :] - windows[:, : n - half + 1]
    start = np.argmin(widths, axis=1)
    rows = np.arange(len(windows))
    middle = windows[rows, start + half // 2]
    return np.minimum(rows * _STRIDE + n // 2, len(latencies_ms) - 1), middle, widths[rows, start]


def _is_enriched(marker_s: Floats, edge_s: Floats, window_ms: tuple[float, float]) -> bool:
    """Whether edges come after markers rather than at any time."""
    known = np.sort(marker_s[~np.isnan(marker_s)])
    first, last = (np.searchsorted(edge_s, known + bound / 1000) for bound in window_ms)
    lasted_s = max(float(np.ptp(known)), 1.0)
    n_all = np.count_nonzero((edge_s >= known[0]) & (edge_s <= known[-1] + window_ms[1] / 1000))
    expected = n_all * len(known) * (window_ms[1] - window_ms[0]) / 1000 / lasted_s
    return bool((last - first).sum() > _LEAST_ENRICHMENT * min(expected, n_all))
