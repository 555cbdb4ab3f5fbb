"""The packets of a NEV in order of epoch and tick, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.epochs import EpochPlan, Span
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.packets import Packets, Progress, following, read_packets
from closedloop.blackrock.nev.runs import JITTER_S


@dataclass(frozen=True)
class OrderedPackets:
    """Packets of one epoch sorted by tick (then as in the file); the epoch's next ones come later than all of them.

    `n_out_of_order` of them stood later in the file than their time.
    """

    epoch: int
    packets: Packets
    n_out_of_order: int


def packets_in_order(
    file: Path, header: NevHeader, plan: EpochPlan, *, progress: Progress | None = None
) -> Iterator[OrderedPackets]:
    """Read all packets but strays, in order of epoch and tick.

    Jitter reaches back less than a second, so that the last second is held back until what follows is known.
    """
    for span in plan.spans:
        yield from _span_in_order(file, header, plan, span, progress)


def _span_in_order(
    file: Path, header: NevHeader, plan: EpochPlan, span: Span, progress: Progress | None
) -> Iterator[OrderedPackets]:
    held: Packets | None = None
    high = -1
    n_late = 0
    batches = read_packets(file, header, first=span.first_packet, stop=span.end_packet, progress=progress)
    for batch in batches:
        part = _without(batch, plan)
        if not len(part):
            continue
        highs = np.maximum(np.maximum.accumulate(part.tick), high)
        n_late += int(np.count_nonzero(part.tick < highs))
        high = int(highs[-1])
        held = _sorted(part if held is None else following(held, part))
        n_done = int(np.searchsorted(held.tick, high - int(JITTER_S * header.tick_hz)))
        if n_done:
            yield OrderedPackets(span.epoch, held.take(slice(n_done)), n_late)
            held, n_late = held.take(slice(n_done, None)), 0
    if held is not None and len(held):
        yield OrderedPackets(span.epoch, held, n_late)


def _without(packets: Packets, plan: EpochPlan) -> Packets:
    """Leave out the strays."""
    inside = slice(*np.searchsorted(plan.strays, packets.index[[0, -1]] + [0, 1]))
    if inside.start == inside.stop:
        return packets
    return packets.take(~np.isin(packets.index, plan.strays[inside]))


def _sorted(packets: Packets) -> Packets:
    if np.all(packets.tick[1:] >= packets.tick[:-1]):
        return packets
    return packets.take(np.argsort(packets.tick, kind="stable"))
