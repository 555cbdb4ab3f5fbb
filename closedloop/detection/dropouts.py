"""Where samples were written and nothing was measured: all electrodes of a bank stand still.

A cable that comes loose, a headstage without power or a lost link leaves the same value on all electrodes that share
it. Noise never does: a run of ten milliseconds without a change on every electrode of a bank is a gap of the recording
that the recorder did not mark. Its zeros would lower the noise, and with it the threshold, for all ten seconds around.

Shorter runs lower the noise too where there are many. They count from the length on that the noise itself never has by
chance (five samples, mostly): no part of the noise, no crossings in them, and told. But they are bridged: what is
around them was recorded. Only where they make up ten of a hundred milliseconds are they gaps too.

Every 75th or so row is kept in passing, and the row beside it. Where three kept rows follow each other without a
change, and at a piece's edges, the samples themselves are looked at; where a row is as the one beside it, all of the
piece. So it costs little, and each piece is judged by its own samples and those near it. A few runs of less than 2.5 ms
in a piece may be passed over: so few move no threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.banks import banks_of
from closedloop.recording.source import SampleSource

STILL_MS = 10.0  # shortest run; a filter is also given so long to forget the steps at either end
_LOOKS = 4  # at least so many of the rows kept in passing lie within the shortest run
_ROWS_AT_ONCE = 4096
_LEAST_STILL = 5  # samples of a short run
_BY_CHANCE = 1e-6  # runs of noise in a piece that are taken for one
_NEAR = 10  # times the shortest run: how near each other
_GAP = "a dropout, taken for a gap of the recording"
_MOST_ASKED = 64  # pairs of a piece that are looked at before all of it is


@dataclass(frozen=True)
class Dropout:
    """Samples start to stop (exclusive) of a segment are no measurement on a bank, the filter's memory included.

    One that `is_short` is bridged: no gap of the recording.
    """

    bank: int
    start: int
    stop: int
    is_short: bool = False


def shortest_run(rate_hz: float) -> int:
    """Return the samples of the shortest run that is a dropout."""
    return math.ceil(STILL_MS / 1000 * rate_hz)


@dataclass
class RowsInPassing:
    """Keeps every so many-th row of samples start to stop of a segment, and one beside each, while they pass by."""

    start: int
    stop: int
    every: int
    n_seen: int = 0
    _room: NDArray[Any] | None = None

    @property
    def pairs(self) -> NDArray[Any]:
        """What was kept so far, (n_seen, 2, n_channels)."""
        return np.zeros((0, 2, 1), np.int16) if self._room is None else self._room[: self.n_seen]

    def see(self, first: int, rows: NDArray[Any]) -> None:
        """Take rows, C-contiguous, the first of which is a sample's; they must follow one another."""
        rows = rows[: max(self.stop - first, 0)]
        at = (self.start - first) % self.every
        n = max(-(-(len(rows) - at) // self.every), 0)
        if n == 0:
            return
        if self._room is None:
            self._room = np.empty((-(-(self.stop - self.start) // self.every), 2, rows.shape[1]), rows.dtype)
        own = self._room[self.n_seen : self.n_seen + n]
        self.n_seen += n
        last = at + (n - 1) * self.every
        if last == len(rows) - 1:  # the row after it is yet to come: take the one before
            own[-1] = rows[[last, max(last - 1, 0)]]
            own = own[:-1]
        by_row, by_column = rows.strides  # in one go, because this is done for every block
        strides = (self.every * by_row, by_row, by_column)
        own[...] = np.ndarray(own.shape, rows.dtype, rows, at * by_row, strides)


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
    kept, beside = passed.pairs[:, 0], passed.pairs[:, 1]
    found: list[Dropout] = []
    own_columns = {bank: np.flatnonzero(banks == bank) for bank in sorted(set(banks.tolist()))}
    within = {bank: _still_places(kept, columns, passed, n_samples) for bank, columns in own_columns.items()}
    at_edges = _looked_at(source, segment, edges)
    for bank, columns in own_columns.items():
        still_at_edges = [(first, _still(rows, columns)) for first, rows in at_edges]
        places = within[bank] + [(first, first + len(one) + 1) for first, one in still_at_edges if one.any()]
        alike = passed.start + passed.every * _alike(kept, beside, columns)
        has_short = len(columns) > 1 and (
            any(_has_run(one) for _, one in still_at_edges) or _is_suspect(source, segment, alike, columns)
        )
        if has_short:
            places = [(max(passed.start - near, 0), min(passed.stop + near, n_samples))]
        runs = [run for first, stop in _joined(places) for run in _runs(source, segment, first, stop, columns)]
        long = [(*run, False) for run in runs if run[1] - run[0] >= least]
        short = _short_runs(source, segment, runs, places[0]) if has_short else []
        for start, end, is_short in sorted(long + short):
            around = 0 if is_short else least  # a line over the short leaves the filter nothing to forget
            gone = Dropout(bank, max(start - around, passed.start), min(end + around, passed.stop), is_short)
            if gone.start < gone.stop:
                found.append(gone)
    return tuple(found)


def _short_runs(
    source: SampleSource, segment: int, runs: Sequence[tuple[int, int]], span: tuple[int, int]
) -> list[tuple[int, int, bool]]:
    """Return which runs are short dropouts, and whether each is one still: many that are near each other are gaps."""
    least = shortest_run(source.rate_hz)
    shortest = _shortest_of(runs, span[1] - span[0], least)
    bridged = source.bridged(segment, *span)  # the line over a hole is no run
    short = np.array([run for run in runs if shortest <= run[1] - run[0] < least], np.int64).reshape(-1, 2)
    short = short[np.diff(np.searchsorted(bridged, short), axis=1)[:, 0] == 0]
    starts, length_before = short[:, 0], np.concatenate([[0], np.cumsum(short[:, 1] - short[:, 0])])
    is_short = np.ones(len(short), bool)
    ends = np.searchsorted(starts, starts + _NEAR * least)
    for first in np.flatnonzero(length_before[ends] - length_before[:-1] >= least).tolist():
        is_short[first : ends[first]] = False
    return [(*run, one) for run, one in zip(short.tolist(), is_short.tolist(), strict=True)]


def _is_suspect(source: SampleSource, segment: int, alike: NDArray[np.int64], columns: NDArray[np.int64]) -> bool:
    """Return whether a sample that is as the one beside it, or one of many such, stands in a run of `_LEAST_STILL`."""
    asked = alike[:: max(-(-len(alike) // _MOST_ASKED), 1)]
    n_samples = source.segments[segment].n_samples
    spans = [(max(one - _LEAST_STILL, 0), min(one + _LEAST_STILL + 1, n_samples)) for one in asked.tolist()]
    return any(_has_run(_still(rows, columns)) for _, rows in _looked_at(source, segment, spans))


def _has_run(is_still: NDArray[np.bool_]) -> bool:
    """Return whether `_LEAST_STILL` rows follow each other without a change."""
    places = np.flatnonzero(is_still)
    apart = _LEAST_STILL - 2
    return bool((places[apart:] - places[: max(len(places) - apart, 0)] == apart).any())


def _shortest_of(runs: Sequence[tuple[int, int]], n_rows: int, least: int) -> int:
    """Return from which length on runs are too long for the noise, judged by how often those shorter than that are.

    Of n rows a share p is as the one before, and of these a share q is followed by another one. With many electrodes
    that change a lot p is about 0; with two of few bits it is not. Then n p q^(length - 2) runs are as long by chance.

    Parameters
    ----------
    runs
        Of at least two rows without a change.
    n_rows
        Among how many.
    least
        From which length on a run is a gap in any case.
    """
    lengths = np.array([stop - start for start, stop in runs], np.int64)
    for shortest in range(_LEAST_STILL, least):
        shorter = lengths[lengths < shortest]
        n_still, n_followed = max(int((shorter - 1).sum()), 1), int(np.maximum(shorter - 2, 0).sum())
        again = max(n_followed / n_still, n_still / n_rows)
        if n_still * again ** (shortest - 2) < _BY_CHANCE:
            return shortest
    return least


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
    """Return for each row but the first whether no column changed."""
    still = np.zeros(max(len(rows) - 1, 0), bool)
    still[_alike(rows[1:], rows[:-1], columns)] = True
    return still


def _alike(rows: NDArray[Any], others: NDArray[Any], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which rows are as the others in all columns: most are told by the first column."""
    places = np.flatnonzero(rows[:, columns[0]] == others[:, columns[0]])
    for column in columns[1:].tolist():
        if len(places) == 0:
            break
        places = places[rows[places, column] == others[places, column]]
    return places


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
    """From a tick to another (exclusive) of a clock segment nothing was measured on a bank; one may be bridged."""

    bank: int
    clock_segment: int
    first_tick: int
    end_tick: int
    is_short: bool = False


def dropouts_in_ticks(source: SampleSource, found: Sequence[tuple[int, Dropout]]) -> tuple[BankDropout, ...]:
    """Put the dropouts of all pieces on the recorder's clock, in order of bank and time, the short ones last.

    Those that touch are one.

    Parameters
    ----------
    source
        The samples.
    found
        Each with its segment; of each bank in order of time.
    """
    joined: list[tuple[int, Dropout]] = []
    for segment, one in sorted(found, key=lambda pair: (pair[1].is_short, pair[1].bank, pair[0], pair[1].start)):
        before = joined[-1] if joined else None
        of_one = before and (before[0], before[1].bank, before[1].is_short) == (segment, one.bank, one.is_short)
        if before and of_one and one.start <= before[1].stop:
            joined[-1] = (segment, replace(one, start=before[1].start, stop=max(before[1].stop, one.stop)))
        else:
            joined.append((segment, one))
    return tuple(_in_ticks(source, segment, one) for segment, one in joined)


def _in_ticks(source: SampleSource, segment: int, one: Dropout) -> BankDropout:
    own = source.segments[segment]
    stop = min(one.stop, own.n_samples - 1)
    first, end = source.ticks(segment, np.array([one.start, stop])).tolist()
    end = own.end_tick if one.stop >= own.n_samples else end
    return BankDropout(one.bank, own.clock_segment, first, end, one.is_short)


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
    for bank, is_short in dict.fromkeys((one.bank, one.is_short) for one in dropouts):
        ids = sorted(
            one for one, own in zip(electrode_ids, banks_of(electrode_ids).tolist(), strict=True) if own == bank
        )
        seconds = [
            (one.end_tick - one.first_tick) / tick_hz
            for one in dropouts
            if (one.bank, one.is_short) == (bank, is_short)
        ]
        which = f"electrode {ids[0]}" if len(ids) == 1 else f"all {len(ids)} electrodes from {ids[0]} to {ids[-1]}"
        times = "once" if len(seconds) == 1 else f"{len(seconds):,} times"
        lines.append(
            f"{which} stood still {times}, {sum(seconds):,.2f} s in all: "
            + (
                "dropouts shorter than 10 ms, bridged: no part of the noise, and without crossings"
                if is_short
                else _GAP
            )
        )
    return lines
