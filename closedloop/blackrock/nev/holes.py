"""Holes of zeros in a NEV: what stood there is lost, so that nothing around them was recorded whole.

A copy that was not finished and a disk that failed leave blocks of zeros, of 512 bytes as of megabytes. Spikes were in
them, of whatever electrode, at any time from the last packet before to the first one after.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.clock_segments import ClockSegmentPlan
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.packets import read_packets
from closedloop.errors import RecordingError
from closedloop.recording.gaps import SpikeGap

_NEAR_PACKETS = 2  # on either side: the nearest may have lost a part of its time stamp, or come out of order
_END = int(np.iinfo(np.int64).max)
_MOST_HOLES = 10_000  # around each a few packets are read


def gaps_of_zeros(
    file: Path, header: NevHeader, plan: ClockSegmentPlan, blank: NDArray[np.int64]
) -> tuple[SpikeGap, ...]:
    """Return from when to when packets are lost, in order of the file.

    Parameters
    ----------
    file, header
        The NEV.
    plan
        Which packets are of which clock segment.
    blank
        Packets of zeros, by index, shape (n,), in order.
    """
    if not len(blank):
        return ()
    unsound = np.union1d(blank, plan.strays)
    starts = np.flatnonzero(np.diff(unsound, prepend=-2) > 1)
    runs = zip(unsound[starts].tolist(), (unsound[np.append(starts[1:], len(unsound)) - 1] + 1).tolist(), strict=True)
    holed = [(first, stop) for first, stop in runs if np.searchsorted(blank, first) < np.searchsorted(blank, stop)]
    if len(holed) > _MOST_HOLES:
        raise RecordingError(
            f"{file}: expected at most {_MOST_HOLES} holes of zeros, found {len(holed)}. Hardly anything of the file "
            "is whole: copy it again."
        )
    return tuple(gap for first, stop in holed for gap in _around(file, header, plan, unsound, (first, stop)))


def _around(
    file: Path, header: NevHeader, plan: ClockSegmentPlan, unsound: NDArray[np.int64], hole: tuple[int, int]
) -> list[SpikeGap]:
    """Return a hole as a gap of its clock segment, or of all whose packets it touches.

    Parameters
    ----------
    file, header, plan
        As in `gaps_of_zeros`.
    unsound
        Packets that belong to no time, by index, in order.
    hole
        Some of them in a row: the first, and the first one after.
    """
    touched = [span for span in plan.spans if span.first_packet <= hole[1] and hole[0] <= span.end_packet]
    gaps = []
    for span in touched:
        before = _ticks(file, header, unsound, range(hole[0] - 1, span.first_packet - 1, -1))
        after = _ticks(file, header, unsound, range(hole[1], span.end_packet))
        if before or after:
            first = min([*before, *after]) if before else 0
            gaps.append(SpikeGap(span.clock_segment, first, max([*before, *after]) + 1 if after else _END))
    return gaps


def _ticks(file: Path, header: NevHeader, unsound: NDArray[np.int64], places: range) -> list[int]:
    """Return the ticks of the nearest sound packets, looking at some places in turn.

    Parameters
    ----------
    file, header
        The NEV.
    unsound
        Packets that belong to no time, by index, in order.
    places
        Indices, the nearest first.
    """
    near = places[: 8 * _NEAR_PACKETS]
    if not near:
        return []
    first, stop = min(near), max(near) + 1
    ticks = np.concatenate([part.tick for part in read_packets(file, header, first=first, stop=stop)])
    lost = set(unsound[slice(*np.searchsorted(unsound, [first, stop]))].tolist())
    return [int(ticks[place - first]) for place in near if place not in lost][:_NEAR_PACKETS]
