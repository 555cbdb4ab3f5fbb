"""The packets of a NEV in order of clock segment and tick, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.clock_segments import ClockSegmentPlan, ClockSegmentSpan
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.packets import Packets, concatenate_packets, read_packets
from closedloop.blackrock.nev.runs import JITTER_S

_ELECTRODE_BITS, _UNIT_BITS = 16, 8
# As many ticks fit a sorting key: nine minutes of nanoseconds, months of 1/30000 s.
_KEY_TICKS = 1 << (63 - _ELECTRODE_BITS - _UNIT_BITS)


@dataclass(frozen=True)
class OrderedPackets:
    """Packets of one clock segment sorted by tick (then as in the file); its next ones come later than all of these.

    `n_out_of_order` of them stood later in the file than their time.
    """

    clock_segment: int
    packets: Packets
    n_out_of_order: int


def packets_in_order(
    file: Path, header: NevHeader, plan: ClockSegmentPlan, *, progress: Callable[[int], None] | None = None
) -> Iterator[OrderedPackets]:
    """Read all packets but strays, in order of clock segment and tick.

    Jitter reaches back less than a second, so that the last second is held back until what follows is known.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    plan
        Which packets are of which clock segment.
    progress
        Called with the number of packets of each batch.
    """
    for span in plan.spans:
        yield from _span_in_order(file, header, plan, span, progress)


def _span_in_order(
    file: Path,
    header: NevHeader,
    plan: ClockSegmentPlan,
    span: ClockSegmentSpan,
    progress: Callable[[int], None] | None,
) -> Iterator[OrderedPackets]:
    held: Packets | None = None
    high = -1
    n_late = 0
    batches = read_packets(file, header, first=span.first_packet, stop=span.end_packet, progress=progress)
    for batch in batches:
        part = _leave_out_strays(batch, plan)
        if not len(part):
            continue
        highs = np.maximum(np.maximum.accumulate(part.tick), high)
        n_late += int(np.count_nonzero(part.tick < highs))
        high = int(highs[-1])
        held = _sort(part if held is None else concatenate_packets(held, part))
        n_done = int(np.searchsorted(held.tick, high - int(JITTER_S * header.tick_hz)))
        if n_done:
            yield OrderedPackets(span.clock_segment, held.take(slice(n_done)), n_late)
            held, n_late = held.take(slice(n_done, None)), 0
    if held is not None and len(held):
        yield OrderedPackets(span.clock_segment, held, n_late)


def _leave_out_strays(packets: Packets, plan: ClockSegmentPlan) -> Packets:
    """Leave out the strays."""
    inside = slice(*np.searchsorted(plan.strays, packets.index[[0, -1]] + [0, 1]))
    if inside.start == inside.stop:
        return packets
    return packets.take(~np.isin(packets.index, plan.strays[inside]))


def _sort(packets: Packets) -> Packets:
    if np.all(packets.tick[1:] >= packets.tick[:-1]):
        return packets
    return packets.take(np.argsort(packets.tick, kind="stable"))


def tie_order(packets: Packets) -> NDArray[np.intp]:
    """Return the order of `in_order_of_electrode` for few packets."""
    return np.lexsort((packets.detail.astype(np.uint8), packets.kind, packets.tick))


def in_order_of_electrode(
    tick: NDArray[np.int64], electrode: NDArray[np.uint16], unit: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.uint8]]:
    """Sort spikes that are in order of tick by electrode, then unit, where ticks are equal; shapes (n_spikes,).

    Parameters
    ----------
    tick, electrode, unit
        Shape (n_spikes,) each; ticks not decreasing.
    """
    if len(tick) == 0 or tick[-1] - tick[0] >= _KEY_TICKS:
        order = np.lexsort((unit, electrode, tick))
        return tick[order], electrode[order], unit[order]
    # One number a spike, sorted at 3 ns each where they are nearly in order; a sort by columns takes 120 (measured).
    key = (tick - tick[0]) << (_ELECTRODE_BITS + _UNIT_BITS)
    key |= electrode.astype(np.int64) << _UNIT_BITS
    key |= unit
    key.sort(kind="stable")
    return (
        (key >> (_ELECTRODE_BITS + _UNIT_BITS)) + tick[0],
        (key >> _UNIT_BITS).astype(np.uint16),
        key.astype(np.uint8),
    )
