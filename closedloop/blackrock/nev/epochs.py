"""Which packets of a NEV belong to which epoch of the recorder's clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.matching import DeviceEpoch, device_epochs, first_after_step, match_runs
from closedloop.blackrock.nev.packets import read_packets, tick_at
from closedloop.blackrock.nev.runs import Run
from closedloop.blackrock.nev.scan import NevScan
from closedloop.recording.segments import Segment

_FEW_PACKETS = 3
_AROUND_S = 0.01  # packets this near a step back are looked at, or as near as the step is large


@dataclass(frozen=True)
class Span:
    """Packets in a row in the file that belong to one epoch."""

    epoch: int
    first_packet: int
    end_packet: int


@dataclass(frozen=True)
class EpochPlan:
    """All spans of a file by epoch, the packets in none (by index), and what had to be decided, a sentence each."""

    spans: tuple[Span, ...]
    strays: NDArray[np.int64]
    repairs: tuple[str, ...] = ()


def plan_epochs(file: Path, header: NevHeader, scan: NevScan, segments: Sequence[Segment] | None) -> EpochPlan:
    """Give the runs of the clock their numbers: as the packets tell, or by the epochs of the same device's NSx file."""
    if segments is None:
        spans = tuple(Span(number, run.first_packet, run.end_packet) for number, run in enumerate(scan.runs))
        return EpochPlan(spans, scan.strays)
    epochs = device_epochs(segments)
    spans_found: list[Span] = []
    strays = [scan.strays]
    repairs: list[str] = []
    others = _numbers_after(epochs)
    for run, covered in zip(scan.runs, match_runs(scan.runs, epochs, header.tick_hz), strict=True):
        if covered is not None:
            spans_found += _split(file, header, run, [epochs[i] for i in covered])
        elif run.n_packets <= _FEW_PACKETS:
            strays.append(np.arange(run.first_packet, run.end_packet))
        else:
            number = next(others)
            spans_found.append(Span(number, run.first_packet, run.end_packet))
            repairs.append(
                f"{run.n_packets} packets are of a run of the clock without samples; they are epoch {number}"
            )
    in_order = tuple(sorted(spans_found, key=lambda span: span.epoch))
    return EpochPlan(in_order, np.unique(np.concatenate(strays)), tuple(repairs))


def _numbers_after(epochs: Sequence[DeviceEpoch]) -> Iterator[int]:
    return count(max((epoch.epoch for epoch in epochs), default=-1) + 1)


def _split(file: Path, header: NevHeader, run: Run, epochs: Sequence[DeviceEpoch]) -> list[Span]:
    """Cut a run where the clock steps back from one of its epochs to the next."""
    edges = [run.first_packet]
    for before, after in pairwise(epochs):
        edges.append(_first_packet_after(file, header, run, edges[-1], (before, after)))
    edges.append(run.end_packet)
    return [
        Span(one.epoch, first, stop) for one, (first, stop) in zip(epochs, pairwise(edges), strict=True) if first < stop
    ]


def _first_packet_after(
    file: Path, header: NevHeader, run: Run, first: int, step: tuple[DeviceEpoch, DeviceEpoch]
) -> int:
    """Find the run's packet at which an epoch begins, from packet `first` on: look at those around the step back.

    Where nothing in the packets tells of the step, the later epoch begins where its first sample does, or it holds
    none of them because the earlier one holds all.
    """
    before, after = step
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
    later = np.flatnonzero(ticks >= after.first_tick)
    return start + int(later[0]) if len(later) else end
