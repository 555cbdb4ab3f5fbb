"""Spikes of a device: when, in which run of its clock, on which electrode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.segments import Segment


@dataclass(frozen=True)
class Spikes:
    """Spikes in order of clock segment, then tick, then electrode.

    `clock_segment` (uint16), `tick` (int64) and `electrode_id` (uint16, the recorder's number) have shape (n_spikes,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.recording import Spikes
    >>> spikes = Spikes(np.zeros(2, np.uint16), np.array([3_000, 3_300]), np.array([1, 2], np.uint16))
    >>> len(spikes), spikes.on(2).tick.tolist()
    (2, [3300])
    """

    clock_segment: NDArray[np.uint16]
    tick: NDArray[np.int64]
    electrode_id: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.tick)

    def on(self, electrode_id: int) -> Spikes:
        """Return one electrode's spikes."""
        own = self.electrode_id == electrode_id
        return Spikes(self.clock_segment[own], self.tick[own], self.electrode_id[own])

    def on_any(self, electrode_ids: Sequence[int]) -> Spikes:
        """Return the spikes of several electrodes."""
        own = np.isin(self.electrode_id, np.asarray(electrode_ids))
        return Spikes(self.clock_segment[own], self.tick[own], self.electrode_id[own])

    def within(self, segments: Sequence[Segment]) -> Spikes:
        """Return the spikes inside of segments, each up to its last tick."""
        own = np.zeros(len(self), bool)
        for clock_segment in {segment.clock_segment for segment in segments}:
            here = [segment for segment in segments if segment.clock_segment == clock_segment]
            starts = np.array([segment.first_tick for segment in here], np.int64)
            stops = np.array([segment.end_tick for segment in here], np.int64)
            place = np.searchsorted(starts, self.tick, side="right") - 1
            own |= (self.clock_segment == clock_segment) & (place >= 0) & (self.tick < stops[place])
        return Spikes(self.clock_segment[own], self.tick[own], self.electrode_id[own])


def in_order(spikes: Spikes) -> Spikes:
    """Sort spikes by clock segment, then tick, then electrode."""
    order = np.lexsort((spikes.electrode_id, spikes.tick, spikes.clock_segment))
    return Spikes(spikes.clock_segment[order], spikes.tick[order], spikes.electrode_id[order])


def concatenate_spikes(parts: Sequence[Spikes]) -> Spikes:
    """Concatenate parts; they must follow one another in time."""
    empty = Spikes(np.zeros(0, np.uint16), np.zeros(0, np.int64), np.zeros(0, np.uint16))
    columns = zip(*((part.clock_segment, part.tick, part.electrode_id) for part in (empty, *parts)), strict=True)
    clock_segment, tick, electrode_id = (np.concatenate(column) for column in columns)
    return Spikes(clock_segment, tick, electrode_id)
