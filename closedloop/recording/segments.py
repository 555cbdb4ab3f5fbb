"""Uninterrupted segments of a recording, and the runs of its clock (clock segments) on which their ticks count.

Every time of a recording is keyed by (device, clock segment, tick). Within a clock segment the recorder's clock runs
on, pauses included; a reset of the clock opens the next clock segment. Nothing is ever sorted or compared across clock
segments by tick alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BRIDGE_MS = 1.0
"""A hole in the samples of at most so many milliseconds ends no segment, if nothing else is asked for.

It is 1 % of a response window. Holes of up to `MOST_BRIDGE_MS` can be asked for.
"""

MOST_BRIDGE_MS = 5.0


@dataclass(frozen=True)
class Segment:
    """Samples, or packets, without a pause.

    `first_tick` is the tick of the first sample, `end_tick` that of the sample which would have come after the last.

    Examples
    --------
    >>> from closedloop.recording import Segment
    >>> segment = Segment(clock_segment=0, first_tick=0, end_tick=30_000, n_samples=1_000)
    >>> segment.end_tick - segment.first_tick
    30000
    """

    clock_segment: int
    first_tick: int
    end_tick: int
    n_samples: int


@dataclass(frozen=True)
class ClockSegment:
    """From a clock segment's first sample to the end of its last, pauses included."""

    clock_segment: int
    first_tick: int
    end_tick: int


def clock_segments_of(segments: Sequence[Segment]) -> tuple[ClockSegment, ...]:
    """Join the segments of each clock segment, by number."""
    found: dict[int, ClockSegment] = {}
    for segment in segments:
        number, first, end = segment.clock_segment, segment.first_tick, segment.end_tick
        if number in found:
            first, end = min(first, found[number].first_tick), max(end, found[number].end_tick)
        found[number] = ClockSegment(number, first, end)
    return tuple(found[number] for number in sorted(found))


_NAMES_FOR_MACHINES = {
    "clock_segment": "epoch",
    "unplaced_clock_segments": "unplaced_epochs",
    "launch": "segment",
}


def names_for_machines(content: Any) -> Any:
    """Return nested dictionaries and lists with the keys that programs read: older words, as the columns on disk."""
    if isinstance(content, dict):
        return {_NAMES_FOR_MACHINES.get(name, name): names_for_machines(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [names_for_machines(value) for value in content]
    return content
