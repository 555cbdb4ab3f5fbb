"""Agree the runs of the clock that a NEV's packets tell with the epochs that the same device's NSx file tells.

The NSx knows more: an epoch that holds no packet (the half second before two processors are synchronised), a step back
of a few milliseconds (which in packets looks like jitter). The packets know of resets while no samples were recorded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.runs import JITTER_S, Run
from closedloop.recording.segments import Segment

_SPANNED_S = 60.0  # a run of packets may go on over a step back of at most this; a larger one is seen in any file
_FEW_PACKETS = 3
_STRANGE_S = 60.0  # a few packets this far outside every epoch belong to none
_NEVER_S = 1e9
_ANOTHER_EPOCH_S = 1e-3  # a run covers no more epochs than it needs
_LONGER_EPOCH = 1e-9  # of two epochs in which a run fits, the longer one
_OVERTAKEN_S = 1e-3  # packet streams overtake one another by some ticks


@dataclass(frozen=True)
class DeviceEpoch:
    """From an epoch's first sample to the end of its last, pauses included."""

    epoch: int
    first_tick: int
    end_tick: int


def device_epochs(segments: Sequence[Segment]) -> tuple[DeviceEpoch, ...]:
    """Join the segments of each epoch."""
    numbers = sorted({segment.epoch for segment in segments})
    parts = [[segment for segment in segments if segment.epoch == number] for number in numbers]
    return tuple(
        DeviceEpoch(number, min(one.first_tick for one in part), max(one.end_tick for one in part))
        for number, part in zip(numbers, parts, strict=True)
    )


def spanned(before: DeviceEpoch, after: DeviceEpoch, tick_hz: int) -> bool:
    """Whether packets of both may look like one run: the clock went back a little, or the earlier epoch is short."""
    return 0 < before.end_tick - after.first_tick <= _SPANNED_S * tick_hz


def match_runs(runs: Sequence[Run], epochs: Sequence[DeviceEpoch], tick_hz: int) -> list[range | None]:
    """Find which epochs each run covers, in the order of both, so that the runs stand out least beyond their epochs.

    Solved by dynamic programming over (run, epoch).

    Returns
    -------
    list
        For each run the positions of its epochs in `epochs`; None where there is none for it.
    """
    best = [[0.0] * (len(epochs) + 1)]  # best[i][j]: the first i runs in the first j epochs
    origin: list[list[tuple[int, int] | None]] = [[]]  # how best[i][j] came about: first epoch and end of run i - 1
    for run in runs:
        costs, origins = _next_row(run, epochs, best[-1], tick_hz)
        best.append(costs)
        origin.append(origins)
    found: list[range | None] = []
    j = len(epochs)
    for i in range(len(runs), 0, -1):
        came = origin[i][j]
        found.append(None if came is None else range(*came))
        j = j if came is None else came[0]
    return _widened(found[::-1], epochs, tick_hz)


def _widened(found: list[range | None], epochs: Sequence[DeviceEpoch], tick_hz: int) -> list[range | None]:
    """Add the epochs on either side that are nobody's, where a run could go on without a visible step back."""
    taken = {j for covered in found if covered is not None for j in covered}
    widened: list[range | None] = []
    for covered in found:
        first, stop = (covered.start, covered.stop) if covered is not None else (0, 0)
        while first > 0 and first - 1 not in taken and _hidden(epochs[first - 1], epochs[first], tick_hz):
            first -= 1
            taken.add(first)
        while 0 < stop < len(epochs) and stop not in taken and _hidden(epochs[stop - 1], epochs[stop], tick_hz):
            taken.add(stop)
            stop += 1
        widened.append(None if covered is None else range(first, stop))
    return widened


def _hidden(before: DeviceEpoch, after: DeviceEpoch, tick_hz: int) -> bool:
    return 0 < before.end_tick - after.first_tick <= JITTER_S * tick_hz


def _next_row(
    run: Run, epochs: Sequence[DeviceEpoch], before: list[float], tick_hz: int
) -> tuple[list[float], list[tuple[int, int] | None]]:
    """Place one more run in the first 0, 1, 2 ... epochs, or in none."""
    nowhere = _STRANGE_S if run.n_packets <= _FEW_PACKETS else _NEVER_S
    costs = [before[0] + nowhere]
    row: list[tuple[int, int] | None] = [None]
    open_cost, open_first = math.inf, 0
    for j, epoch in enumerate(epochs):
        if j and spanned(epochs[j - 1], epoch, tick_hz):
            open_cost += _ANOTHER_EPOCH_S
        else:
            open_cost = math.inf
        fresh = before[j] + _starts_early(run, epoch, tick_hz)
        if fresh <= open_cost:
            open_cost, open_first = fresh, j
        closed = open_cost + max(0, run.last_tick - epoch.end_tick) / tick_hz
        choices = [(closed, (open_first, j + 1)), (costs[j], row[j]), (before[j + 1] + nowhere, None)]
        cost, came = min(choices, key=lambda choice: choice[0])
        costs.append(cost)
        row.append(came)
    return costs, row


def _starts_early(run: Run, epoch: DeviceEpoch, tick_hz: int) -> float:
    length_s = (epoch.end_tick - epoch.first_tick) / tick_hz
    return max(0, epoch.first_tick - run.first_tick) / tick_hz - _LONGER_EPOCH * length_s


def first_after_step(ticks: NDArray[np.int64], before: DeviceEpoch, after: DeviceEpoch, tick_hz: int) -> int | None:
    """Find the first packet of the later epoch among packets around a step back of the clock.

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
