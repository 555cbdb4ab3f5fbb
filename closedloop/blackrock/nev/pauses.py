"""When a NEV's recorder paused, and between which packets it recorded without a pause.

From 3.0 on a packet says that recording was started, stopped, paused or resumed. Its reason is not relied upon: what
tells a pause is that nothing of any kind was recorded from one such packet to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.blackrock.nev.epochs import EpochPlan
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.runs import Run
from closedloop.blackrock.nev.scan import CLOSE_S, Marks, NevScan
from closedloop.recording.segments import Segment

_SILENCE_INTERVALS = 100  # a silence this many times the mean interval between packets is no chance


@dataclass(frozen=True)
class Pause:
    """Recording was paused at `pause_tick` and went on at `resume_tick`."""

    epoch: int
    pause_tick: int
    resume_tick: int


def pauses_of(scan: NevScan, plan: EpochPlan, tick_hz: int) -> tuple[Pause, ...]:
    """Find the pauses of all epochs."""
    return tuple(
        pause
        for span in plan.spans
        for pause in _pauses(scan.marks.between(span.first_packet + 1, span.end_packet), span.epoch, tick_hz)
    )


def _pauses(marks: Marks, epoch: int, tick_hz: int) -> list[Pause]:
    """Look at one epoch's recording events, but for one that opens it: recording began there."""
    close = int(CLOSE_S * tick_hz)
    ticks = marks.tick.tolist()
    pairs = zip(ticks[:-1], ticks[1:], marks.next_tick.tolist()[:-1], strict=True)
    return [Pause(epoch, a, b) for a, b, following in pairs if b > a and following >= b - close]


def segments_of(scan: NevScan, pauses: Sequence[Pause], header: NevHeader) -> tuple[Segment, ...]:
    """Tell from the packets alone when was recorded: from each run's first to its last, without pauses and silences.

    A silence of all packets counts as a pause when it lasts more than a second and 100 times the mean interval between
    packets: where packets come by chance, it has a probability below 1e-43. Specifications before 3.0 mark no pause.
    """
    return tuple(
        segment
        for epoch, run in enumerate(scan.runs)
        for segment in _uninterrupted(run, [pause for pause in pauses if pause.epoch == epoch], epoch, header)
    )


def _uninterrupted(run: Run, pauses: Sequence[Pause], epoch: int, header: NevHeader) -> list[Segment]:
    breaks = [(pause.pause_tick, pause.resume_tick) for pause in pauses] + _long_silences(run)
    edges = [run.first_tick]
    for start, stop in sorted(breaks):
        if start >= edges[-1]:
            edges += [start + 1, stop]
    edges.append(run.last_tick + 1)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Segment(epoch, a, b, max(1, (b - a) * header.sample_hz // header.tick_hz)) for a, b in pairs]


def _long_silences(run: Run) -> list[tuple[int, int]]:
    lengths = np.diff(run.silences, axis=1)[:, 0]
    long = lengths * float(run.n_packets) > _SILENCE_INTERVALS * float(run.last_tick - run.first_tick)
    return [(int(a), int(b)) for a, b in run.silences[long]]
