"""Gather a NEV's ordered packets into arrays, each kind in its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.kinds import is_spike
from closedloop.blackrock.nev.order import OrderedPackets
from closedloop.blackrock.nev.packets import Packets, following
from closedloop.recording.spikes import Spikes

_ELECTRODE_BITS, _UNIT_BITS = 16, 8
# As many ticks fit a sorting key: nine minutes of nanoseconds, months of 1/30000 s.
_KEY_TICKS = 1 << (63 - _ELECTRODE_BITS - _UNIT_BITS)


class Collected:
    """Grows by ordered packets; the spikes' memory is taken once.

    Parameters
    ----------
    n_spikes
        The most spikes to come; 0 leaves them out.
    """

    def __init__(self, n_spikes: int) -> None:
        self._n_spikes = n_spikes
        self._n = 0
        self._epoch = np.empty(n_spikes, np.uint16)
        self._tick = np.empty(n_spikes, np.int64)
        self._electrode = np.empty(n_spikes, np.uint16)
        self._unit = np.empty(n_spikes, np.uint8)
        self._rest: list[tuple[int, Packets]] = []
        self.n_out_of_order = 0

    def add(self, ordered: OrderedPackets) -> None:
        """Take the next packets."""
        spikes = is_spike(ordered.packets)
        if self._n_spikes:
            self._add_spikes(ordered.epoch, ordered.packets, spikes)
        if not spikes.all():
            self._rest.append((ordered.epoch, ordered.packets.take(~spikes)))
        self.n_out_of_order += ordered.n_out_of_order

    def spikes(self) -> tuple[Spikes, NDArray[np.uint8]]:
        """Give the spikes, and the unit of each."""
        own = slice(self._n)
        return Spikes(self._epoch[own], self._tick[own], self._electrode[own]), self._unit[own]

    def rest(self) -> tuple[NDArray[np.uint16], Packets]:
        """Give what is no spike: each packet's epoch, and the packets."""
        epochs = [np.full(len(packets), epoch, np.uint16) for epoch, packets in self._rest]
        epoch = np.concatenate([np.zeros(0, np.uint16), *epochs])
        return epoch, following(*(packets for _, packets in self._rest))

    def _add_spikes(self, epoch: int, packets: Packets, own: NDArray[np.bool_]) -> None:
        tick, electrode, unit = packets.tick[own], packets.kind[own], packets.detail[own].astype(np.uint8)
        rows = slice(self._n, self._n + len(tick))
        self._epoch[rows] = epoch
        self._tick[rows], self._electrode[rows], self._unit[rows] = in_order_of_electrode(tick, electrode, unit)
        self._n += len(tick)


def tie_order(packets: Packets) -> NDArray[np.intp]:
    """Give the order of `in_order_of_electrode` for few packets."""
    return np.lexsort((packets.detail.astype(np.uint8), packets.kind, packets.tick))


def in_order_of_electrode(
    tick: NDArray[np.int64], electrode: NDArray[np.uint16], unit: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.uint8]]:
    """Sort spikes that are in order of tick by electrode, then unit, where ticks are equal; shapes (n_spikes,)."""
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
