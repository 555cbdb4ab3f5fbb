"""Bring the clock segments of one file onto those of another of the same recording.

A slow file may lack what a fast one has: a stub of one sample at 30 kHz is none at 1 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment


def map_clock_segments(own: Sequence[Segment], reference: Sequence[Segment], *, place: str) -> dict[int, int]:
    """Find the reference's clock segment of each of a file's clock segments, by the ticks both recorded, in order.

    Parameters
    ----------
    own, reference
        Segments of the file, and of the file that has all clock segments.
    place
        What an error message calls the file.

    Raises
    ------
    RecordingError
        A clock segment has no counterpart: the files are not of one recording.
    """
    found: dict[int, int] = {}
    lowest = 0
    wanted, there = _clock_segments(own), _clock_segments(reference)
    for place_in_order, clock_segment in enumerate(wanted):
        last_free = len(there) - (len(wanted) - place_in_order)
        shared = [(_shared_ticks(own, clock_segment, reference, other), -at) for at, other in enumerate(there)]
        open_to = shared[lowest : last_free + 1]
        best = max(open_to, default=(0, 0))
        if best[0] <= 0:
            raise RecordingError(
                f"{place}: expected the clock segments of the recording's other files, found none for clock segment "
                f"{clock_segment}. "
                "Keep files of one recording together, and give other recordings other names."
            )
        found[clock_segment] = there[-best[1]]
        lowest = -best[1] + 1
    return found


def _clock_segments(segments: Sequence[Segment]) -> list[int]:
    return sorted({segment.clock_segment for segment in segments})


def _shared_ticks(own: Sequence[Segment], clock_segment: int, reference: Sequence[Segment], other: int) -> int:
    """Count the ticks that two clock segments both recorded."""
    return sum(
        max(0, min(mine.end_tick, theirs.end_tick) - max(mine.first_tick, theirs.first_tick))
        for mine in own
        if mine.clock_segment == clock_segment
        for theirs in reference
        if theirs.clock_segment == other
    )
