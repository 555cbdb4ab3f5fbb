"""Which packets of a NEV belong to which clock segment of the recorder.

The runs of the clock in the packets are brought together with the clock segments of the same device's NSx file.
The NSx knows more: a clock segment that holds no packet (the half second before two processors are synchronised), a
step back of a few milliseconds (which in packets looks like jitter). The packets know of resets while no samples were
recorded.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.packets import read_packets, tick_at
from closedloop.blackrock.nev.runs import JITTER_S, PacketRun
from closedloop.blackrock.nev.scan import NevScan
from closedloop.recording.segments import ClockSegment, Segment, clock_segments_of

_AROUND_S = 0.01  # packets this near a step back are looked at, or as near as the step is large

_SPANNED_S = 60.0  # a run of packets may go on over a step back of at most this; a larger one is seen in any file
_FEW_PACKETS = 3
_STRANGE_S = 60.0  # a few packets this far outside every clock segment belong to none
_NEVER_S = 1e9
_ANOTHER_CLOCK_SEGMENT_S = 1e-3  # a run covers no more clock segments than it needs
_LONGER_CLOCK_SEGMENT = 1e-9  # of two clock segments in which a run fits, the longer one
_OVERTAKEN_S = 1e-3  # packet streams overtake one another by some ticks
_FALL_S = 0.1  # so far back no packet stream is overtaken where the samples know of a reset
_NEAR_FALL = 1000  # packets on either side among which the reset is looked for
_STUB_S = 1e-3  # a clock segment of less holds a few samples


@dataclass(frozen=True)
class ClockSegmentSpan:
    """Packets in a row in the file that belong to one clock segment."""

    clock_segment: int
    first_packet: int
    end_packet: int


@dataclass(frozen=True)
class ClockSegmentPlan:
    """All spans of a file by clock segment, packets in none (by index), and what had to be decided, a sentence each."""

    spans: tuple[ClockSegmentSpan, ...]
    strays: NDArray[np.int64]
    repairs: tuple[str, ...] = ()


def plan_clock_segments(
    file: Path, header: NevHeader, scan: NevScan, segments: Sequence[Segment] | None
) -> ClockSegmentPlan:
    """Find the clock segment of each run of packets, by the packets alone or by those of the same device's NSx file.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    scan
        What the first pass found.
    segments
        Those of the same device's NSx file; None where there is none.
    """
    if segments is None:
        spans = tuple(
            ClockSegmentSpan(number, run.first_packet, run.end_packet) for number, run in enumerate(scan.runs)
        )
        return ClockSegmentPlan(spans, scan.strays)
    clock_segments = clock_segments_of(segments)
    spans_found: list[ClockSegmentSpan] = []
    strays = [scan.strays]
    repairs: list[str] = []
    others = _numbers_after(clock_segments)
    for run, covered in zip(scan.runs, match_runs(scan.runs, clock_segments, header.tick_hz), strict=True):
        if covered is not None:
            spans_found += _split(file, header, run, [clock_segments[i] for i in covered])
        elif run.n_packets <= _FEW_PACKETS:
            strays.append(np.arange(run.first_packet, run.end_packet))
        else:
            number = next(others)
            spans_found.append(ClockSegmentSpan(number, run.first_packet, run.end_packet))
            repairs.append(
                f"{run.n_packets} packets are of a run of the clock without samples; they are clock segment {number}"
            )
    in_order = tuple(sorted(spans_found, key=lambda span: span.clock_segment))
    absurd = np.concatenate(strays)
    absurd = np.unique(absurd) if len(absurd) else absurd  # which loads numpy.ma: a tenth of what a NEV takes
    return ClockSegmentPlan(in_order, absurd, tuple(repairs))


def _numbers_after(clock_segments: Sequence[ClockSegment]) -> Iterator[int]:
    return count(max((clock_segment.clock_segment for clock_segment in clock_segments), default=-1) + 1)


def _split(
    file: Path, header: NevHeader, run: PacketRun, clock_segments: Sequence[ClockSegment]
) -> list[ClockSegmentSpan]:
    """Cut a run where the clock steps back from one of its clock segments to the next."""
    edges = [run.first_packet]
    for before, after in pairwise(clock_segments):
        edges.append(_first_packet_after(file, header, run, edges[-1], (before, after)))
    edges.append(run.end_packet)
    return [
        ClockSegmentSpan(one.clock_segment, first, stop)
        for one, (first, stop) in zip(clock_segments, pairwise(edges), strict=True)
        if first < stop
    ]


def _first_packet_after(
    file: Path, header: NevHeader, run: PacketRun, first: int, step: tuple[ClockSegment, ClockSegment]
) -> int:
    """Find the packet of a run at which a clock segment begins, from packet `first` on, among those around the step.

    Where nothing in the packets shows the step, the later clock segment begins where its first sample does, or it holds
    none of them because the earlier one holds all. What is as early as a stub of a few samples is the stub's: it is set
    aside there, as it would be so near to the start of the other.
    """
    before, after = step
    if not _is_hidden(before, after, header.tick_hz) and _falls_between(run, before, after, header.tick_hz):
        start = max(first, run.fall_packet - _NEAR_FALL)
        end = min(run.end_packet, run.fall_packet + _NEAR_FALL)
        near = [packets.tick for packets in read_packets(file, header, first=start, stop=end)]
        found = first_after_step(np.concatenate(near), before, after, header.tick_hz)
        return run.fall_packet if found is None else start + found
    around = max(int(_AROUND_S * header.tick_hz), before.end_tick - after.first_tick)

    def first_from(start: int, tick: int) -> int:
        later = bisect_left(range(start, run.end_packet), True, key=lambda i: tick_at(file, header, i) >= tick)
        return start + later

    start = first_from(first, after.first_tick - around)
    end = first_from(start, before.end_tick + around)
    batches = [packets.tick for packets in read_packets(file, header, first=start, stop=end)]
    ticks = np.concatenate([np.zeros(0, np.int64), *batches])
    found = first_after_step(ticks, before, after, header.tick_hz)
    if found is not None:
        return start + found
    if run.last_tick < before.end_tick:
        return run.end_packet
    if before.end_tick - before.first_tick <= _STUB_S * header.tick_hz:
        own = (ticks >= before.first_tick) & (ticks < before.end_tick)
        return start + int(np.argmin(np.append(own, False)))
    later = np.flatnonzero(ticks >= after.first_tick)
    return start + int(later[0]) if len(later) else end


def looks_like_one_run(before: ClockSegment, after: ClockSegment, tick_hz: int) -> bool:
    """Return whether packets of both may look like one run: the clock went back little, or the earlier one is short.

    Parameters
    ----------
    before, after
        Two clock segments in a row.
    tick_hz
        Ticks per second.
    """
    return 0 < before.end_tick - after.first_tick <= _SPANNED_S * tick_hz


def match_runs(runs: Sequence[PacketRun], clock_segments: Sequence[ClockSegment], tick_hz: int) -> list[range | None]:
    """Find which clock segments each run covers, in the order of both, so that runs stand out least beyond them.

    Solved by dynamic programming over (run, clock segment).

    Parameters
    ----------
    runs
        Of the clock, as the packets show them.
    clock_segments
        Of the same device's NSx file.
    tick_hz
        Ticks per second.

    Returns
    -------
    list
        For each run the positions of its clock segments in `clock_segments`; None where there is none for it.
    """
    best = [[0.0] * (len(clock_segments) + 1)]  # best[i][j]: the first i runs in the first j clock segments
    origin: list[list[tuple[int, int] | None]] = [
        []
    ]  # how best[i][j] came about: first clock segment and end of run i - 1
    pairs = pairwise(clock_segments)
    one_run = [False, *(looks_like_one_run(one, other, tick_hz) for one, other in pairs)] if clock_segments else []
    for run in runs:
        costs, origins = _next_row(run, clock_segments, best[-1], one_run, tick_hz)
        best.append(costs)
        origin.append(origins)
    found: list[range | None] = []
    j = len(clock_segments)
    for i in range(len(runs), 0, -1):
        came = origin[i][j]
        found.append(None if came is None else range(*came))
        j = j if came is None else came[0]
    return _widen(runs, found[::-1], clock_segments, tick_hz)


def _widen(
    runs: Sequence[PacketRun], found: list[range | None], clock_segments: Sequence[ClockSegment], tick_hz: int
) -> list[range | None]:
    """Add clock segments on either side that belong to no run, where one could go on without a clear step back."""

    def spans(run: PacketRun, before: int) -> bool:
        pair = (clock_segments[before], clock_segments[before + 1])
        return _is_hidden(*pair, tick_hz) or _falls_between(run, *pair, tick_hz)

    taken = {j for covered in found if covered is not None for j in covered}
    widened: list[range | None] = []
    for run, covered in zip(runs, found, strict=True):
        first, stop = (covered.start, covered.stop) if covered is not None else (0, 0)
        while first > 0 and first - 1 not in taken and spans(run, first - 1):
            first -= 1
            taken.add(first)
        while 0 < stop < len(clock_segments) and stop not in taken and spans(run, stop - 1):
            taken.add(stop)
            stop += 1
        widened.append(None if covered is None else range(first, stop))
    return widened


def _is_hidden(before: ClockSegment, after: ClockSegment, tick_hz: int) -> bool:
    return 0 < before.end_tick - after.first_tick <= JITTER_S * tick_hz


def _falls_between(run: PacketRun, before: ClockSegment, after: ClockSegment, tick_hz: int) -> bool:
    """Return whether a run's deepest fall, of less than a second, is where one clock segment follows the other.

    So few packets came in the earlier one, and so early, that the step back to the start of the later is a small one.
    """
    high, low = run.fall_high, run.fall_high - run.deepest_fall
    in_both = before.first_tick <= high < before.end_tick and low <= after.first_tick + JITTER_S * tick_hz
    return in_both and run.deepest_fall >= _FALL_S * tick_hz and after.first_tick < before.end_tick


def _next_row(
    run: PacketRun,
    clock_segments: Sequence[ClockSegment],
    before: list[float],
    one_run: Sequence[bool],
    tick_hz: int,
) -> tuple[list[float], list[tuple[int, int] | None]]:
    """Place one more run in the first 0, 1, 2 ... clock segments, or in none."""
    nowhere = _STRANGE_S if run.n_packets <= _FEW_PACKETS else _NEVER_S
    early, late = _stands_out(run, clock_segments, tick_hz)
    costs = [before[0] + nowhere]
    row: list[tuple[int, int] | None] = [None]
    open_cost, open_first = math.inf, 0
    for j, is_one_run in enumerate(one_run):
        open_cost = open_cost + _ANOTHER_CLOCK_SEGMENT_S if is_one_run else math.inf
        fresh = before[j] + early[j]
        if fresh <= open_cost:
            open_cost, open_first = fresh, j
        cost: float = open_cost + late[j]
        came: tuple[int, int] | None = (open_first, j + 1)
        if costs[j] < cost:
            cost, came = costs[j], row[j]
        if before[j + 1] + nowhere < cost:
            cost, came = before[j + 1] + nowhere, None
        costs.append(cost)
        row.append(came)
    return costs, row


def _stands_out(
    run: PacketRun, clock_segments: Sequence[ClockSegment], tick_hz: int
) -> tuple[list[float], list[float]]:
    """Return by how much the run begins before each clock segment, and ends after it."""
    first, end = (np.array([getattr(one, name) for one in clock_segments]) for name in ("first_tick", "end_tick"))
    early = np.maximum(0, first - run.first_tick) / tick_hz - _LONGER_CLOCK_SEGMENT * ((end - first) / tick_hz)
    return early.tolist(), (np.maximum(0, run.last_tick - end) / tick_hz).tolist()


def first_after_step(ticks: NDArray[np.int64], before: ClockSegment, after: ClockSegment, tick_hz: int) -> int | None:
    """Find the first packet of the later clock segment among packets around a step back of the clock.

    Parameters
    ----------
    ticks
        In the file's order, shape (n,).

    Returns
    -------
    int or None
        Position of the packet before which the ticks fall back most; None where they do not fall back by half the step
        or by a millisecond.
    """
    least = min((before.end_tick - after.first_tick) // 2, int(_OVERTAKEN_S * tick_hz))
    if len(ticks) < 2:
        return None
    fall = np.maximum.accumulate(ticks)[:-1] - np.minimum.accumulate(ticks[::-1])[::-1][1:]
    if fall.max() <= least:
        return None
    likely = np.flatnonzero(fall == fall.max())
    return int(likely[np.argmax(ticks[likely] - ticks[likely + 1])]) + 1
