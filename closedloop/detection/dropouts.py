"""Where samples were written and nothing was measured: all electrodes of a bank stand still.

A cable that comes loose, a headstage without power or a lost link leaves the same value on all electrodes that share
it. Noise never does: a run of ten milliseconds without a change on every electrode of a bank is a gap of the recording
that the recorder did not mark. Its zeros would lower the noise, and with it the threshold, for all ten seconds around.

Every 75th or so row is kept in passing; where three follow each other without a change, and at a piece's edges, the
samples themselves are looked at. So it costs little, and each piece is judged by its own samples and those near it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.banks import banks_of
from closedloop.recording.source import SampleSource

STILL_MS = 10.0  # shortest run; a filter is also given so long to forget the steps at either end
_LOOKS = 4  # at least so many of the rows kept in passing lie within the shortest run
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Dropout:
    """Samples start to stop (exclusive) of a segment are no measurement on a bank, the filter's memory included."""

    bank: int
    start: int
    stop: int


def shortest_run(rate_hz: float) -> int:
    """Return the samples of the shortest run that is a dropout."""
    return math.ceil(STILL_MS / 1000 * rate_hz)


@dataclass
class RowsInPassing:
    """Keeps every so many-th row of samples start to stop of a segment while they pass by."""

    start: int
    stop: int
    every: int
    kept: list[NDArray[Any]] = field(default_factory=list)

    def see(self, first: int, rows: NDArray[Any]) -> None:
        """Take rows, the first of which is a sample's; they must follow one another."""
        rows = rows[: max(self.stop - first, 0)]
        self.kept.append(rows[(self.start - first) % self.every :: self.every].copy())


