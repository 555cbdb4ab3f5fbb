"""What a simulated recorder's clock reads, sample by sample: pauses, resets, stubs, jumps.

Every processor has a counter of samples that never stops. A timeline says which of them were recorded, and with which
clock segment and tick. Every event (a spike, a digital code, an onset) has a sample; the timeline gives it its time, or
none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.source import regular_ticks

SAMPLE_HZ = 30_000
NOT_RECORDED = -1

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class TimelineSegment:
    """Samples `first_sample` to `end_sample` (exclusive) of the counter, recorded without a pause."""

    first_sample: int
    end_sample: int
    clock_segment: int = 0
    first_tick: int = 0
    ticks_per_sample: Fraction = Fraction(1)

    @property
    def n_samples(self) -> int:
        """Its length."""
        return self.end_sample - self.first_sample

    def ticks(self, sample: Integers) -> Integers:
        """Return what the clock reads at samples of the counter."""
        return regular_ticks(self.first_tick, sample - self.first_sample, self.ticks_per_sample)

    def split(self, at: int) -> tuple[TimelineSegment, ...]:
        """Return its two parts, cut before sample `at`; itself where that lies outside."""
        if not self.first_sample < at < self.end_sample:
            return (self,)
        later = replace(self, first_sample=at, first_tick=int(self.ticks(np.array(at))))
        return replace(self, end_sample=at), later

    def next_clock_segment(self, *, back: int) -> TimelineSegment:
        """Return it in the next clock segment, with the clock set back by a number of ticks."""
        return replace(self, clock_segment=self.clock_segment + 1, first_tick=self.first_tick - back)


@dataclass(frozen=True)
class Timeline:
    """All segments, in order of the counter."""

    segments: tuple[TimelineSegment, ...]

    def locate(self, sample: Integers) -> tuple[Integers, Integers]:
        """Return the times of samples of the counter: clock segment and tick, both -1 where nothing was recorded."""
        clock_segment, tick = np.full((2, *sample.shape), NOT_RECORDED)
        for segment in self.segments:
            own = (sample >= segment.first_sample) & (sample < segment.end_sample)
            clock_segment[own], tick[own] = segment.clock_segment, segment.ticks(sample[own])
        return clock_segment, tick

    def pause(self, start: int, stop: int) -> Self:
        """Return a timeline that records nothing from sample `start` to `stop` (exclusive); the clock runs on."""
        cut = self._cut(start)._cut(stop)
        return replace(
            cut, segments=tuple(segment for segment in cut.segments if not start <= segment.first_sample < stop)
        )

    def reset(self, at: int) -> Self:
        """Return a timeline whose clock is set to zero at sample `at`: a new clock segment begins."""
        return self._from(
            at,
            lambda segment, tick: replace(
                segment, clock_segment=segment.clock_segment + 1, first_tick=segment.first_tick - tick
            ),
        )

    def jump_back(self, at: int, *, ticks: int) -> Self:
        """Return a timeline whose clock is set back by `ticks` at sample `at`: a new clock segment begins."""
        return self._from(at, lambda segment, _tick: segment.next_clock_segment(back=ticks))

    def _cut(self, at: int) -> Self:
        return replace(self, segments=tuple(part for segment in self.segments for part in segment.split(at)))

    def _from(self, at: int, change: Callable[[TimelineSegment, int], TimelineSegment]) -> Self:
        """Change every segment from sample `at` on; `change` also receives what the clock read there."""
        cut = self._cut(at)
        later = [segment for segment in cut.segments if segment.first_sample >= at]
        tick = later[0].first_tick if later else 0
        return replace(
            cut, segments=tuple(change(segment, tick) if segment in later else segment for segment in cut.segments)
        )


def whole(n_samples: int, *, first_tick: int = 0, tick_hz: int = SAMPLE_HZ, drift_ppm: float = 0.0) -> Timeline:
    """Return a timeline that records everything without a pause.

    Parameters
    ----------
    n_samples
        Length of the recording.
    first_tick
        What the clock reads at the first sample.
    tick_hz
        Rate of the clock.
    drift_ppm
        How much the clock runs fast against the samples (PTP), parts per million.
    """
    step = Fraction(tick_hz, SAMPLE_HZ) * (1 + Fraction(str(drift_ppm)) / 1_000_000)
    return Timeline((TimelineSegment(0, n_samples, 0, first_tick, step),))
