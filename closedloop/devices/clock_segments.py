"""Bring the clock segments of one file onto those of another of the same recording.

A slow file may lack what a fast one has: a stub of one sample at 30 kHz is none at 1 kHz. It never knows of more: its
extra clock segments come from odd blocks, not from the clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError
from closedloop.recording.segments import ClockSegment, Segment, clock_segments_of


def map_clock_segments(
    own: Sequence[Segment], reference: Sequence[Segment], *, place: str, fastest: str = "the fastest file"
) -> dict[int, int]:
    """Find the reference's clock segment of each of a file's clock segments, in order of both.

    Chosen so that what only one of the two recorded is least, by dynamic programming over (own, reference).

    Parameters
    ----------
    own, reference
        Segments of the file, and of the file that has all clock segments.
    place, fastest
        What an error message calls the two files.

    Raises
    ------
    RecordingError
        A clock segment has no counterpart, or one of the reference's spans several: the files are not of one
        recording, or one is damaged.
    """
    wanted, there = clock_segments_of(own), clock_segments_of(reference)
    shared = _shared_ticks(wanted, there)
    length = np.array([one.end_tick - one.first_tick for one in there], np.int64)
    chosen = _best_in_order(2 * shared - length[None, :]) if len(wanted) <= len(there) else []
    if len(wanted) > len(there) and _shares_any(shared):
        raise _spans_several(wanted, there, place=place, fastest=fastest)
    for row, one in enumerate(wanted):
        if not chosen or shared[row, chosen[row]] <= 0:
            raise RecordingError(
                f"{place}: expected the clock segments of the recording's other files, found none for clock segment "
                f"{one.clock_segment}. Keep files of one recording together, and give other recordings other names."
            )
        held = int(shared[row, chosen[row]])
        if 2 * held < one.end_tick - one.first_tick and held < shared[row].max():
            raise _spans_several(wanted, there, place=place, fastest=fastest)
    return {one.clock_segment: there[column].clock_segment for one, column in zip(wanted, chosen, strict=True)}


def _shares_any(shared: NDArray[np.int64]) -> bool:
    return bool(shared.size) and bool((shared > 0).any(axis=1).all())


def _spans_several(
    own: Sequence[ClockSegment], there: Sequence[ClockSegment], *, place: str, fastest: str
) -> RecordingError:
    return RecordingError(
        f"{place}: expected a reset of the clock where {fastest} has one ({len(there) - 1} in all), found "
        f"{len(own) - 1}: one clock segment of {fastest} spans several of this file's. Copy both again, or leave this "
        "one out."
    )


def _shared_ticks(own: Sequence[ClockSegment], there: Sequence[ClockSegment]) -> NDArray[np.int64]:
    """Count the ticks from the first to the last that both have, (n_own, n_there)."""
    first, end, other_first, other_end = (
        np.array([getattr(one, name) for one in side], np.int64)
        for side in (own, there)
        for name in ("first_tick", "end_tick")
    )
    last = np.minimum(end[:, None], other_end[None, :])
    return np.asarray(np.maximum(last - np.maximum(first[:, None], other_first[None, :]), 0))


def _best_in_order(score: NDArray[np.int64]) -> list[int]:
    """Choose a column for each row, increasing, with the largest sum; the earliest of equals."""
    n_rows, n_columns = score.shape
    skips = n_columns - n_rows
    total = np.zeros(skips + 1)  # total[k]: the first rows, after k columns that were passed over
    came = np.zeros((n_rows, skips + 1), np.int64)
    for row in range(n_rows):
        total = total + score[row, row : row + skips + 1]
        best = np.maximum.accumulate(total)
        is_new = np.concatenate([[True], total[1:] > best[:-1]])
        came[row] = np.maximum.accumulate(np.where(is_new, np.arange(skips + 1), 0))
        total = best
    skipped, chosen = skips, []
    for row in range(n_rows - 1, -1, -1):
        skipped = int(came[row, skipped])
        chosen.append(row + skipped)
    return chosen[::-1]
