"""Files of one recording that end at different times: one of them was cut off, or not copied to its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.blackrock.nev.events import NevEvents
from closedloop.blackrock.nev.header import NevHeader
from closedloop.devices.part import RecordingPart
from closedloop.recording.segments import Segment

_APART_S = 0.1  # files of different rates end within a sample of the slowest
_PACKETS_APART_S = 1.0
_SILENCE_INTERVALS = 60  # spikes by chance are silent for that many mean intervals once in 10^26 times


@dataclass(frozen=True)
class EarlyEnd:
    """A file that ends before another one of its recording: the names of both, and by how many recorded seconds."""

    name: str
    before_s: float
    latest: str

    @property
    def said(self) -> str:
        """Say it in a few words."""
        return f"{self.name} ends {self.before_s:.1f} s before {self.latest}"


@dataclass(frozen=True)
class _End:
    """Where a file ends, by the recording's own clock segments.

    Attributes
    ----------
    least_s
        How much earlier or later than another file is too little to speak of.
    silence_s
        For how long nothing may come of it while it is recorded.
    """

    name: str
    clock_segment: int
    tick: int
    least_s: float
    silence_s: float = 0.0


def early_ends(part: RecordingPart) -> tuple[EarlyEnd, ...]:
    """Find the files of a recording that end before another one of them.

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
    found = []
    for end in ends:
        before_s = _seconds_between(end, latest, part.own_segments, tick_hz)
        if before_s > max(end.least_s, end.silence_s, latest.least_s):
            found.append(EarlyEnd(end.name, before_s, latest.name))
    return tuple(found)


def different_ends(part: RecordingPart) -> tuple[str, ...]:
    """Say in a sentence each which files of a recording end before another one of them.

    Parameters
    ----------
    part
        The recording.
    """
    return tuple(f"{early.said}: it was cut off, or not copied whole" for early in early_ends(part))


def _nsx_ends(part: RecordingPart) -> list[_End]:
    ends = []
    for samples in part.samples:
        last, of_device = samples.segments[-1], part.clock_segment_of(samples)
        if last.clock_segment in of_device:
            clock_segment = of_device[last.clock_segment] - part.first_clock_segment
            ends.append(_End(samples.file.name, clock_segment, last.end_tick, _APART_S))
    return ends


def _nev_end(part: RecordingPart) -> list[_End]:
    """Return where the last packet is; without spikes, nothing may come for as long as nobody sends a code."""
    if part.files.nev is None or part.header is None or part.events is None or part.events.last is None:
        return []
    recorded = sum(segment.end_tick - segment.first_tick for segment in part.own_segments)
    usual_s = recorded / part.header.tick_hz / max(1, part.header.n_packets)
    silence_s = _SILENCE_INTERVALS * usual_s if _has_spikes(part.header, part.events) else math.inf
    return [_End(part.files.nev.name, *part.events.last, _PACKETS_APART_S, silence_s)]


def _has_spikes(header: NevHeader, events: NevEvents) -> bool:
    others = len(events.codes) + len(events.serial) + len(events.comments) + events.n_other + events.n_stray
    return header.n_packets > others


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
