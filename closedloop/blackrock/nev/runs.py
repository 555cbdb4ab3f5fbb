"""Runs of the recorder's clock, as the ticks of a NEV's packets show them in the file's order.

Packet streams of the recorder overtake one another by a few ticks: a step back below a second is jitter. A larger one
is a reset of the clock and opens the next run - but not where one to three packets alone carry an absurd tick (a
flipped bit) and the clock goes on after them where it was: these are strays and belong to no time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import RecordingError

JITTER_S = 1.0  # a step back of less is jitter between packet streams
_MOST_STRAYS = 3  # packets in a row; and so many are too few to tell where the clock was before
_RESUMES_WITHIN = 10  # after strays the clock goes on nearer to where it was than a tenth of the way they were off
_RESUMES_S = 0.1  # and may be this much behind, for jitter
_MOST_RUNS = 1000  # a day has a handful; noise has as many as packets
_MOST_STRAY_GROUPS = 200_000  # flipped bits are a handful, too; each is looked at one by one
_NO_SILENCES = np.zeros((0, 2), np.int64)
_BLOCK = 1 << 15  # packets looked at in one go
_BLOCK_AFTER_STRANGE = 64  # a strange one costs looking at the rest of its block again: the next blocks are short


@dataclass(frozen=True)
class PacketRun:
    """Packets between two resets of the clock.

    Attributes
    ----------
    first_packet, end_packet
        Where it stands in the file, strays included.
    first_tick, last_tick
        The earliest and the latest tick.
    n_packets
        Without strays.
    n_out_of_order
        Packets that stand later in the file than their time.
    silences
        Pairs of ticks, shape (n, 2), between which, for more than a second, there was no packet of any kind.
    deepest_fall, fall_packet, fall_high
        By how many ticks the packet furthest behind the latest one before it is behind, which it is, and the tick of
        the latest one.
    """

    first_packet: int
    end_packet: int
    first_tick: int
    last_tick: int
    n_packets: int
    n_out_of_order: int
    silences: NDArray[np.int64]
    deepest_fall: int = 0
    fall_packet: int = -1
    fall_high: int = -1


@dataclass(frozen=True)
class PacketRuns:
    """All runs of a file in its order, and the packets that belong to none."""

    runs: tuple[PacketRun, ...]
    strays: NDArray[np.int64]


class RunFinder:
    """Finds runs from ticks that come batch by batch; holds a few packets.

    Parameters
    ----------
    tick_hz
        Ticks per second.
    place
        The file, for messages.
    """

    def __init__(self, tick_hz: int, place: str) -> None:
        self._limit = int(JITTER_S * tick_hz)
        self._behind = int(_RESUMES_S * tick_hz)
        self._place = place
        self._ticks = np.zeros(0, np.int64)  # from the last few packets that were looked at on
        self._base = 0  # packet index of the first of them
        self._next = 0  # position in them of the next packet to look at
        self._highs: list[int] = []  # latest tick of the run, after each of the last few packets that were looked at
        self._run: PacketRun | None = None
        self._silences: list[NDArray[np.int64]] = []
        self._runs: list[PacketRun] = []
        self._strays: list[int] = []
        self._n_stray_groups = 0
        self._block = _BLOCK

    def add(self, ticks: NDArray[np.int64]) -> None:
        """Take the next packets' ticks."""
        kept = max(0, self._next - _MOST_STRAYS)
        self._ticks = np.concatenate([self._ticks[kept:], ticks])
        self._base, self._next = self._base + kept, self._next - kept
        self._look(len(self._ticks) - _MOST_STRAYS)

    def finish(self) -> PacketRuns:
        """Look at the last packets and give what was found."""
        self._look(len(self._ticks))
        self._close()
        return PacketRuns(tuple(self._runs), np.array(self._strays, np.int64))

    def _look(self, stop: int) -> None:
        while self._next < stop:
            block = self._ticks[self._next : min(self._next + self._block, stop)]
            if self._run is None:
                self._open(int(block[0]))
            highs = np.maximum.accumulate(block)
            if highs[0] < self._run_high():
                np.maximum(highs, self._run_high(), out=highs)
            behind = highs - block
            is_near = behind.max() <= self._limit
            n_good = len(block) if is_near else int((behind > self._limit).argmax())
            self._accept(block[:n_good], highs[:n_good], behind[:n_good])
            self._block = min(2 * self._block, _BLOCK) if is_near else _BLOCK_AFTER_STRANGE
            if not is_near:
                self._judge()

    def _run_high(self) -> int:
        return self._highs[-1] if self._highs else -1

    def _open(self, tick: int) -> None:
        at = self._base + self._next
        self._run = PacketRun(at, at, tick, tick, 0, 0, _NO_SILENCES)
        self._highs, self._silences = [], []

    def _close(self) -> None:
        if self._run is None:
            return
        if len(self._runs) == _MOST_RUNS:
            raise RecordingError(
                f"{self._place}: expected at most {_MOST_RUNS} resets of the clock, found more. "
                "The packets' time stamps make no sense: copy the file again."
            )
        end = self._base + self._next
        silences = np.concatenate([_NO_SILENCES, *self._silences])
        self._runs.append(replace(self._run, end_packet=end, last_tick=self._run_high(), silences=silences))
        self._run = None

    def _accept(self, ticks: NDArray[np.int64], highs: NDArray[np.int64], behind: NDArray[np.int64]) -> None:
        if len(ticks) == 0 or self._run is None:
            return
        n_late = int(np.count_nonzero(behind))
        if n_late and behind.max() > self._run.deepest_fall:
            at = int(behind.argmax())
            self._run = replace(
                self._run,
                deepest_fall=int(behind[at]),
                fall_packet=self._base + self._next + at,
                fall_high=int(highs[at]),
            )
        silences = _silences(highs, self._highs[-1:], self._limit)
        if len(silences):
            self._silences.append(silences)
        self._run = replace(
            self._run,
            first_tick=min(self._run.first_tick, int(ticks.min() if n_late else ticks[0])),
            n_packets=self._run.n_packets + len(ticks),
            n_out_of_order=self._run.n_out_of_order + n_late,
        )
        self._highs = [*self._highs, *highs[-_MOST_STRAYS - 1 :].tolist()][-_MOST_STRAYS - 1 :]
        self._next += len(ticks)

    def _judge(self) -> None:
        """Decide what the next packet is, more than a second before the run's latest: a reset, or near strays."""
        found = self._excursion()
        if found is None:
            self._close()
            return
        self._n_stray_groups += 1
        if self._n_stray_groups > _MOST_STRAY_GROUPS:
            raise RecordingError(
                f"{self._place}: expected absurd time stamps here and there, found them in more than "
                f"{_MOST_STRAY_GROUPS} places. The packets' time stamps make no sense: copy the file again."
            )
        n_before, n_after = found
        self._forget(n_before)
        self._strays += range(self._base + self._next, self._base + self._next + n_before + n_after)
        self._next += n_before + n_after
        self._highs = self._highs[-1:]  # what stands before the strays is not looked at again

    def _excursion(self) -> tuple[int, int] | None:
        """Look for one to three packets around the next one, after which the clock goes on where it was before."""
        for length in range(1, _MOST_STRAYS + 1):
            for n_before in range(length + 1):
                if self._resumes(n_before, length - n_before):
                    return n_before, length - n_before
        return None

    def _resumes(self, n_before: int, n_after: int) -> bool:
        """Whether the packets are all off by more than a second, and the one after them goes on where it was."""
        first, after = self._next - n_before, self._next + n_after
        n_known = 0 if self._run is None else self._run.n_packets - n_before
        if n_known <= _MOST_STRAYS or n_before >= len(self._highs) or after >= len(self._ticks):
            return False
        high = self._highs[-1 - n_before]
        ahead = int(self._ticks[after]) - high
        off = int(np.abs(self._ticks[first:after] - high).min())
        return off > self._limit and -self._behind <= ahead <= off // _RESUMES_WITHIN

    def _forget(self, n_packets: int) -> None:
        """Take the last packets out of the run again."""
        if n_packets == 0 or self._run is None:
            return
        self._next -= n_packets
        n_late = int(np.count_nonzero(self._ticks[self._next : self._next + n_packets] < self._highs[-n_packets:]))
        self._highs = self._highs[:-n_packets]
        while self._silences and self._silences[-1][-1, 1] > self._highs[-1]:
            last = self._silences.pop()
            kept = last[last[:, 1] <= self._highs[-1]]
            if len(kept):
                self._silences.append(kept)
        self._run = replace(
            self._run,
            n_packets=self._run.n_packets - n_packets,
            n_out_of_order=self._run.n_out_of_order - n_late,
        )


def _silences(highs: NDArray[np.int64], before: list[int], limit: int) -> NDArray[np.int64]:
    highs = np.concatenate([np.array(before, np.int64), highs])
    steps = np.diff(highs)
    if not len(steps) or steps.max() <= limit:
        return _NO_SILENCES
    at = np.flatnonzero(steps > limit)
    return np.stack([highs[at], highs[at + 1]], axis=1)


def find_runs(batches: Iterable[NDArray[np.int64]], *, tick_hz: int, place: str = "ticks") -> PacketRuns:
    """Find the runs of all batches of ticks.

    Parameters
    ----------
    batches
        Ticks in the file's order, shape (n,) each.
    tick_hz
        Ticks per second.
    place
        The file, for messages.
    """
    finder = RunFinder(tick_hz, place)
    for ticks in batches:
        finder.add(ticks)
    return finder.finish()
