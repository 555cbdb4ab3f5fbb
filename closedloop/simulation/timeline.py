"""What a simulated recorder's clock reads, sample by sample: pauses, resets, stubs, jumps.

Every processor has a counter of samples that never stops. A timeline says which of them were recorded, and with which
epoch and tick. Everything that happens (a spike, a word, light) has a sample; the timeline gives it its time, or none.
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
class Span:
    """Samples `first_sample` to `end_sample` (exclusive) of the counter, recorded without a pause."""

    first_sample: int
    end_sample: int
    epoch: int = 0
    first_tick: int = 0
    ticks_per_sample: Fraction = Fraction(1)

    @property
    def n_samples(self) -> int:
        """Its length."""
        return self.end_sample - self.first_sample

    def ticks(self, sample: Integers) -> Integers:
        """Read the clock at samples of the counter."""
        return regular_ticks(self.first_tick, sample - self.first_sample, self.ticks_per_sample)

    def split(self, at: int) -> tuple[Span, ...]:
        """Cut before sample `at`; whole where that lies outside."""
        if not self.first_sample < at < self.end_sample:
            return (self,)
        later = replace(self, first_sample=at, first_tick=int(self.ticks(np.array(at))))
        return replace(self, end_sample=at), later


@dataclass(frozen=True)
class Timeline:
    """All spans, in order of the counter."""

    spans: tuple[Span, ...]

    def locate(self, sample: Integers) -> tuple[Integers, Integers]:
        """Time samples of the counter: epoch and tick, both -1 where nothing was recorded."""
        epoch, tick = np.full((2, *sample.shape), NOT_RECORDED)
        for span in self.spans:
            own = (sample >= span.first_sample) & (sample < span.end_sample)
            epoch[own], tick[own] = span.epoch, span.ticks(sample[own])
        return epoch, tick

    def paused(self, start: int, stop: int) -> Self:
        """Record nothing from sample `start` to `stop` (exclusive); the clock runs on."""
        cut = self._cut(start)._cut(stop)
        return replace(cut, spans=tuple(span for span in cut.spans if not start <= span.first_sample < stop))

    def reset(self, at: int) -> Self:
        """Set the clock to zero at sample `at`: a new epoch begins."""
        return self._from(at, lambda span, tick: replace(span, epoch=span.epoch + 1, first_tick=span.first_tick - tick))

    def jumped_back(self, at: int, *, ticks: int) -> Self:
        """Set the clock back by `ticks` at sample `at`: a new epoch begins."""
        return self._from(
            at, lambda span, _tick: replace(span, epoch=span.epoch + 1, first_tick=span.first_tick - ticks)
        )

    def _cut(self, at: int) -> Self:
        return replace(self, spans=tuple(part for span in self.spans for part in span.split(at)))

    def _from(self, at: int, change: Callable[[Span, int], Span]) -> Self:
        """Change every span from sample `at` on; `change` is also told what the clock read there."""
        cut = self._cut(at)
        later = [span for span in cut.spans if span.first_sample >= at]
        tick = later[0].first_tick if later else 0
        return replace(cut, spans=tuple(change(span, tick) if span in later else span for span in cut.spans))


def whole(n_samples: int, *, first_tick: int = 0, tick_hz: int = SAMPLE_HZ, drift_ppm: float = 0.0) -> Timeline:
    """Record everything in one go, with a clock that runs fast by `drift_ppm` against the samples (PTP)."""
    step = Fraction(tick_hz, SAMPLE_HZ) * (1 + Fraction(str(drift_ppm)) / 1_000_000)
    return Timeline((Span(0, n_samples, 0, first_tick, step),))
