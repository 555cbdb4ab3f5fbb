"""Onsets of light from the photodiode's voltage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.chunks import AnyChunk

WINDOW_MS = (0.0, 50.0)  # after the marker (facts of the labs' recordings: light follows by 25 to 33 ms)
_REARM = 0.25  # share of the way from dark to light below which the next edge is armed
_N_BINS = 4096
_DISTINCT = 5.0  # levels further apart than this many SDs within them are two; one normal distribution cut in two: 2.6


def photodiode_levels(chunks: Iterable[AnyChunk]) -> tuple[float, float] | None:
    """Find the dark and the light level of a channel by two means over its histogram.

    Parameters
    ----------
    chunks
        Pairs of first tick and samples, shape (n_samples, 1); gone through twice.

    Returns
    -------
    tuple of float or None
        Dark and light level in the samples' unit; None where the voltage has no two distinct levels.
    """
    low, high = _range(chunks)
    if not low < high:
        return None
    edges = np.linspace(low, high, _N_BINS + 1)
    counts = np.zeros(_N_BINS, np.int64)
    for _, samples in chunks:
        counts += np.histogram(samples[:, 0], edges)[0]
    return _two_means((edges[:-1] + edges[1:]) / 2, counts)


def photodiode_edges(
    chunks: Iterable[AnyChunk], *, ticks_per_sample: int = 1, levels: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """Find when the light went on.

    An edge is where the voltage crosses midway between dark and light upwards, after it was in the darkest quarter of
    the way; the moment is interpolated between the two samples. Nothing is found across a pause.

    Parameters
    ----------
    chunks
        Pairs of first tick and samples, shape (n_samples, 1), in time order. Gone through three times unless `levels`
        are given: pass what can be iterated anew, not an iterator.
    ticks_per_sample
        Ticks of the array's clock from one sample to the next.
    levels
        Dark and light level in the samples' unit; found from the samples if None.

    Returns
    -------
    NDArray[np.float64]
        Ticks of the rising edges, shape (n_edges,); none where the voltage has no two distinct levels.

    Raises
    ------
    TypeError
        `chunks` can be gone through only once and no levels are given.
    """
    if levels is None and isinstance(chunks, Iterator):
        raise TypeError("photodiode_edges goes through the chunks three times: pass an iterable, not an iterator")
    levels = levels or photodiode_levels(chunks)
    if levels is None:
        return np.zeros(0)
    dark, light = levels
    found = list(_rising(chunks, ticks_per_sample, middle=(dark + light) / 2, rearm=dark + _REARM * (light - dark)))
    return np.concatenate([np.zeros(0), *found])


def assign_photodiode(
    expected_tick: NDArray[np.float64],
    edge_tick: NDArray[np.float64],
    *,
    tick_hz: float,
    window_ms: tuple[float, float] = WINDOW_MS,
) -> NDArray[np.float64]:
    """Give every presentation the first rising edge within the window after its marker.

    An edge belongs to one presentation; where two could claim it, to the later one, whose marker is nearer.

    Parameters
    ----------
    expected_tick
        When the marker came, shape (n_presentations,), increasing where not NaN.
    edge_tick
        Rising edges, increasing, shape (n_edges,).
    tick_hz
        Ticks per second.
    window_ms
        From when to when after the marker, inclusive.

    Returns
    -------
    NDArray[np.float64]
        Tick of the edge, shape (n_presentations,); NaN where there is none.
    """
    assigned = np.full(len(expected_tick), np.nan)
    if len(edge_tick) == 0:
        return assigned
    known = np.flatnonzero(~np.isnan(expected_tick))
    first, last = (expected_tick[known] + bound * tick_hz / 1000 for bound in window_ms)
    index = np.minimum(np.searchsorted(edge_tick, first), len(edge_tick) - 1)
    inside = (edge_tick[index] >= first) & (edge_tick[index] <= last)
    later_claims = np.append(inside[1:] & (index[1:] == index[:-1]), False)[: len(inside)]
    assigned[known] = np.where(inside & ~later_claims, edge_tick[index], np.nan)
    return assigned


def _range(chunks: Iterable[AnyChunk]) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for _, samples in chunks:
        if samples.size:
            low, high = min(low, float(samples.min())), max(high, float(samples.max()))
    return low, high


def _two_means(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float] | None:
    """Split a histogram at the middle of the two sides' means, until the middle stays (Ridler and Calvard 1978)."""
    middle = (values[0] + values[-1]) / 2
    while True:
        dark, light = values <= middle, values > middle
        if not (counts[dark].any() and counts[light].any()):
            return None
        low, high = (float(np.average(values[side], weights=counts[side])) for side in (dark, light))
        if abs((low + high) / 2 - middle) <= values[1] - values[0]:
            break
        middle = (low + high) / 2
    within = np.where(dark, values - low, values - high)
    sd = float(np.sqrt(np.average(within**2, weights=counts)))
    return (low, high) if high - low > _DISTINCT * sd else None


def _rising(chunks: Iterable[AnyChunk], step: int, *, middle: float, rearm: float) -> Iterator[NDArray[np.float64]]:
    """Edges of each chunk; the last sample and whether an edge is armed are carried over to the next."""
    armed, carried, next_tick = False, np.zeros(0), -1
    for first_tick, samples in chunks:
        if len(samples) == 0:
            continue
        if first_tick != next_tick:
            armed, carried = False, np.zeros(0)
        volts = np.concatenate([carried, samples[:, 0].astype(np.float64)])
        start_tick = first_tick - len(carried) * step
        at, armed = _crossings(volts, armed, middle=middle, rearm=rearm)
        share = (middle - volts[at - 1]) / (volts[at] - volts[at - 1])
        yield start_tick + (at - 1 + share) * step
        carried, next_tick = volts[-1:], first_tick + len(samples) * step


def _crossings(volts: NDArray[Any], armed: bool, *, middle: float, rearm: float) -> tuple[NDArray[np.int64], bool]:
    """Index of the first sample at or above `middle` after each one at or below `rearm`, and whether one is pending."""
    state = np.where(volts >= middle, 1, np.where(volts <= rearm, -1, 0))
    told = np.flatnonzero(state)
    told = told[(told > 0) | (state[told] < 0)]  # the carried sample cannot be an edge itself
    before = np.concatenate([[-1 if armed else 1], state[told][:-1]]) if len(told) else np.zeros(0, np.int64)
    rising = told[(state[told] > 0) & (before < 0)]
    return rising, bool(state[told[-1]] < 0) if len(told) else armed
