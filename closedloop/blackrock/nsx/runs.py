"""Runs of samples that follow one another in an NSx file, and which of them are one segment.

A recorder's files are torn more often than the recording was: time stamps of the Precision Time Protocol miss a sample
or wobble, blocks begin a tick early, and a file opens its part after a pause with a block of one sample at the tick of
the real one (Central 6.05). Only a hole longer than a tolerance ends a segment, and only a real step back of the clock
is a reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.segments import Segment
from closedloop.recording.source import regular_ticks

JITTER_SAMPLES = 5  # a step back of fewer samples is jitter, not a reset; a block of at most so many may be a stub
_DENSE_S, _MOST_OF_IT = 0.1, 0.05  # where more than 5 % of the last 100 ms are missing, the next hole is a gap

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RawRuns:
    """Runs as a walk finds them, in the file's order, shape (n_runs,) each.

    Attributes
    ----------
    first_tick, end_tick
        Ticks of the first sample, and of the one that would follow the last.
    n_samples, first_byte
        Length, and where the first sample starts in the file.
    """

    first_tick: Integers
    end_tick: Integers
    n_samples: Integers
    first_byte: Integers

    def take(self, rows: NDArray[np.bool_]) -> RawRuns:
        """Return some of them."""
        return RawRuns(self.first_tick[rows], self.end_tick[rows], self.n_samples[rows], self.first_byte[rows])


@dataclass(frozen=True)
class FileRuns:
    """Where the samples of each segment lie in the file, and what is missing between them; shape (n_runs,) each.

    Attributes
    ----------
    segment
        Which segment a run belongs to.
    first_sample
        Its first sample within the segment, bridged ones counted.
    least_tick
        No sample of it is earlier: where the clock steps back a little, samples are held at the last tick before.
    """

    raw: RawRuns
    segment: Integers
    first_sample: Integers
    least_tick: Integers

    @property
    def n_bridged(self) -> int:
        """How many samples of all segments were not recorded."""
        missing = self.first_sample[1:] - self.first_sample[:-1] - self.raw.n_samples[:-1]
        return int(missing[np.diff(self.segment) == 0].sum())

    def of(self, segment: int) -> range:
        """Return the places of a segment's runs."""
        if len(self.segment) and self.segment[-1] == len(self.segment) - 1:  # one each
            return range(segment, segment + 1)
        return range(*(int(place) for place in np.searchsorted(self.segment, [segment, segment + 1])))

    def around(self, segment: int, start: int, stop: int) -> range:
        """Return the places of the runs in which, or after which, samples start to stop (exclusive) lie.

        Parameters
        ----------
        segment
            Which segment.
        start, stop
            Samples of it.
        """
        own = self.of(segment)
        if len(own) == 1:
            return own
        starts = self.first_sample[own.start : own.stop]
        first = own.start + int(np.searchsorted(starts, start, side="right")) - 1
        return range(first, max(own.start + int(np.searchsorted(starts, stop)), first))

    def recorded(self, segment: int, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield the parts of samples start to stop that were recorded: run, first sample and end.

        Parameters
        ----------
        segment, start, stop
            As in `around`.
        """
        for run in self.around(segment, start, stop):
            first = int(self.first_sample[run])
            end = first + int(self.raw.n_samples[run])
            if max(first, start) < min(end, stop):
                yield run, max(first, start), min(end, stop)

    def holes(self, segment: int, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield the holes that touch samples start to stop: the run before, first missing sample and end.

        Parameters
        ----------
        segment, start, stop
            As in `around`.
        """
        last = self.of(segment).stop - 1
        for run in self.around(segment, start, stop):
            first = int(self.first_sample[run] + self.raw.n_samples[run])
            end = int(self.first_sample[run + 1]) if run < last else first
            if max(first, start) < min(end, stop):
                yield run, first, end

    def bridged(self, segment: int, start: int, stop: int) -> Integers:
        """Return those of samples start to stop that were not recorded.

        Parameters
        ----------
        segment, start, stop
            As in `around`.
        """
        holes = self.holes(segment, start, stop)
        parts = [np.arange(max(first, start), min(end, stop)) for _, first, end in holes]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def place(self, segment: int, sample: Integers) -> tuple[Integers, Integers]:
        """Return the run of each sample, and its place there; one in a hole comes after all of the run before."""
        own = self.of(segment)
        run = own.start + np.searchsorted(self.first_sample[own.start : own.stop], sample, side="right") - 1
        return run, sample - self.first_sample[run]


@dataclass(frozen=True)
class JoinedRuns:
    """All segments of a file, where they lie in it, and a sentence for each thing that was repaired."""

    segments: tuple[Segment, ...]
    runs: FileRuns
    repairs: tuple[str, ...]


def join_runs(raw: RawRuns, *, ticks_per_sample: Fraction, tick_hz: int, bridge_ms: float) -> JoinedRuns:
    """Join runs into segments.

    Parameters
    ----------
    raw
        In the file's order.
    ticks_per_sample, tick_hz
        Of the file, and of its clock.
    bridge_ms
        A hole of at most so many milliseconds is bridged.
    """
    stub = _are_stubs(raw, ticks_per_sample)
    left_out = raw.n_samples[stub]
    raw = raw.take(~stub)
    step = float(ticks_per_sample)
    gap = raw.first_tick[1:] - raw.end_tick[:-1]
    is_reset = gap <= -JITTER_SAMPLES * step
    missing = np.where(gap > 0, np.floor(gap / step + 0.5), 0).astype(np.int64)
    bridged = (missing > 0) & (gap <= bridge_ms * tick_hz / 1000)
    bridged &= ~_are_dense(raw, np.where(bridged, missing, 0), n_near=round(_DENSE_S * tick_hz / step))
    joined = ~is_reset & (bridged | (missing == 0))
    missing = np.where(bridged, missing, 0)
    runs = _file_runs(raw, joined, missing)
    runs = _held_back(runs, np.flatnonzero(joined & (gap < 0)), ticks_per_sample)
    said = (_say_stubs(left_out), _say_jitter(joined & (gap < 0)), _say_bridged(missing, step / tick_hz))
    return JoinedRuns(_segments(runs, is_reset), runs, tuple(sentence for sentence in said if sentence))


def _are_stubs(raw: RawRuns, ticks_per_sample: Fraction) -> NDArray[np.bool_]:
    """Find blocks of a few samples over which the next block, from the same tick on, is written."""
    found = np.zeros(len(raw.n_samples), bool)
    near = JITTER_SAMPLES * float(ticks_per_sample)
    later = raw.first_tick[1:]
    found[:-1] = (raw.n_samples[:-1] <= JITTER_SAMPLES) & (abs(later - raw.first_tick[:-1]) < near)
    found[:-1] &= later < raw.end_tick[:-1]
    return found


def _are_dense(raw: RawRuns, missing: Integers, *, n_near: int) -> NDArray[np.bool_]:
    """Find holes with which too much of the last moment would be made up."""
    lost = np.concatenate([[0], np.cumsum(missing)])
    end = np.cumsum(raw.n_samples[:-1] + missing)  # of each hole, on an axis without the pauses
    return np.asarray(lost[1:] - lost[np.searchsorted(end, end - n_near)] > _MOST_OF_IT * n_near)


def _file_runs(raw: RawRuns, joined: NDArray[np.bool_], missing: Integers) -> FileRuns:
    n_runs = len(raw.n_samples)
    opens = np.concatenate([np.ones(min(n_runs, 1), bool), ~joined])
    segment = np.cumsum(opens) - 1
    place = np.zeros(n_runs, np.int64)
    place[1:] = np.cumsum(raw.n_samples[:-1] + missing)
    return FileRuns(raw, segment, place - place[opens][segment], raw.first_tick.copy())


def _held_back(runs: FileRuns, before: Integers, ticks_per_sample: Fraction) -> FileRuns:
    """Let time stand where the clock steps back a little: after the runs `before`."""
    last = runs.raw.end_tick - round(ticks_per_sample)
    least = runs.least_tick
    for segment in sorted(set(runs.segment[before].tolist())):
        own = slice(runs.of(segment).start, runs.of(segment).stop)
        least[own][1:] = np.maximum(least[own][1:], np.maximum.accumulate(last[own])[:-1])
    return replace(runs, least_tick=least)


def _segments(runs: FileRuns, is_reset: NDArray[np.bool_]) -> tuple[Segment, ...]:
    if len(runs.segment) == 0:
        return ()
    opens = np.flatnonzero(np.diff(runs.segment, prepend=-1))
    last = np.concatenate([opens[1:], [len(runs.segment)]]) - 1
    clock_segment = np.concatenate([[0], np.cumsum(is_reset)])[opens]
    n_samples = runs.first_sample[last] + runs.raw.n_samples[last]
    end_tick = np.maximum.reduceat(runs.raw.end_tick, opens)
    rows = (clock_segment, runs.raw.first_tick[opens], end_tick, n_samples)
    return tuple(Segment(*row) for row in zip(*(column.tolist() for column in rows), strict=True))


def _say_stubs(n_samples: Integers) -> str:
    if not len(n_samples):
        return ""
    return (
        f"{len(n_samples)} blocks of 1 to {n_samples.max()} samples at the tick of the block after them were left out"
    )


def _say_jitter(back: NDArray[np.bool_]) -> str:
    n = int(np.count_nonzero(back))
    return f"the clock steps back by less than {JITTER_SAMPLES} samples {n} times: taken for jitter" if n else ""


def _say_bridged(missing: Integers, sample_s: float) -> str:
    n = int(np.count_nonzero(missing))
    if not n:
        return ""
    longest, in_all = (float(samples) * sample_s * 1000 for samples in (missing.max(), missing.sum()))
    return (
        f"{n} holes of up to {longest:.3g} ms, {in_all:.4g} ms in all, were bridged: ticks are true, and no spike is "
        "looked for in them"
    )


def ticks_in_blocks(runs: FileRuns, segment: int, sample: Integers, ticks_per_sample: Fraction) -> Integers:
    """Time samples of a file of data blocks; in a hole the clock runs on from the block before.

    Parameters
    ----------
    runs, ticks_per_sample
        Of the file.
    segment, sample
        Which samples of which segment.
    """
    run, place = runs.place(segment, sample)
    tick = regular_ticks(runs.raw.first_tick[run], place, ticks_per_sample)
    return np.asarray(np.maximum(tick, runs.least_tick[run]))
