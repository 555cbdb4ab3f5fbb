"""The walk over an NSx file with a time stamp for every sample (3.0 PTP), in bounded memory.

Its clock is disciplined by a network's: it drifts against the sampling rate by design, so that only a step from one
packet to the next tells a gap or a jump; a comparison with the first packet would find both where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.nsx_stretches import LARGEST_TICK, DataPart, FoundData, StretchList

Progress: TypeAlias = Callable[[int, int], None]
"""Called with what is done and the whole, in bytes."""

_LONGEST_STEP, _SHORTEST_STEP = 1.5, 0.5  # in nominal periods: beyond lies a gap, below a backward jump
_CHUNK_BYTES = 1 << 22
_TRIED_PACKETS = 16


@dataclass(frozen=True)
class _Packet:
    """Where a packet stands in the file's order, and its time stamp."""

    index: int
    tick: int


def has_a_header_for_each_sample(stream: BinaryIO, part: DataPart) -> bool:
    """Tell PTP packets from ordinary blocks in nanoseconds: most of the first packets have one sample and flag 1.

    The first alone does not tell: a recorder that synchronises two processors opens with a block of one sample.
    """
    packet = part.layout.packet(part.n_channels)
    n_packets = min((part.size - part.first_byte) // packet.itemsize, _TRIED_PACKETS)
    stream.seek(part.first_byte)
    heads = np.frombuffer(stream.read(n_packets * packet.itemsize), packet)
    return 2 * int(np.count_nonzero(_is_sound(heads))) > n_packets


def walk_packets(stream: BinaryIO, part: DataPart, *, progress: Progress | None = None) -> FoundData:
    """Find the stretches of a file of packets by the steps of their time stamps.

    A packet with a damaged header is left out, which is a gap of one sample.

    Raises
    ------
    RecordingError
        Nothing is left.
    """
    packet_bytes = part.layout.packet(part.n_channels).itemsize
    walk = _Walk(part, packet_bytes, StretchList(part.file))
    for heads in _chunks(stream, part, progress):
        walk.push(heads)
    walk.close()
    rest = (part.size - part.first_byte) % packet_bytes
    if rest:
        walk.found.lose(f"the last packet is cut after {rest} of {packet_bytes} bytes and left out")
    if walk.n_damaged:
        walk.found.lose(
            f"{walk.n_damaged} packets with a damaged header are left out, the first is packet {walk.first_damaged}"
        )
    return walk.found.found()


def _chunks(stream: BinaryIO, part: DataPart, progress: Progress | None) -> Iterator[NDArray[np.void]]:
    packet = part.layout.packet(part.n_channels)
    n_packets = (part.size - part.first_byte) // packet.itemsize
    a_chunk = max(_CHUNK_BYTES // packet.itemsize, 1)
    stream.seek(part.first_byte)
    for start in range(0, n_packets, a_chunk):
        yield np.frombuffer(stream.read(min(a_chunk, n_packets - start) * packet.itemsize), packet)
        if progress:
            progress(min(start + a_chunk, n_packets) * packet.itemsize, n_packets * packet.itemsize)


def _is_sound(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.asarray((heads["flag"] == 1) & (heads["n_samples"] == 1) & (heads["timestamp"] <= LARGEST_TICK))


@dataclass
class _Walk:
    """The stretch that is open (`first` to `last`), and what was found before it."""

    part: DataPart
    packet_bytes: int
    found: StretchList
    n_seen: int = 0
    n_damaged: int = 0
    first_damaged: int = -1
    first: _Packet | None = None
    last: _Packet | None = None
    opened_by_reset: bool = False

    def push(self, heads: NDArray[np.void]) -> None:
        """Take the next packets of the file."""
        sound = _is_sound(heads)
        kept = np.flatnonzero(sound)
        self._count_damaged(sound)
        index, tick = kept + self.n_seen, heads["timestamp"][kept].astype(np.int64)
        self.n_seen += len(heads)
        if len(index):
            for at in self._breaks(index, tick):
                before = _Packet(int(index[at - 1]), int(tick[at - 1])) if at else self.last
                self._open(_Packet(int(index[at]), int(tick[at])), before)
            self.last = _Packet(int(index[-1]), int(tick[-1]))

    def close(self) -> None:
        """Finish the open stretch."""
        if self.first is None or self.last is None:
            return
        header_bytes = self.packet_bytes - self.part.sample_bytes
        self.found.add(
            first_tick=self.first.tick,
            end_tick=self.last.tick + round(self.part.ticks_per_sample),
            n_samples=self.last.index - self.first.index + 1,
            byte=self.part.first_byte + self.first.index * self.packet_bytes + header_bytes,
            is_reset=self.opened_by_reset,
        )

    def _count_damaged(self, sound: NDArray[np.bool_]) -> None:
        damaged = np.flatnonzero(~sound)
        if len(damaged) and not self.n_damaged:
            self.first_damaged = self.n_seen + int(damaged[0])
        self.n_damaged += len(damaged)

    def _breaks(self, index: NDArray[Any], tick: NDArray[np.int64]) -> list[int]:
        """Places in the chunk where a packet does not continue the one before."""
        last = self.last or _Packet(int(index[0]) - 2, int(tick[0]))  # nothing before: the first opens a stretch
        steps, period = np.diff(tick, prepend=last.tick), float(self.part.ticks_per_sample)
        continues = (steps <= _LONGEST_STEP * period) & (steps >= _SHORTEST_STEP * period)
        continues &= np.diff(index, prepend=last.index) == 1
        return [int(at) for at in np.flatnonzero(~continues)]

    def _open(self, packet: _Packet, before: _Packet | None) -> None:
        """Close the open stretch at `before` and open the next at `packet`."""
        self.last = before
        self.close()
        step = packet.tick - before.tick if before else None
        self.opened_by_reset = step is not None and step < _SHORTEST_STEP * self.part.ticks_per_sample
        self.first = packet
