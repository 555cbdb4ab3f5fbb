"""What a first pass over a NEV file tells, before its packets are taken in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.blackrock.nev.epochs import EpochPlan, plan_epochs
from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.order import OrderedPackets, packets_in_order
from closedloop.blackrock.nev.pauses import Pause, pauses_of, segments_of
from closedloop.blackrock.nev.scan import NevScan, scan_packets
from closedloop.recording.segments import Segment


@dataclass
class Told:
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
    """A file's header, what its packets are, and which belong to which epoch."""

    file: Path
    header: NevHeader
    scan: NevScan
    plan: EpochPlan
    pauses: tuple[Pause, ...]
    segments: tuple[Segment, ...]
    told: Told

    def in_order(self) -> Iterator[OrderedPackets]:
        """Read all packets but strays in order of epoch and tick, in bounded memory."""
        return packets_in_order(self.file, self.header, self.plan, progress=self.told.add)

    def repairs(self, n_out_of_order: int) -> tuple[str, ...]:
        """Say what was wrong with the file and how it was read nevertheless, a sentence each."""
        n_stray = len(self.plan.strays)
        sorted_in = f"{n_out_of_order} packets stood out of order and were sorted in"
        set_aside = f"{n_stray} packets with an absurd time stamp were set aside"
        own = [text for n, text in ((n_out_of_order, sorted_in), (n_stray, set_aside)) if n]
        return (*self.header.repairs, *self.plan.repairs, *own)


def survey_nev(
    file: Path,
    *,
    epochs: Sequence[Segment] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NevSurvey:
    """Pass over a file once; `nev.read_nev` says what the parameters mean and what is raised."""
    header = read_nev_header(file)
    told = Told(progress, 2 * header.n_packets)
    scan = scan_packets(file, header, progress=told.add)
    plan = plan_epochs(file, header, scan, epochs)
    pauses = pauses_of(scan, plan, header.tick_hz)
    segments = segments_of(scan, pauses, header) if epochs is None else tuple(epochs)
    return NevSurvey(file, header, scan, plan, pauses, segments, told)
