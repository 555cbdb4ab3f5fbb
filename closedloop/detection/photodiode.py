"""Photodiode onsets from its voltage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.codes import Edges
from closedloop.recording.source import SampleSource

_REARM = 0.25  # share of the way from dark to bright below which the next edge is armed
_N_BINS = 4096
_DISTINCT = 5.0  # levels further apart than this many SDs within them are two; one normal distribution cut in two: 2.6
_CHUNK_SAMPLES = 300_000
_SPOTS, _SPOT_S = 200, 0.5  # what the levels are found in: 100 s of a day

Samples = NDArray[Any]


def photodiode_edges(
    source: SampleSource, *, levels: tuple[float, float] | None = None, chunk_samples: int = _CHUNK_SAMPLES
) -> Edges:
    """Find when the screen under the photodiode became bright.

    An edge is where the voltage crosses midway between dark and bright upwards, after it was in the darkest quarter of
    the way; the moment is interpolated between the two samples. Nothing is found across a pause.

    Parameters
    ----------
    source
        One channel. Gone through once; twice where its levels are not seen in a sample of it.
    levels
        Dark and bright level in bits; found from the samples if None.
    chunk_samples
        How many samples are read at a time; the result is the same for all.

    Returns
    -------
    Edges
        In the source's clock segments; none where the voltage has no two distinct levels.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.detection import photodiode_edges
    >>> from closedloop.recording import ArraySource
    >>> volts = np.full((9_000, 1), 600, np.int16)
    >>> volts[3_000:6_000] = 13_000  # bright for 100 ms
    >>> photodiode_edges(ArraySource((volts,))).tick.tolist()
    [2999.5]
    """
    levels = levels or photodiode_levels(source, chunk_samples=chunk_samples)
    clock_segments, ticks = [np.zeros(0, np.int64)], [np.zeros(0)]
    for number, segment in enumerate(source.segments if levels else ()):
        moments = _moments(source, number, levels or (0.0, 0.0), chunk_samples)
        ticks.append(_time(source, number, moments))
        clock_segments.append(np.full(len(moments), segment.clock_segment))
    return Edges(np.concatenate(clock_segments), np.concatenate(ticks))


def photodiode_levels(source: SampleSource, *, chunk_samples: int = _CHUNK_SAMPLES) -> tuple[float, float] | None:
    """Find the dark and the bright level of a channel by two means over its histogram.

    A sample of the recording is looked at first, all of it only where that shows no two levels.

    Returns
    -------
    tuple of float or None
        Dark and bright level in bits; None where the voltage has no two distinct levels.
    """
    return _levels_of(list(_spots(source))) or _levels_of(_Whole(source, chunk_samples))


def _spots(source: SampleSource) -> Iterator[Samples]:
    """Read short parts, spread evenly over all segments."""
    lengths = np.array([segment.n_samples for segment in source.segments])
    ends = np.cumsum(lengths)
    n = round(_SPOT_S * source.rate_hz)
    for at in np.linspace(0, max(lengths.sum() - n, 0), _SPOTS).astype(int) if len(lengths) else ():
        segment = int(np.searchsorted(ends, at, side="right"))
        if segment < len(lengths):
            start = int(at - ends[segment] + lengths[segment])
            yield source.read(segment, start, min(start + n, int(lengths[segment])))


class _Whole:
    """All samples, chunk by chunk, read anew by each iteration."""

    def __init__(self, source: SampleSource, chunk_samples: int) -> None:
        self._source, self._chunk_samples = source, chunk_samples

    def __iter__(self) -> Iterator[Samples]:
        for number in range(len(self._source.segments)):
            for _, samples in _chunks(self._source, number, self._chunk_samples):
                yield samples


def _chunks(source: SampleSource, segment: int, chunk_samples: int) -> Iterator[tuple[int, Samples]]:
    n_samples = source.segments[segment].n_samples
    for start in range(0, n_samples, chunk_samples):
        yield start, source.read(segment, start, min(start + chunk_samples, n_samples))


def _levels_of(parts: Iterable[Samples]) -> tuple[float, float] | None:
    bounds = [(float(part.min()), float(part.max())) for part in parts if part.size]
    low, high = (min(bound[0] for bound in bounds), max(bound[1] for bound in bounds)) if bounds else (0.0, 0.0)
    if not low < high:
        return None
    edges = np.linspace(low, high, _N_BINS + 1)
    counts = np.zeros(_N_BINS, np.int64)
    for part in parts:
        counts += np.histogram(part, edges)[0]
    return _two_means((edges[:-1] + edges[1:]) / 2, counts)


def _two_means(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float] | None:
    """Split a histogram at the middle of the two sides' means, until the middle stays (Ridler and Calvard 1978)."""
    middle = (values[0] + values[-1]) / 2
    while True:
        dark, bright = values <= middle, values > middle
        if not (counts[dark].any() and counts[bright].any()):
            return None
        low, high = (float(np.average(values[side], weights=counts[side])) for side in (dark, bright))
        if abs((low + high) / 2 - middle) <= values[1] - values[0]:
            break
        middle = (low + high) / 2
    within = np.where(dark, values - low, values - high)
    sd = float(np.sqrt(np.average(within**2, weights=counts)))
    return (low, high) if high - low > _DISTINCT * sd else None


def _moments(
    source: SampleSource, segment: int, levels: tuple[float, float], chunk_samples: int
) -> NDArray[np.float64]:
    """Find the edges of a segment, in samples; the last sample and a pending edge pass from chunk to chunk."""
    dark, bright = levels
    middle, rearm = (dark + bright) / 2, dark + _REARM * (bright - dark)
    armed, carried, found = False, np.zeros(0), [np.zeros(0)]
    for start, samples in _chunks(source, segment, chunk_samples):
        volts = np.concatenate([carried, samples[:, 0].astype(np.float64)])
        at, armed = _crossings(volts, armed, middle=middle, rearm=rearm)
        share = (middle - volts[at - 1]) / (volts[at] - volts[at - 1])
        found.append(start - len(carried) + at - 1 + share)
        carried = volts[-1:]
    return np.concatenate(found)


def _time(source: SampleSource, segment: int, moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """Time moments between two samples."""
    whole = np.floor(moment).astype(np.int64)
    before, after = source.ticks(segment, whole), source.ticks(segment, whole + (whole < moment))
    return np.asarray(before + (moment - whole) * (after - before))


def _crossings(volts: NDArray[Any], armed: bool, *, middle: float, rearm: float) -> tuple[NDArray[np.int64], bool]:
    """Index of the first sample at or above `middle` after each one at or below `rearm`, and whether one is pending."""
    state = np.where(volts >= middle, 1, np.where(volts <= rearm, -1, 0))
    known = np.flatnonzero(state)
    known = known[(known > 0) | (state[known] < 0)]  # the carried sample cannot be an edge itself
    before = np.concatenate([[-1 if armed else 1], state[known][:-1]]) if len(known) else np.zeros(0, np.int64)
    rising = known[(state[known] > 0) & (before < 0)]
    return rising, bool(state[known[-1]] < 0) if len(known) else armed
