"""Which samples lie in a range of ticks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from closedloop.recording.source import SampleSource


@dataclass(frozen=True)
class SampleRange:
    """Samples `start` to `stop` (exclusive) of one segment of a source."""

    segment: int
    start: int
    stop: int

    @property
    def n_samples(self) -> int:
        """How many."""
        return self.stop - self.start


def samples_between(source: SampleSource, ticks: Mapping[int, range]) -> tuple[SampleRange, ...]:
    """Find the samples at given ticks, segment by segment; those without any are left out.

    Parameters
    ----------
    source
        The samples.
    ticks
        Which ticks are wanted of each clock segment; none of those that are not named.
    """
    found = []
    for index, segment in enumerate(source.segments):
        wanted = ticks.get(segment.clock_segment, range(0))
        ends = [_first_from(source, index, tick) for tick in (wanted.start, wanted.stop)]
        found.append(SampleRange(index, ends[0], ends[1]))
    return tuple(part for part in found if part.n_samples > 0)


def _first_from(source: SampleSource, index: int, tick: int) -> int:
    """Return the first sample of a segment at a tick or later."""
    segment = source.segments[index]
    if tick <= segment.first_tick:
        return 0
    if tick >= segment.end_tick:
        return segment.n_samples
    n_samples = range(segment.n_samples)
    return bisect_left(n_samples, tick, key=lambda sample: int(source.ticks(index, np.array(sample))))
