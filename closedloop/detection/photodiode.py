"""Photodiode onsets from its voltage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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

_STEADY = 0.02  # share of the way from dark to bright that noise may have, or samples are averaged
_MOST_AVERAGED_S = 2e-3
_AROUND_S = 1e-3  # of an edge, where its samples are compared with those of all others
_STRAIGHT = 0.15  # share of the way on either side of midway on which an edge is taken for straight

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
    if levels is None:
        return Edges(np.zeros(0, np.int64), np.zeros(0))
    return _timed(source, [_moments(source, k, levels, chunk_samples) for k in range(len(source.segments))])


def steady_photodiode_edges(source: SampleSource, *, chunk_samples: int = _CHUNK_SAMPLES) -> Edges:
    """Find the same edges where the voltage is noisy: a sample's noise neither hastens an edge nor makes one.

    The first noisy sample above midway comes before the light is there, and a noisy one below a quarter of the way
    makes another edge. So as many samples are averaged as bring the noise to a fiftieth of the way from dark to bright.
    An average moves an edge that is steeper before midway than after it; by how much says the mean of all edges' own
    samples, in which the noise is gone: to where it crosses midway all of them are moved. A quiet voltage has the very
    edges of `photodiode_edges`.

    Parameters
    ----------
    source
        One channel.
    chunk_samples
        How many samples are read at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.detection import photodiode_edges, steady_photodiode_edges
    >>> from closedloop.recording import ArraySource
    >>> light = 1 - np.exp(-np.arange(3_000) / 60)  # half of it after 60 ln 2 = 41.6 samples
    >>> volts = np.tile(np.concatenate([np.zeros(6_000), light]), 20) + np.random.default_rng(0).normal(0, 0.1, 180_000)
    >>> source = ArraySource((1_000 * volts[:, None],))
    >>> found = [edges(source).tick % 9_000 - 6_000 for edges in (photodiode_edges, steady_photodiode_edges)]
    >>> [round(float(np.median(late))) for late in found]
    [32, 41]
    """
    levels = photodiode_levels(source, chunk_samples=chunk_samples)
    n = _n_to_average(source, levels) if levels is not None else 1
    if levels is None or n == 1:
        return photodiode_edges(source, levels=levels, chunk_samples=chunk_samples)
    averaged = _MeanOfNeighbours(source, n)
    moments = [_moments(averaged, k, levels, chunk_samples) for k in range(len(source.segments))]
    late = _late_by_averaging(source, moments, levels)
    return _timed(source, [np.maximum(own - late, 0.0) for own in moments])


def _timed(source: SampleSource, moments: Sequence[NDArray[np.float64]]) -> Edges:
    clock_segments = [
        np.full(len(own), one.clock_segment, np.int64) for own, one in zip(moments, source.segments, strict=True)
    ]
    ticks = [_time(source, number, own) for number, own in enumerate(moments)]
    return Edges(np.concatenate([np.zeros(0, np.int64), *clock_segments]), np.concatenate([np.zeros(0), *ticks]))


def _n_to_average(source: SampleSource, levels: tuple[float, float]) -> int:
    """Return how many samples have a mean that is steady enough: an odd number, so that it is centred."""
    steps = np.concatenate([np.diff(part[:, 0].astype(np.float64)) for part in _spots(source)])
    noise = float(np.median(np.abs(steps))) / 0.6745 / np.sqrt(2) / (levels[1] - levels[0])
    wanted = min((noise / _STEADY) ** 2, _MOST_AVERAGED_S * source.rate_hz)
    return 1 + 2 * int(np.ceil(max(wanted - 1, 0) / 2))


@dataclass(frozen=True)
class _MeanOfNeighbours:
    """A source whose samples are means over an odd number of neighbours; at its ends over those that there are."""

    source: SampleSource
    n: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read(self, segment: int, start: int, stop: int) -> Samples:
        """Return means of the samples around each."""
        half, n_samples = self.n // 2, self.source.segments[segment].n_samples
        first = max(start - half, 0)
        volts = self.source.read(segment, first, min(stop + half, n_samples)).astype(np.float64)
        sums = np.concatenate([np.zeros((1, volts.shape[1])), np.cumsum(volts, axis=0)])
        at = np.arange(start, stop) - first
        low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(volts))
        return np.asarray((sums[high] - sums[low]) / (high - low)[:, None])


def _late_by_averaging(
    source: SampleSource, moments: Sequence[NDArray[np.float64]], levels: tuple[float, float]
) -> float:
    """Return how many samples after midway of the mean edge the averaged edges lie; 0 where that is not to be seen."""
    reach = int(np.ceil(_AROUND_S * source.rate_hz))
    around = np.arange(-reach, reach + 1)
    edges = [
        _between(source, segment, float(moment), around)
        for segment, own in enumerate(moments)
        for moment in own
        if reach + 1 < moment < source.segments[segment].n_samples - reach - 2
    ]
    if not edges:
        return 0.0
    share = (np.mean(edges, axis=0) - levels[0]) / (levels[1] - levels[0])
    below = np.flatnonzero(share < 0.5)
    above = np.flatnonzero(share >= 0.5)
    if not len(below) or not len(above):
        return 0.0
    steep = slice(
        int(np.flatnonzero(share < 0.5 - _STRAIGHT)[-1]) + 1 if (share < 0.5 - _STRAIGHT).any() else 0,
        int(np.flatnonzero(share > 0.5 + _STRAIGHT)[0]) if (share > 0.5 + _STRAIGHT).any() else len(share),
    )
    if steep.stop - steep.start < 2:  # steeper than its samples: midway lies between two of them
        return -float(np.interp(0.5, share[[below[-1], above[0]]], around[[below[-1], above[0]]]))
    slope, zero = np.polyfit(around[steep], share[steep], 1)
    return -float((0.5 - zero) / slope) if slope > 0 else 0.0


def _between(source: SampleSource, segment: int, moment: float, around: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the voltage around a moment between two samples."""
    whole = int(np.floor(moment))
    volts = source.read(segment, whole + int(around[0]), whole + int(around[-1]) + 2)[:, 0].astype(np.float64)
    return np.asarray(volts[:-1] + (moment - whole) * np.diff(volts))


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
    state = (volts >= middle).astype(np.int8)
    state[volts <= rearm] = -1
    state[:1] = np.minimum(state[:1], 0)  # the carried sample cannot be an edge itself
    first = np.flatnonzero(np.diff(state, prepend=np.int8(0)))  # of the runs of one state: all else follows from them
    known = first[state[first] != 0]
    before = np.concatenate([[-1 if armed else 1], state[known][:-1]]) if len(known) else np.zeros(0, np.int64)
    rising = known[(state[known] > 0) & (before < 0)]
    return rising, bool(state[known[-1]] < 0) if len(known) else armed
