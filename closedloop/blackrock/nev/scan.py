"""One pass over all packets of a NEV file: how many of which kind, how the clock ran, when recording paused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import LARGEST_ELECTRODE
from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.layout import (
    COMMENT_PACKET,
    DIGITAL_PACKET,
    LARGEST_CHANNEL,
    RECORDING_PACKET,
)
from closedloop.blackrock.nev.packets import Packets, read_heads, ticks_of
from closedloop.blackrock.nev.runs import PacketRun, RunFinder
from closedloop.errors import RecordingError

CLOSE_S = 0.01  # packets this near a recording event may have been on their way
_N_KINDS = COMMENT_PACKET + 1
_NEVER = int(np.iinfo(np.int64).max)
_MOST_MARKS = 50_000  # recording events; a day has a handful


@dataclass(frozen=True)
class Marks:
    """Recording events (started, stopped, paused, resumed) in the file's order, shape (n,) each.

    `next_tick` is the earliest tick after the event among the packets up to the next one, other than those within 10 ms
    that may have been on their way; without any, the largest int64.
    """

    index: NDArray[np.int64]
    tick: NDArray[np.int64]
    next_tick: NDArray[np.int64]

    def between(self, first: int, stop: int) -> Marks:
        """Return the events among packets first to stop (exclusive)."""
        own = (self.index >= first) & (self.index < stop)
        return Marks(self.index[own], self.tick[own], self.next_tick[own])


@dataclass(frozen=True)
class NevScan:
    """What one pass over all packets finds.

    `n_by_kind` counts packets by their id, shape (65536,); of `strays`, which belong to no time, those in
    `blank` are zeros from end to end: a copy that was not finished has holes of them.
    """

    n_by_kind: NDArray[np.int64]
    runs: tuple[PacketRun, ...]
    strays: NDArray[np.int64]
    marks: Marks
    blank: NDArray[np.int64]

    @property
    def n_blank(self) -> int:
        """Packets of zeros."""
        return len(self.blank)

    @property
    def n_spikes(self) -> dict[int, int]:
        """Spike packets by electrode id."""
        ids = np.flatnonzero(self.n_by_kind[1 : LARGEST_ELECTRODE + 1]) + 1
        return {int(electrode): int(self.n_by_kind[electrode]) for electrode in ids}

    @property
    def n_digital(self) -> int:
        """Digital packets, parallel and serial."""
        return int(self.n_by_kind[DIGITAL_PACKET])

    @property
    def n_comments(self) -> int:
        """Comment packets."""
        return int(self.n_by_kind[COMMENT_PACKET])

    @property
    def n_other(self) -> int:
        """System packets that are not comments: video, tracking, buttons, logs, configuration, recording events."""
        return int(self.n_by_kind[LARGEST_CHANNEL + 1 : COMMENT_PACKET].sum())

    @property
    def n_of_other_channels(self) -> int:
        """Packets of channels above the electrodes' numbers: stimulation channels and analog inputs of Ripple's."""
        return int(self.n_by_kind[LARGEST_ELECTRODE + 1 : LARGEST_CHANNEL + 1].sum())

    @property
    def n_out_of_order(self) -> int:
        """Packets that stand later in the file than their time."""
        return sum(run.n_out_of_order for run in self.runs)


def scan_packets(
    file: Path,
    header: NevHeader,
    *,
    watch: Callable[[Packets], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> NevScan:
    """Pass over all packets, in bounded memory.

    Parameters
    ----------
    file
        The NEV.
    header
        Its header.
    watch
        Called with each batch of packets.
    progress
        Called with the number of packets of each batch.

    Raises
    ------
    RecordingError
        The file cannot be read, or its ticks make no sense.
    """
    n_by_kind = np.zeros(_N_KINDS, np.int64)
    finder = RunFinder(header.tick_hz, str(file))
    marks = _MarkFinder(int(CLOSE_S * header.tick_hz), file)
    blanks = _Blanks()
    n_packets = 0
    for batch in read_heads(file, header, progress=progress):
        ticks, kinds = ticks_of(batch), batch["kind"].copy()
        counts = np.bincount(kinds)
        n_by_kind[: len(counts)] += counts
        ticks = blanks.fill(batch, ticks, kinds)
        finder.add(ticks)
        marks.add(ticks, kinds)
        if watch is not None:
            index = np.arange(n_packets, n_packets + len(batch))
            watch(Packets(index, ticks, kinds, batch["detail"].copy(), batch["value"].copy()))
        n_packets += len(batch)
    runs = finder.finish()
    blank = blanks.index()
    n_by_kind[DIGITAL_PACKET] -= len(blank)
    strays = np.union1d(runs.strays, blank) if len(blank) else runs.strays
    return NevScan(n_by_kind, runs.runs, strays, marks.finish(), blank)


class _Blanks:
    """Finds packets of zeros and gives them the tick before them, so that they do not look like a reset."""

    def __init__(self) -> None:
        self._n_packets = 0
        self._last_tick = 0
        self._found: list[NDArray[np.int64]] = []

    def fill(self, batch: NDArray[np.void], ticks: NDArray[np.int64], kinds: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Take the next packets; return their ticks with those of blank ones filled."""
        first, self._n_packets = self._n_packets, self._n_packets + len(ticks)
        if ticks.all():
            self._last_tick = int(ticks[-1])
            return ticks
        blank = (ticks == 0) & (kinds == DIGITAL_PACKET) & (batch["detail"] == 0) & (batch["value"] == 0)
        self._found.append(first + np.flatnonzero(blank))
        place = np.maximum.accumulate(np.where(blank, -1, np.arange(len(ticks))))
        ticks = np.where(place >= 0, ticks[place], self._last_tick)
        self._last_tick = int(ticks[-1])
        return ticks

    def index(self) -> NDArray[np.int64]:
        """Return which packets of the file they are."""
        return np.concatenate([np.zeros(0, np.int64), *self._found])


class _MarkFinder:
    """Collects recording events and looks what follows each of them, batch by batch."""

    def __init__(self, close: int, file: Path) -> None:
        self._close, self._file = close, file
        self._n_packets = 0
        self._rows: list[list[int]] = []  # index, tick, next tick

    def add(self, ticks: NDArray[np.int64], kinds: NDArray[np.uint16]) -> None:
        """Take the next packets."""
        at = np.flatnonzero(kinds == RECORDING_PACKET)
        if len(self._rows) + len(at) > _MOST_MARKS:
            raise RecordingError(
                f"{self._file}: expected at most {_MOST_MARKS} events of recording started, stopped, paused or "
                "resumed, found more. The packets make no sense: copy the file again."
            )
        self._follow(ticks[: at[0]] if len(at) else ticks)
        for start, stop in pairwise([*at.tolist(), len(ticks)]):
            self._rows.append([self._n_packets + start, int(ticks[start]), _NEVER])
            self._follow(ticks[start:stop])
        self._n_packets += len(ticks)

    def _follow(self, ticks: NDArray[np.int64]) -> None:
        """Take packets after the latest event."""
        if self._rows:
            mark = self._rows[-1]
            mark[2] = min(mark[2], _next_tick(ticks, mark[1] + self._close))

    def finish(self) -> Marks:
        return Marks(*np.array(self._rows, np.int64).reshape(-1, 3).T)


def _next_tick(ticks: NDArray[np.int64], after: int) -> int:
    later = ticks[ticks > after]
    return int(later.min()) if len(later) else _NEVER
