"""Gaps: stretches of a recording, known to its reader, of which something was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from closedloop.recording.segments import Segment


class Stretch(Protocol):
    """From a tick to another (exclusive) of a clock segment."""

    @property
    def clock_segment(self) -> int:
        """The device's number of it."""

    @property
    def first_tick(self) -> int:
        """Where it begins."""

    @property
    def end_tick(self) -> int:
        """Where it is over."""


@dataclass(frozen=True)
class SpikeGap:
    """From a tick to another (exclusive) of a clock segment spikes that the recorder found are lost."""

    clock_segment: int
    first_tick: int
    end_tick: int


def cut_out(segments: Sequence[Segment], gaps: Iterable[Stretch]) -> tuple[Segment, ...]:
    """Cut gaps out of segments.

    Examples
    --------
    >>> from closedloop.recording import Segment
    >>> from closedloop.recording.gaps import SpikeGap, cut_out
    >>> [(one.first_tick, one.end_tick) for one in cut_out([Segment(0, 0, 900, 900)], [SpikeGap(0, 300, 600)])]
    [(0, 300), (600, 900)]
    """
    in_order = sorted(gaps, key=lambda gap: (gap.clock_segment, gap.first_tick))
    left: list[Segment] = []
    for segment in segments:
        first = segment.first_tick
        for gap in in_order:
            if gap.clock_segment != segment.clock_segment or gap.first_tick >= segment.end_tick:
                continue
            if first < gap.end_tick:
                left += _part(segment, first, gap.first_tick)
                first = gap.end_tick
        left += _part(segment, first, segment.end_tick)
    return tuple(left)


def _part(segment: Segment, first_tick: int, end_tick: int) -> list[Segment]:
    if first_tick >= end_tick:
        return []
    share = (end_tick - first_tick) / (segment.end_tick - segment.first_tick)
    return [replace(segment, first_tick=first_tick, end_tick=end_tick, n_samples=round(share * segment.n_samples))]
