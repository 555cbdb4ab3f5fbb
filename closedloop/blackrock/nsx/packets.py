"""The walk over an NSx file with a time stamp for every sample (3.0 PTP), in bounded memory.

Its clock is disciplined by a network's: it drifts against the sampling rate by design, so that only a step from one
packet to the next shows a gap or a jump; a comparison with the first packet would find both where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.header_fields import read_into
from closedloop.blackrock.nsx.walk import LARGEST_TICK, DataPart, FoundData, RunList

_LONGEST_STEP, _SHORTEST_STEP = 1.5, 0.5  # in nominal periods: beyond lies a gap, below a backward jump
_CHUNK_BYTES = 1 << 20
_TRIED_PACKETS = 16


@dataclass(frozen=True)
class _Packet:
    """Where a packet stands in the file's order, and its time stamp."""

    index: int
    tick: int


def has_a_header_for_each_sample(stream: BinaryIO, part: DataPart) -> bool:
    """Return whether these are PTP packets, not ordinary blocks in nanoseconds.

    Most of the first packets then have one sample and flag 1. The first alone does not decide: a recorder that
    synchronises two processors opens with a block of one sample.
    """
    packet = part.layout.packet(part.n_channels)
    n_packets = min((part.size - part.first_byte) // packet.itemsize, _TRIED_PACKETS)
    stream.seek(part.first_byte)
    heads = np.frombuffer(stream.read(n_packets * packet.itemsize), packet)
    return 2 * int(np.count_nonzero(_is_sound(heads))) > n_packets


def walk_packets(stream: BinaryIO, part: DataPart, *, progress: Callable[[int, int], None] | None = None) -> FoundData:
    """Find the segments of a file of packets by the steps of their time stamps.

    A packet with a damaged header or time stamp is left out, which is a hole of one sample.

    Parameters
    ----------
    stream
        The open file.
    part
        Where its packets start, and what they look like.
    progress
        Called with (done, total) bytes.

    Raises
    ------
    RecordingError
        Nothing is left.
    """
    walk = _Walk(part, RunList(part))
    for heads in _chunks(stream, part, progress):
        walk.push(heads)
    walk.finish()
    packet_bytes = part.layout.packet(part.n_channels).itemsize
    rest = (part.size - part.first_byte) % packet_bytes
    if rest:
        walk.found.lose(f"the last packet is cut after {rest} of {packet_bytes} bytes and left out")
    if walk.n_damaged:
        walk.found.lose(f"{walk.n_damaged} packets with a damaged header, first packet {walk.first_damaged}, left out")
    if walk.n_misdated:
        walk.found.lose(f"{walk.n_misdated} packets with a damaged time stamp left out")
    return walk.found.found()


def _chunks(
    stream: BinaryIO, part: DataPart, progress: Callable[[int, int], None] | None
) -> Iterator[NDArray[np.void]]:
    """Read packets into a buffer, which the next read overwrites."""
    packet = part.layout.packet(part.n_channels)
    n_packets = (part.size - part.first_byte) // packet.itemsize
    buffer = np.empty(max(min(_CHUNK_BYTES // packet.itemsize, n_packets), 1), packet)
    stream.seek(part.first_byte)
    for start in range(0, n_packets, len(buffer)):
        heads = buffer[: n_packets - start]
        read_into(stream, heads, part.first_byte + start * packet.itemsize, file=part.file)
        yield heads
        if progress:
            progress((start + len(heads)) * packet.itemsize, n_packets * packet.itemsize)


def _is_sound(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.asarray((heads["flag"] == 1) & (heads["n_samples"] == 1) & (heads["timestamp"] <= LARGEST_TICK))


@dataclass(frozen=True)
class _Stamps:
    """Sound packets in the file's order: their places and time stamps, shape (n_packets,)."""

    index: NDArray[np.int64]
    tick: NDArray[np.int64]

    def at(self, place: int) -> _Packet:
        return _Packet(int(self.index[place]), int(self.tick[place]))

    def then(self, other: _Stamps) -> _Stamps:
        return _Stamps(np.concatenate([self.index, other.index]), np.concatenate([self.tick, other.tick]))

    def take(self, rows: NDArray[np.bool_] | slice) -> _Stamps:
        return _Stamps(self.index[rows], self.tick[rows])


_NONE = _Stamps(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass
class _Walk:
    """The run that is open (`first` to `last`), the packet after it that waits for the next, and what was found.

    `n_damaged` counts packets without a sound header, `n_misdated` single ones whose time stamp alone is out of line.
    """

    part: DataPart
    found: RunList
    n_seen: int = 0
    n_damaged: int = 0
    first_damaged: int = -1
    n_misdated: int = 0
    waiting: _Stamps = _NONE
    first: _Packet | None = None
    last: _Packet | None = None

    def push(self, heads: NDArray[np.void]) -> None:
        """Take the next packets of the file."""
        sound = _is_sound(heads)
        self._count_damaged(sound)
        kept = np.flatnonzero(sound)
        run = self.waiting.then(_Stamps(kept + self.n_seen, heads["timestamp"][kept].astype(np.int64)))
        self.n_seen += len(heads)
        self.waiting = run.take(slice(-1, None))
        self._follow(run)

    def finish(self) -> None:
        """Take the packet that waits, and close the last run."""
        self._follow(self.waiting.then(_Stamps(self.waiting.index + 2, self.waiting.tick)))
        self._close()

    def _count_damaged(self, sound: NDArray[np.bool_]) -> None:
        damaged = np.flatnonzero(~sound)
        if len(damaged) and not self.n_damaged:
            self.first_damaged = self.n_seen + int(damaged[0])
        self.n_damaged += len(damaged)

    def _follow(self, run: _Stamps) -> None:
        """Go along all packets but the last, which only shows what comes after them."""
        before = _NONE if self.last is None else _Stamps(np.array([self.last.index]), np.array([self.last.tick]))
        misdated = self._is_misdated(before.then(run))[len(before.index) :]
        self.n_misdated += int(np.count_nonzero(misdated))
        run = run.take(slice(None, -1)).take(~misdated)
        if len(run.index) == 0:
            return
        for place in self._breaks(run):
            self._open(run.at(place), run.at(place - 1) if place else self.last)
        self.last = run.at(-1)

    def _is_misdated(self, run: _Stamps) -> NDArray[np.bool_]:
        """Find, among all but the last, packets between two that are two periods apart, themselves out of line."""
        misdated = np.zeros(max(len(run.index) - 1, 0), bool)
        if len(run.index) >= 3:
            off = ~self._continues(run)
            across, apart = run.tick[2:] - run.tick[:-2], run.index[2:] - run.index[:-2]
            period = float(self.part.ticks_per_sample)
            in_line = (abs(across - 2 * period) <= period / 2) & (apart == 2)
            misdated[1:] = off[:-1] & off[1:] & in_line
        return misdated

    def _continues(self, run: _Stamps) -> NDArray[np.bool_]:
        """Return for each packet but the first whether it continues the one before."""
        steps, period = np.diff(run.tick), float(self.part.ticks_per_sample)
        in_time = (steps >= _SHORTEST_STEP * period) & (steps <= _LONGEST_STEP * period)
        return np.asarray(in_time & (np.diff(run.index) == 1))

    def _breaks(self, run: _Stamps) -> list[int]:
        """Find the places in a run where a packet does not continue the one before."""
        if self.last is None:
            return [0, *(np.flatnonzero(~self._continues(run)) + 1).tolist()]
        before = _Stamps(np.array([self.last.index]), np.array([self.last.tick]))
        return [int(place) for place in np.flatnonzero(~self._continues(before.then(run)))]

    def _open(self, packet: _Packet, before: _Packet | None) -> None:
        """Close the open run at `before` and open the next at `packet`."""
        self.last = before
        self._close()
        self.first = packet

    def _close(self) -> None:
        if self.first is None or self.last is None:
            return
        packet_bytes = self.part.layout.packet(self.part.n_channels).itemsize
        self.found.add(
            first_tick=self.first.tick,
            end_tick=self.last.tick + round(self.part.ticks_per_sample),
            n_samples=self.last.index - self.first.index + 1,
            byte=self.part.first_byte + (self.first.index + 1) * packet_bytes - self.part.sample_bytes,
        )
