"""What a first pass over a NEV file finds: its clock segments, its pauses, its periods of recording.

From 3.0 on a packet says that recording was started, stopped, paused or resumed. Its reason is not relied upon: it is
a pause if nothing of any kind was recorded from one such packet to the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.clock_segments import ClockSegmentPlan, plan_clock_segments
from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.holes import gaps_of_zeros
from closedloop.blackrock.nev.order import OrderedPackets, packets_in_order
from closedloop.blackrock.nev.packets import Packets
from closedloop.blackrock.nev.runs import PacketRun
from closedloop.blackrock.nev.scan import CLOSE_S, Marks, NevScan, scan_packets
from closedloop.recording.gaps import SpikeGap
from closedloop.recording.segments import Segment

_SILENCE_INTERVALS = 100  # a silence this many times the mean interval between packets is no chance


@dataclass(frozen=True)
class Pause:
    """Recording was paused at `pause_tick` and went on at `resume_tick`."""

    clock_segment: int
    pause_tick: int
    resume_tick: int


@dataclass
class ProgressCounter:
    """Adds up batches of packets for whoever wants to know how far the reading is."""

    progress: Callable[[int, int], None] | None
    total: int
    done: int = 0

    def add(self, n_packets: int) -> None:
        """Count another batch."""
        self.done += n_packets
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(frozen=True)
class NevSurvey:
    """A file's header, what its packets are, and which belong to which clock segment."""

    file: Path
    header: NevHeader
    scan: NevScan
    plan: ClockSegmentPlan
    pauses: tuple[Pause, ...]
    segments: tuple[Segment, ...]
    counter: ProgressCounter

    def in_order(self) -> Iterator[OrderedPackets]:
        """Read all packets but strays in order of clock segment and tick, in bounded memory."""
        return packets_in_order(self.file, self.header, self.plan, progress=self.counter.add)

    @property
    def only_clock_segment(self) -> int | None:
        """The clock segment of all packets; None where there are several, or packets in none."""
        (first, *others) = self.plan.spans or (None,)
        if first is None or others or len(self.plan.strays):
            return None
        whole = first.first_packet == 0 and first.end_packet == self.header.n_packets
        return first.clock_segment if whole else None

    def gaps(self) -> tuple[SpikeGap, ...]:
        """Return from when to when packets were lost in holes of zeros, in order of the file."""
        return gaps_of_zeros(self.file, self.header, self.plan, self.scan.blank)

    def repairs(self, n_out_of_order: int) -> tuple[str, ...]:
        """Return what was wrong with the file and how it was read nevertheless, a sentence each."""
        n_blank = self.scan.n_blank
        n_stray = len(self.plan.strays) - n_blank
        blank = f"{n_blank} packets of nothing but zeros were left out: the copy was not finished, or the disk failed"
        sorted_in = f"{n_out_of_order} packets stood out of order and were sorted in"
        set_aside = f"{n_stray} packets with an absurd time stamp were set aside"
        n_foreign = self.scan.n_of_other_channels
        foreign = f"{n_foreign} packets of stimulation channels or analog inputs (ids from 5121 on) are no spikes"
        counted = ((n_out_of_order, sorted_in), (n_stray, set_aside), (n_blank, blank), (n_foreign, foreign))
        return (*self.header.repairs, *self.plan.repairs, *(text for n, text in counted if n))


def survey_nev(
    file: Path,
    *,
    clock_segments: Sequence[Segment] | None = None,
    watch: Callable[[Packets], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NevSurvey:
    """Pass over a file once; raises as `events.read_nev`.

    Parameters
    ----------
    file
        The NEV.
    clock_segments
        Segments of the same device's NSx file, whose clock segments are then used; None where there is none. One
        without a sample knows of no clock segment.
    watch
        Called with each batch of packets in the file's order, blank ones at the tick before them.
    progress
        Called with (done, total) packets of two passes.
    """
    clock_segments = clock_segments or None
    header = read_nev_header(file)
    counter = ProgressCounter(progress, 2 * header.n_packets)
    scan = scan_packets(file, header, watch=watch, progress=counter.add)
    plan = plan_clock_segments(file, header, scan, clock_segments)
    pauses = pauses_of(scan, plan, header.tick_hz)
    segments = segments_of(scan, pauses, header) if clock_segments is None else tuple(clock_segments)
    return NevSurvey(file, header, scan, plan, pauses, segments, counter)


def pauses_of(scan: NevScan, plan: ClockSegmentPlan, tick_hz: int) -> tuple[Pause, ...]:
    """Find the pauses of all clock segments.

    Parameters
    ----------
    scan, plan
        What the first pass found, and which packets are of which clock segment.
    tick_hz
        Ticks per second.
    """
    return tuple(
        pause
        for span in plan.spans
        for pause in _pauses(scan.marks.between(span.first_packet + 1, span.end_packet), span.clock_segment, tick_hz)
    )


def _pauses(marks: Marks, clock_segment: int, tick_hz: int) -> list[Pause]:
    """Look at one clock segment's recording events, but for one that opens it: recording began there."""
    close = int(CLOSE_S * tick_hz)
    ticks = marks.tick.tolist()
    pairs = zip(ticks[:-1], ticks[1:], marks.next_tick.tolist()[:-1], strict=True)
    return [Pause(clock_segment, a, b) for a, b, following in pairs if b > a and following >= b - close]


def segments_of(scan: NevScan, pauses: Sequence[Pause], header: NevHeader) -> tuple[Segment, ...]:
    """Return the periods of recording as the packets alone show them: each run without its pauses and silences.

    A silence of all packets counts as a pause when it lasts more than a second and 100 times the mean interval between
    packets: where packets come by chance, it has a probability below 1e-43. Specifications before 3.0 mark no pause.

    Parameters
    ----------
    scan
        What the first pass found.
    pauses
        Of all clock segments.
    header
        Of the file: its clock and the rate of its waveforms.
    """
    own: defaultdict[int, list[Pause]] = defaultdict(list)
    for pause in pauses:
        own[pause.clock_segment].append(pause)
    return tuple(
        segment
        for clock_segment, run in enumerate(scan.runs)
        for segment in _segments_of_run(run, own[clock_segment], clock_segment, header)
    )


def _segments_of_run(run: PacketRun, pauses: Sequence[Pause], clock_segment: int, header: NevHeader) -> list[Segment]:
    breaks = [(pause.pause_tick, pause.resume_tick) for pause in pauses] + _long_silences(run)
    edges = [run.first_tick]
    for start, stop in sorted(breaks):
        if start >= edges[-1]:
            edges += [start + 1, stop]
    edges.append(run.last_tick + 1)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Segment(clock_segment, a, b, max(1, (b - a) * header.sample_hz // header.tick_hz)) for a, b in pairs]


def _long_silences(run: PacketRun) -> list[tuple[int, int]]:
    lengths = np.diff(run.silences, axis=1)[:, 0]
    long = lengths * float(run.n_packets) > _SILENCE_INTERVALS * float(run.last_tick - run.first_tick)
    return [(int(a), int(b)) for a, b in run.silences[long]]
