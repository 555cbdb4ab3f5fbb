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
    sorter = PacketSorter(span.clock_segment, header.tick_hz)
    batches = read_packets(file, header, first=span.first_packet, stop=span.end_packet, progress=progress)
    for batch in batches:
        yield from sorter.add(_leave_out_strays(batch, plan))
    yield from sorter.finish()


class PacketSorter:
    """Sorts the packets of a clock segment, which come in the file's order, batch by batch.

    Parameters
    ----------
    clock_segment
        Which.
    tick_hz
        Ticks per second.
    """

    def __init__(self, clock_segment: int, tick_hz: int) -> None:
        self._clock_segment, self._jitter = clock_segment, int(JITTER_S * tick_hz)
        self._held: Packets | None = None
        self._high, self._n_late = -1, 0

    def add(self, part: Packets) -> Iterator[OrderedPackets]:
        """Take the next packets; yield those that none of the later ones can precede."""
        if not len(part):
            return
        highs = np.maximum(np.maximum.accumulate(part.tick), self._high)
        self._n_late += int(np.count_nonzero(part.tick < highs))
        self._high = int(highs[-1])
        held = _sort(part if self._held is None else concatenate_packets(self._held, part))
        n_done = int(np.searchsorted(held.tick, self._high - self._jitter))
        if n_done:
            yield OrderedPackets(self._clock_segment, held.take(slice(n_done)), self._n_late)
            held, self._n_late = held.take(slice(n_done, None)), 0
        self._held = held

    def reaches_back(self, part: Packets) -> bool:
        """Whether packets are earlier than those that were given out may be: not of the same clock segment."""
        return len(part) > 0 and int(part.tick.min()) < self._high - self._jitter

    def finish(self) -> Iterator[OrderedPackets]:
        """Yield the last packets."""
        if self._held is not None and len(self._held):
            yield OrderedPackets(self._clock_segment, self._held, self._n_late)


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
