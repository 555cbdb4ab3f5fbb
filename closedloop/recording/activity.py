"""When a recorder gave spikes at all, so that what it did not record is never taken for silence.

A list of spikes does not say when it ends: a .nev that was cut off, or of which a stretch was lost on the way, looks
like one in which no electrode fired. Voltage beside it may go on. That all electrodes of an array are silent at once
for 100 times the usual interval between two spikes is no chance (a probability below 1e-43 where spikes come by
chance); it is taken for what it is: not recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.gaps import SpikeGap, cut_out
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes

_SILENCE_INTERVALS = 100
_SHORTEST_SILENCE_S = 0.1
_END_INTERVALS = 10  # at the end: to set the last presentation aside costs less than to count it by half
_LOW_PERCENT = 25  # of the seconds with spikes: minutes of noise do not make the usual interval short
_N_RECORDER_NUMBERS = 1 << 16  # electrode ids are 16-bit
_LEAST_SPIKES = 500  # of a bank, its busiest electrode's aside: fewer do not tell what is usual

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Silence:
    """A stretch of a recording without a spike on any electrode, too long for chance.

    `first_tick` to `end_tick` (exclusive) of a clock segment, pauses included; `seconds` of it were recorded otherwise.
    """

    where: Literal["start", "middle", "end"]
    clock_segment: int
    first_tick: int
    end_tick: int
    seconds: float


@dataclass(frozen=True)
class SpikeCoverage:
    """When spikes were recorded, and the silences that were cut out of the recording."""

    segments: tuple[Segment, ...]
    silences: tuple[Silence, ...]


@dataclass
class SpikeActivity:
    """When there were spikes, gathered from a device's spikes in parts that follow one another.

    Parameters
    ----------
    tick_hz
        Ticks per second.
    n_by_electrode
        Spikes so far, by the recorder's number of the electrode, shape (65536,).
    last_clock_segment, last_tick
        When each electrode's last spike was, shape (65536,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Segment, Spikes
    >>> from closedloop.recording.activity import SpikeActivity
    >>> tick = np.arange(0, 60_000, 30)  # spikes for two seconds, in a recording of ten
    >>> activity = SpikeActivity(tick_hz=30_000)
    >>> activity.add(Spikes(np.zeros(2000, np.uint16), tick, np.ones(2000, np.uint16)))
    >>> activity.coverage([Segment(0, 0, 300_000, 300_000)]).segments[0].end_tick
    59971
    """

    tick_hz: float
    n_by_electrode: Integers = field(default_factory=lambda: np.zeros(_N_RECORDER_NUMBERS, np.int64))
    last_clock_segment: Integers = field(default_factory=lambda: np.zeros(_N_RECORDER_NUMBERS, np.int64))
    last_tick: Integers = field(default_factory=lambda: np.zeros(_N_RECORDER_NUMBERS, np.int64))
    _ends: dict[int, tuple[int, int]] = field(default_factory=dict)  # first and last tick by clock segment
    _steps: dict[int, list[Integers]] = field(default_factory=dict)  # pairs of ticks that are far apart
    _n_by_second: list[Integers] = field(default_factory=list)

    @property
    def n_spikes(self) -> int:
        """All spikes so far."""
        return int(self.n_by_electrode.sum())

    def add(self, spikes: Spikes) -> None:
        """Take the next spikes, in order of clock segment and tick."""
        if not len(spikes):
            return
        counts = np.bincount(spikes.electrode_id)
        self.n_by_electrode[: len(counts)] += counts
        self.last_clock_segment[spikes.electrode_id] = spikes.clock_segment  # of several, the last one stays
        self.last_tick[spikes.electrode_id] = spikes.tick
        for clock_segment in range(int(spikes.clock_segment[0]), int(spikes.clock_segment[-1]) + 1):
            own = slice(*np.searchsorted(spikes.clock_segment, [clock_segment, clock_segment + 1]))
            if own.stop > own.start:
                self._add(clock_segment, spikes.tick[own])

    def _add(self, clock_segment: int, tick: Integers) -> None:
        first, last = self._ends.get(clock_segment, (int(tick[0]), int(tick[0])))
        steps = np.diff(tick, prepend=last)
        far = np.flatnonzero(steps > _SHORTEST_SILENCE_S * self.tick_hz)
        self._steps.setdefault(clock_segment, []).append(np.stack([tick[far] - steps[far], tick[far]], axis=1))
        self._ends[clock_segment] = (first, int(tick[-1]))
        second = tick // int(self.tick_hz)
        starts = np.flatnonzero(np.diff(second, prepend=second[0] - 1))
        self._n_by_second.append(np.diff(starts, append=len(second)))

    def coverage(self, segments: Sequence[Segment], gaps: Sequence[SpikeGap] = ()) -> SpikeCoverage:
        """Cut the silences that are no chance out of a recording's segments.

        Where spikes go on after the last segment of all, as beside voltage that was cut off, it ends with the last
        spike. Without any spike nothing was recorded.

        Parameters
        ----------
        segments
            Uninterrupted periods of recording as other files show them, in time order.
        gaps
            Stretches of which spikes are known to be lost: they are cut out, however short.
        """
        return self._coverage(segments, gaps, share=1.0)

    def coverage_of_bank(self, segments: Sequence[Segment]) -> SpikeCoverage:
        """Cut the silences of a bank of electrodes alone, whose spikes these are, out of what the device recorded.

        The usual interval is that of all but the busiest electrode: one that is lost is no lost bank.
        """
        n_others = self.n_spikes - int(self.n_by_electrode.max())
        if n_others < _LEAST_SPIKES:
            return SpikeCoverage(tuple(segments), ())
        return self._coverage(segments, (), share=n_others / self.n_spikes)

    def _coverage(self, segments: Sequence[Segment], gaps: Sequence[SpikeGap], *, share: float) -> SpikeCoverage:
        if not segments or not self.n_spikes:
            return SpikeCoverage((), ())
        known = self._to_last_spike(segments)
        ticks = sum(segment.end_tick - segment.first_tick for segment in known)
        usual_hz = share * min(
            self.n_spikes * self.tick_hz / ticks, float(np.percentile(np.concatenate(self._n_by_second), _LOW_PERCENT))
        )
        long_s = max(_SHORTEST_SILENCE_S, _SILENCE_INTERVALS / usual_hz)
        kept: list[Segment] = []
        silences: list[Silence] = []
        for clock_segment in sorted({segment.clock_segment for segment in known}):
            own = [segment for segment in known if segment.clock_segment == clock_segment]
            found = self._silences(clock_segment, own, long_s)
            end_s = _END_INTERVALS / usual_hz
            cut = [silence for silence in found if silence.seconds > (end_s if silence.where == "end" else long_s)]
            kept += _without(own, cut)
            silences += [silence for silence in cut if silence.seconds > long_s]
        return SpikeCoverage(cut_out(kept, gaps), tuple(silences))

    def _to_last_spike(self, segments: Sequence[Segment]) -> list[Segment]:
        last = segments[-1]
        _, last_tick = self._ends.get(last.clock_segment, (0, 0))
        if last_tick - last.end_tick <= _SHORTEST_SILENCE_S * self.tick_hz:
            return list(segments)
        return [*segments[:-1], _between(last, last.first_tick, last_tick + 1)]

    def _silences(self, clock_segment: int, own: Sequence[Segment], long_s: float) -> list[Silence]:
        start, stop = own[0].first_tick, own[-1].end_tick
        if clock_segment not in self._ends:
            return [self._silence("middle", clock_segment, own, (start, stop))]
        first, last = self._ends[clock_segment]
        steps = np.concatenate(self._steps[clock_segment])
        far = steps[steps[:, 1] - steps[:, 0] > long_s * self.tick_hz].tolist()
        return [
            self._silence("start", clock_segment, own, (start, first)),
            *(self._silence("middle", clock_segment, own, (before + 1, after)) for before, after in far),
            self._silence("end", clock_segment, own, (last + 1, stop)),
        ]

    def _silence(
        self,
        where: Literal["start", "middle", "end"],
        clock_segment: int,
        own: Sequence[Segment],
        bounds: tuple[int, int],
    ) -> Silence:
        recorded = sum(max(0, min(segment.end_tick, bounds[1]) - max(segment.first_tick, bounds[0])) for segment in own)
        return Silence(where, clock_segment, *bounds, recorded / self.tick_hz)


def _without(segments: Sequence[Segment], silences: Sequence[Silence]) -> list[Segment]:
    """Cut silences, in order, out of the segments of one clock segment."""
    kept: list[Segment] = []
    for segment in segments:
        edges = [segment.first_tick]
        for silence in silences:
            edges += [min(silence.first_tick, segment.end_tick), max(silence.end_tick, edges[0])]
        edges.append(segment.end_tick)
        pairs = zip(edges[::2], edges[1::2], strict=True)
        kept += [_between(segment, start, stop) for start, stop in pairs if stop > start]
    return kept


def _between(segment: Segment, first_tick: int, end_tick: int) -> Segment:
    per_tick = segment.n_samples / max(1, segment.end_tick - segment.first_tick)
    return replace(
        segment, first_tick=first_tick, end_tick=end_tick, n_samples=max(1, round(per_tick * (end_tick - first_tick)))
    )
