"""Files of one recording that end at different times: one of them was cut off, or not copied to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.devices.part import RecordingPart
from closedloop.recording.segments import Segment

_APART_S = 0.1  # files of different rates end within a sample of the slowest
_PACKETS_APART_S = 1.0
_SILENCE_INTERVALS = 100  # longer than so many usual intervals between two packets is no chance


@dataclass(frozen=True)
class _End:
    """Where a file ends, by the recording's own clock segments; `least_s`: what is too little to speak of."""

    name: str
    clock_segment: int
    tick: int
    least_s: float


def different_ends(part: RecordingPart) -> tuple[str, ...]:
    """Say in a sentence each which files of a recording end before another one of them.

    Parameters
    ----------
    part
        The recording.
    """
    ends = [*_nsx_ends(part), *_nev_end(part)]
    if len(ends) < 2:
        return ()
    latest = max(ends, key=lambda end: (end.clock_segment, end.tick))
    tick_hz = part.samples[0].tick_hz
    said = []
    for end in ends:
        before_s = _seconds_between(end, latest, part.own_segments, tick_hz)
        if before_s > max(end.least_s, latest.least_s):
            said.append(f"{end.name} ends {before_s:.1f} s before {latest.name}: it was cut off, or not copied whole")
    return tuple(said)


def _nsx_ends(part: RecordingPart) -> list[_End]:
    ends = []
    for samples in part.samples:
        last, of_device = samples.segments[-1], part.clock_segment_of(samples)
        if last.clock_segment in of_device:
            clock_segment = of_device[last.clock_segment] - part.first_clock_segment
            ends.append(_End(samples.file.name, clock_segment, last.end_tick, _APART_S))
    return ends


def _nev_end(part: RecordingPart) -> list[_End]:
    if part.files.nev is None or part.header is None or part.events is None or part.events.last is None:
        return []
    recorded = sum(segment.end_tick - segment.first_tick for segment in part.own_segments)
    usual_s = recorded / part.header.tick_hz / max(1, part.header.n_packets)
    return [_End(part.files.nev.name, *part.events.last, max(_PACKETS_APART_S, _SILENCE_INTERVALS * usual_s))]


def _seconds_between(end: _End, latest: _End, segments: Sequence[Segment], tick_hz: int) -> float:
    """Measure what was recorded from one end to another, pauses left out."""
    ticks = sum(
        max(0, segment.end_tick - (max(segment.first_tick, end.tick) if is_own else segment.first_tick))
        for segment in segments
        if (is_own := segment.clock_segment == end.clock_segment) or segment.clock_segment > end.clock_segment
    )
    last = segments[-1]
    if latest.clock_segment == last.clock_segment:  # beyond the file that says when was recorded
        since = max(last.end_tick, end.tick) if end.clock_segment == last.clock_segment else last.end_tick
        ticks += max(0, latest.tick - since)
    return ticks / tick_hz
