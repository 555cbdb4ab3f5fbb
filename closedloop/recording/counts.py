"""Spikes of every presentation on every electrode, in memory that does not grow with the number of spikes.

A presentation is known by (clock segment, tick) of its onset. Windows are half-open: a spike exactly at the start is
counted, one exactly at the stop is not. Where something around an onset was not recorded, counts are NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.spikes import Spikes, in_order

RESPONSE_WINDOW_MS = (70.0, 170.0)  # after onset, half-open (section 3.1)

_N_RECORDER_NUMBERS = 1 << 16  # electrode ids are 16-bit
_ELSEWHERE = -1  # column of an electrode that was not asked for

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SpikeCounter:
    """Spikes in bins after every onset, counted from parts of a recording.

    Made by `spike_counter`; `add` it the parts, in any order; then read `counts`, or `psth` for means over the
    presentations of a condition.

    Attributes
    ----------
    clock_segment
        Clock segment of each presentation, -1 where its onset is unknown, shape (n_presentations,).
    edge_tick
        First tick that belongs to each bin, and the one after the last bin, shape (n_presentations, n_bins + 1).
    row
        Row of `total` that each presentation adds to: itself, or its condition, shape (n_presentations,).
    column_of
        Column of `total` by the recorder's number, -1 for none, shape (65536,).
    total
        Spikes so far, shape (n_rows, n_electrodes, n_bins).
    width_s
        Length of each bin in seconds, shape (n_bins,).
    """

    clock_segment: Integers
    edge_tick: Integers
    row: Integers
    column_of: NDArray[np.int16]
    total: Floats
    width_s: Floats

    def add(self, spikes: Spikes) -> None:
        """Count a part: every spike of the recording belongs to exactly one part; within it they are in order."""
        for clock_segment in (
            range(int(spikes.clock_segment[0]), int(spikes.clock_segment[-1]) + 1) if len(spikes) else ()
        ):
            own = slice(*np.searchsorted(spikes.clock_segment, [clock_segment, clock_segment + 1]))
            self._add_clock_segment(clock_segment, spikes.tick[own], self.column_of[spikes.electrode_id[own]])

    def _add_clock_segment(self, clock_segment: int, tick: Integers, column: NDArray[np.int16]) -> None:
        if len(tick) == 0:
            return
        near = np.flatnonzero(
            (self.clock_segment == clock_segment)
            & (self.edge_tick[:, 0] <= tick[-1])
            & (self.edge_tick[:, -1] > tick[0])
        )
        if len(near) == 0:
            return
        order = np.argsort(column, kind="stable")
        bounds = np.searchsorted(column[order], np.arange(self.total.shape[1] + 1))
        near = near[np.argsort(self.row[near], kind="stable")]
        edges = self.edge_tick[near]
        rows, first_of_row = np.unique(self.row[near], return_index=True)
        for place, (low, high) in enumerate(pairwise(bounds.tolist())):
            if low < high:
                counted = np.diff(np.searchsorted(tick[order[low:high]], edges), axis=1)
                self.total[rows, place] += np.add.reduceat(counted, first_of_row)

    @property
    def n_usable(self) -> Integers:
        """Presentations with an onset behind each row, shape (n_rows,)."""
        return np.bincount(self.row[self.clock_segment >= 0], minlength=len(self.total))

    def counts(self) -> Floats:
        """Return the spikes of each row, shape (n_rows, n_electrodes, n_bins); NaN where no presentation is usable."""
        return np.where((self.n_usable > 0)[:, None, None], self.total, np.nan)

    def psth(self) -> Floats:
        """Return the mean rate over the usable presentations of each row, spikes per second, shaped as `counts`."""
        return np.asarray(self.counts() / np.maximum(self.n_usable, 1)[:, None, None] / self.width_s)


def spike_counter(
    onset_clock_segment: NDArray[np.integer],
    onset_tick: Floats,
    *,
    electrodes: Sequence[int],
    tick_hz: float,
    edges_ms: Sequence[float] = RESPONSE_WINDOW_MS,
    condition: Integers | None = None,
    n_conditions: int | None = None,
) -> SpikeCounter:
    """Make a counter of spikes in half-open bins after every onset.

    Parameters
    ----------
    onset_clock_segment, onset_tick
        Photodiode onset of each presentation, shape (n_presentations,); the tick may lie between two ticks and is NaN
        where the presentation cannot be used.
    electrodes
        Recorder's numbers, one a column.
    tick_hz
        Ticks per second.
    edges_ms
        Ascending edges of the bins in milliseconds after onset: two for one window.
    condition
        Which condition each presentation belongs to, from 0, shape (n_presentations,): the rows of the result are
        conditions, not presentations. 90,000 presentations x 192 sites x 60 bins would be 8 GB.
    n_conditions
        Rows of the result; one more than the largest condition if None.

    Raises
    ------
    ValueError
        Fewer than two edges, or edges that do not ascend; an electrode given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Spikes, spike_counter
    >>> spikes = Spikes(
    ...     clock_segment=np.zeros(4, np.uint16),
    ...     tick=np.array([3_000, 3_300, 33_000, 36_000]),
    ...     electrode_id=np.array([1, 2, 1, 1], np.uint16),
    ... )
    >>> counter = spike_counter(
    ...     np.array([0, 0]),
    ...     np.array([0.0, 30_000.0]),
    ...     electrodes=[1],
    ...     tick_hz=30_000,
    ...     edges_ms=[0, 100, 200, 300],
    ...     condition=np.array([0, 0]),
    ... )
    >>> counter.add(spikes)
    >>> counter.psth().round(3).tolist()  # a condition, an electrode, three bins of 100 ms: spikes per second
    [[[0.0, 10.0, 5.0]]]
    """
    if len(edges_ms) < 2 or (np.diff(edges_ms) <= 0).any():
        raise ValueError(f"edges_ms must be two or more ascending edges, not {list(edges_ms)}")
    if len(set(electrodes)) < len(electrodes):
        raise ValueError("an electrode is given twice")
    row = np.arange(len(onset_tick)) if condition is None else np.asarray(condition, np.int64)
    n_rows = int(row.max(initial=-1)) + 1 if n_conditions is None else n_conditions
    return SpikeCounter(
        clock_segment=np.where(np.isnan(onset_tick), -1, np.asarray(onset_clock_segment, np.int64)),
        edge_tick=edge_ticks(onset_tick, edges_ms, tick_hz=tick_hz),
        row=row,
        column_of=_columns(electrodes),
        total=np.zeros((n_rows, len(electrodes), len(edges_ms) - 1)),
        width_s=np.diff(edges_ms) / 1000,
    )


def count_spikes(
    spikes: Spikes,
    *,
    onset_clock_segment: NDArray[np.integer],
    onset_tick: Floats,
    electrodes: Sequence[int],
    tick_hz: float,
    window_ms: tuple[float, float] = RESPONSE_WINDOW_MS,
) -> Floats:
    """Count spikes in one half-open window after every onset, all spikes being in memory and in any order.

    Parameters
    ----------
    spikes, onset_clock_segment, onset_tick, electrodes, tick_hz
        See `spike_counter`.
    window_ms
        Start (counted) and stop (not counted) after the onset.

    Returns
    -------
    NDArray[np.float64]
        Counts, shape (n_presentations, n_electrodes); a row of NaN where the onset is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Spikes, count_spikes
    >>> spikes = Spikes(
    ...     clock_segment=np.zeros(4, np.uint16),
    ...     tick=np.array([3_000, 3_300, 33_000, 36_000]),
    ...     electrode_id=np.array([1, 2, 1, 1], np.uint16),
    ... )
    >>> count_spikes(  # from 70 to 170 ms after each of two onsets
    ...     spikes,
    ...     onset_clock_segment=np.array([0, 0]),
    ...     onset_tick=np.array([0.0, 30_000.0]),
    ...     electrodes=[1, 2],
    ...     tick_hz=30_000,
    ... ).tolist()
    [[1.0, 1.0], [1.0, 0.0]]
    """
    counter = spike_counter(onset_clock_segment, onset_tick, electrodes=electrodes, tick_hz=tick_hz, edges_ms=window_ms)
    counter.add(in_order(spikes))
    return counter.counts()[:, :, 0]


def edge_ticks(onset_tick: Floats, edges_ms: Sequence[float], *, tick_hz: float) -> Integers:
    """Find the first tick at or after each edge, shape (n_presentations, n_edges); 0 where the onset is NaN.

    Whole ticks are added as integers: nanoseconds since 1970 do not fit a float, and 33.3 ms at 30 kHz are 999 ticks.

    Parameters
    ----------
    onset_tick
        Onsets in ticks, may lie between two, shape (n_presentations,).
    edges_ms
        Edges in milliseconds after onset.
    tick_hz
        Ticks per second.
    """
    known = np.where(np.isnan(onset_tick), 0.0, onset_tick)
    whole = np.floor(known)
    bounds = [Fraction(str(float(edge))) * Fraction(tick_hz) / 1000 for edge in edges_ms]
    beyond = np.ceil((known - whole)[:, None] + np.array([float(bound) for bound in bounds]))
    return np.asarray(whole.astype(np.int64)[:, None] + beyond.astype(np.int64))


def _columns(electrodes: Sequence[int]) -> NDArray[np.int16]:
    column_of = np.full(_N_RECORDER_NUMBERS, _ELSEWHERE, np.int16)  # sorting 16 bits is linear in the spikes
    column_of[list(electrodes)] = np.arange(len(electrodes))
    return column_of