def rows_in_passing(start: int, stop: int, rate_hz: float) -> RowsInPassing:
    """Prepare for a piece.

    Parameters
    ----------
    start, stop
        Its samples.
    rate_hz
        Samples per second.
    """
    return RowsInPassing(start, stop, max(shortest_run(rate_hz) // _LOOKS, 1))


def find_dropouts(
    source: SampleSource, segment: int, passed: RowsInPassing, banks: NDArray[np.int64]
) -> tuple[Dropout, ...]:
    """Find the dropouts within a piece, in order of bank and time.

    Parameters
    ----------
    source, segment
        Of the piece.
    passed
        What was kept of all of it.
    banks
        Of each channel, (n_channels,).
    """
    least = shortest_run(source.rate_hz)
    n_samples = source.segments[segment].n_samples
    near = 2 * least
    edges = [
        (max(passed.start - near, 0), min(passed.start + near, n_samples)),
        (max(passed.stop - near, 0), min(passed.stop + near, n_samples)),
    ]
    kept = np.concatenate(passed.kept)
    found: list[Dropout] = []
    own_columns = {bank: np.flatnonzero(banks == bank) for bank in sorted(set(banks.tolist()))}
    within = {bank: _still_places(kept, columns, passed, n_samples) for bank, columns in own_columns.items()}
    at_edges = _looked_at(source, segment, edges)
    for bank, columns in own_columns.items():
        places = within[bank]
        for first, rows in at_edges:
            if _still(rows, columns).any():
                places.append((first, first + len(rows)))
        for first, stop in _joined(places):
            for start, end in _runs(source, segment, first, stop, columns):
                gone = Dropout(bank, max(start - least, passed.start), min(end + least, passed.stop))
                if end - start >= least and gone.start < gone.stop:
                    found.append(gone)
    return tuple(found)


def _looked_at(source: SampleSource, segment: int, spans: Sequence[tuple[int, int]]) -> list[tuple[int, NDArray[Any]]]:
    return [(start, np.asarray(source.read(segment, start, stop))) for start, stop in spans if start < stop]


def _still_places(
    kept: NDArray[Any], columns: NDArray[np.int64], passed: RowsInPassing, n_samples: int
) -> list[tuple[int, int]]:
    """Return where the rows kept in passing did not change, with the rows before and after."""
    is_still = np.concatenate([[False], _still(kept, columns)])
    enough = is_still.copy()
    for shift in range(1, _LOOKS - 1):
        enough[shift:] &= is_still[:-shift]
        enough[:shift] = False
    return [
        (
            max(passed.start + (place - _LOOKS) * passed.every, 0),
            min(passed.start + (place + 1) * passed.every + 1, n_samples),
        )
        for place in np.flatnonzero(enough).tolist()
    ]


def _still(rows: NDArray[Any], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each row but the first whether no column changed: most are told by the first column."""
    still = rows[1:, columns[0]] == rows[:-1, columns[0]]
    places = np.flatnonzero(still)
    for column in columns[1:].tolist():
        if len(places) == 0:
            break
        places = places[rows[places + 1, column] == rows[places, column]]
    still[:] = False
    still[places] = True
    return np.asarray(still)


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join spans that touch."""
    first = end = -1
    for start, stop in sorted(spans):
        if start > end:
            if end > first:
                yield first, end
            first = start
        end = max(end, stop)
    if end > first:
        yield first, end


def _runs(
    source: SampleSource, segment: int, first: int, stop: int, columns: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Find all runs of at least two rows without a change among samples first to stop, in bounded memory."""
    start: int | None = None
    for at in range(first, stop - 1, _ROWS_AT_ONCE):
        last = min(at + _ROWS_AT_ONCE + 1, stop)  # each change is seen once: the last row comes again
        is_still = _still(np.asarray(source.read(segment, at, last)), columns)
        turns = np.flatnonzero(np.diff(is_still.astype(np.int8), prepend=0 if start is None else 1)).tolist()
        for turn in turns:
            if is_still[turn]:
                start = at + turn
            elif start is not None:
                yield start, at + turn + 1
                start = None
    if start is not None:
        yield start, stop


def rows_gone(
    dropouts: Sequence[Dropout], banks: NDArray[np.int64], start: int, n_rows: int
) -> dict[int, NDArray[np.bool_]]:
    """Mark the rows of a piece that are no measurement, (n_rows,) by channel; without those that have none.

    Parameters
    ----------
    dropouts
        Of the piece.
    banks
        Of each channel, (n_channels,).
    start, n_rows
        First sample of the piece, and its length.
    """
    gone = {one.bank: np.zeros(n_rows, bool) for one in dropouts}
    for one in dropouts:
        gone[one.bank][one.start - start : one.stop - start] = True
    return {channel: gone[bank] for channel, bank in enumerate(banks.tolist()) if bank in gone}


@dataclass(frozen=True)
class BankDropout:
    """From a tick to another (exclusive) of a clock segment nothing was measured on a bank."""

    bank: int
    clock_segment: int
    first_tick: int
    end_tick: int


def dropouts_in_ticks(source: SampleSource, found: Sequence[tuple[int, Dropout]]) -> tuple[BankDropout, ...]:
    """Put the dropouts of all pieces on the recorder's clock, in order of bank and time, those that touch as one.

    Parameters
    ----------
    source
        The samples.
    found
        Each with its segment; of each bank in order of time.
    """
    joined: list[tuple[int, Dropout]] = []
    for segment, one in sorted(found, key=lambda pair: (pair[1].bank, pair[0], pair[1].start)):
        before = joined[-1] if joined else None
        if before and (before[0], before[1].bank) == (segment, one.bank) and one.start <= before[1].stop:
            joined[-1] = (segment, Dropout(one.bank, before[1].start, max(before[1].stop, one.stop)))
        else:
            joined.append((segment, one))
    return tuple(_in_ticks(source, segment, one) for segment, one in joined)


def _in_ticks(source: SampleSource, segment: int, one: Dropout) -> BankDropout:
    own = source.segments[segment]
    stop = min(one.stop, own.n_samples - 1)
    first, end = source.ticks(segment, np.array([one.start, stop])).tolist()
    return BankDropout(one.bank, own.clock_segment, first, own.end_tick if one.stop >= own.n_samples else end)


def dropout_lines(dropouts: Sequence[BankDropout], electrode_ids: Sequence[int], tick_hz: int) -> list[str]:
    """Say for each bank how long nothing was measured.

    Parameters
    ----------
    dropouts
        In order of bank and time.
    electrode_ids
        All that were looked at.
    tick_hz
        Ticks per second.
    """
    lines = []
    for bank in dict.fromkeys(one.bank for one in dropouts):
        ids = sorted(
            one for one, own in zip(electrode_ids, banks_of(electrode_ids).tolist(), strict=True) if own == bank
        )
        seconds = [(one.end_tick - one.first_tick) / tick_hz for one in dropouts if one.bank == bank]
        which = f"electrode {ids[0]}" if len(ids) == 1 else f"all {len(ids)} electrodes from {ids[0]} to {ids[-1]}"
        times = "once" if len(seconds) == 1 else f"{len(seconds):,} times"
        lines.append(
            f"{which} stood still {times}, {sum(seconds):,.2f} s in all: a dropout, taken for a gap of the recording"
        )
    return lines
