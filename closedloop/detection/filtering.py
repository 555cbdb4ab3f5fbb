"""Filter any part of a segment, block by block, as if the whole segment were filtered at once.

A part is computed from its samples and margins alone, on a grid of blocks that starts where the part does: the result
is the same, bit by bit, however the samples are read and whoever computes the part. At the true ends of a segment the
rule of scipy's `sosfiltfilt` applies: the (notched) voltage is continued by reflection in its end point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.dropouts import RowsInPassing
from closedloop.detection.filter_design import Filters, FilterSections
from closedloop.detection.loops.called import backward, backward_search, both_ways_search, forward, forward_search
from closedloop.detection.loops.tiles import BLOCK, LANES
from closedloop.detection.search import FilterReach, SearchResult, Seek
from closedloop.recording.source import SampleSource

_SEARCHED = 2 * BLOCK  # rows that a loop is called with: less costs more calls, more the cache

Floats32 = NDArray[np.float32]
Rows = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """Samples start to stop (exclusive) of one segment, filtered.

    `chunk_samples` is how many samples are read at a time, at most. With a `tile`, only those
    `LANES` channels are filtered. What is filtered is kept in `room`, if given and large enough: memory that is new
    each time has to be cleared by the system each time.
    """

    source: SampleSource
    filters: Filters
    segment: int
    start: int
    stop: int
    chunk_samples: int | None = None
    tile: int | None = None
    room: Floats32 | None = None

    @property
    def n_samples(self) -> int:
        """Samples of the whole segment."""
        return self.source.segments[self.segment].n_samples

    @property
    def n_tiles(self) -> int:
        """Groups of `LANES` channels."""
        return 1 if self.tile is not None else -(-self.source.n_channels // LANES)

    @property
    def end(self) -> int:
        """Up to where samples are needed."""
        return min(self.stop + self.filters.lookahead, self.n_samples)

    def empty(self, *shape: int) -> Floats32:
        """Return room for so much."""
        size = math.prod(shape)
        if self.room is None or len(self.room) < size:
            return np.empty(shape, np.float32)
        return self.room[:size].reshape(shape)

    def blocks(self, start: int, stop: int, *, n_rows: int = BLOCK) -> Iterator[tuple[int, Rows]]:
        """Read rows block by block, each with its first sample.

        Parameters
        ----------
        start, stop
            Samples of the segment.
        n_rows
            Of a block, at most; a multiple of `BLOCK` for loops whose result depends on where their blocks begin.
        """
        held, held_from = self.rows(start, start), start
        for first, last in pairwise([*range(start, stop, n_rows), stop]):
            while (at := held_from + len(held)) < last:
                more = self.rows(at, min(at + (self.chunk_samples or max(n_rows, 2 * BLOCK)), stop))
                held, held_from = _concatenate(held[first - held_from :], more), first
            yield first, held[first - held_from : last - held_from]

    def rows(self, start: int, stop: int) -> Rows:
        """Read rows as the kernels take them: int16 or float32, with columns of zeros up to whole tiles."""
        samples = np.asarray(self.source.read(self.segment, start, stop))
        if self.tile is not None:
            samples = samples[:, self.tile * LANES : (self.tile + 1) * LANES]
        kind = np.int16 if samples.dtype == np.int16 else np.float32
        missing = self.n_tiles * LANES - samples.shape[1]
        if missing:
            samples = np.pad(samples, ((0, 0), (0, missing)))
        return np.require(samples, kind, ["C_CONTIGUOUS", "WRITEABLE"])


def _concatenate(first: Rows, second: Rows) -> Rows:
    return np.concatenate([first, second]) if len(first) else second


def filter_window(window: Window) -> Floats32:
    """Filter a window and keep it, in its room: (n_tiles, stop - start, LANES), in units of 1 / `Filters.gain`."""
    out = window.empty(window.n_tiles, window.end - window.start, LANES)
    state = _state_before(window)
    for first, rows in window.blocks(window.start, window.end):
        forward(rows, window.filters.forward, state, out, first - window.start)
    if window.filters.zero_phase:
        at_end = window.end == window.n_samples
        after = _state_at_end(window, state, out[:, -1]) if at_end else _settle(window.filters.band, out[:, -1])
        backward(out, window.filters.band.coefficients, after)
    return out[:, : window.stop - window.start]


def search(window: Window, seek: Seek, found: SearchResult, passed: RowsInPassing) -> None:
    """Filter a window and look at it without keeping it; adds to what was `found` and to the rows kept in passing.

    Parameters
    ----------
    window
        What is filtered.
    seek
        What is looked for.
    found
        What was found; changed.
    passed
        Some of the rows as they were read; changed.
    """
    state = _state_before(window)
    if window.filters.zero_phase:
        _search_both_ways(window, state, seek, found, passed)
        return
    for first, rows in window.blocks(window.start, window.stop, n_rows=_SEARCHED):
        passed.see(first, rows)
        forward_search(rows, window.filters.forward, state, first - window.start, seek, found)


def _search_both_ways(window: Window, state: Floats32, seek: Seek, found: SearchResult, passed: RowsInPassing) -> None:
    """Run forwards; as soon as the samples after a block are known too, run backwards over it."""
    forward_coefficients, band = window.filters.forward, window.filters.band
    lookahead = window.filters.lookahead
    held = window.empty(window.n_tiles, 2 * BLOCK + lookahead, LANES)
    back = np.empty((2, len(band.settled), LANES), np.float32)
    place = FilterReach(0, 0, lookahead, window.stop - window.start, window.end - window.start)
    ends = window.end == window.n_samples
    for first, rows in window.blocks(window.start, window.end, n_rows=_SEARCHED):
        passed.see(first, rows)
        n_last = (len(rows) - 1) % BLOCK + 1 if ends and first + len(rows) == window.end else 0
        before = rows[: len(rows) - n_last]
        both_ways_search(
            before,
            forward_coefficients,
            state,
            held,
            band.coefficients,
            band.settled,
            back,
            place,
            seek,
            found,
        )
        place = place.after(len(before))
        if n_last:
            n_held = place.known - place.done
            forward(rows[len(before) :], forward_coefficients, state, held, n_held)
            after = _state_at_end(window, state, held[:, n_held + n_last - 1])
            n_wanted = place.stop - place.done
            backward_search(held, n_held + n_last, band.coefficients, after, place.done, n_wanted, seek, found)


def _state_before(window: Window) -> Floats32:
    """Return the state of the forward filters before the window's first sample."""
    origin = max(window.start - window.filters.lead, 0)
    state = _state_at_start(window) if origin == 0 else _settle_at(window, origin)
    ignored = np.empty((window.n_tiles, BLOCK, LANES), np.float32)
    for _, rows in window.blocks(origin, window.start):
        forward(rows, window.filters.forward, state, ignored, 0)
    return state


def _settle_at(window: Window, sample: int) -> Floats32:
    """Return the state as if the voltage had always been that of one sample."""
    volts = window.rows(sample, sample + 1).reshape(-1, LANES).astype(np.float32)
    return np.concatenate([_settle(window.filters.notch, volts), _settle(window.filters.band, volts)], axis=1)


def _state_at_start(window: Window) -> Floats32:
    """Return the state before a segment's first sample, after the reflection that comes before it."""
    state = _settle_at(window, 0)
    padding = min(window.filters.padding, window.n_samples - 1)
    if padding:
        near = _run_notch(window, 0, padding + 1, padding + 1)
        reflected = 2 * near[:1] - near[:0:-1]
        band = window.filters.band
        _, before = band.run(reflected, band.state_after(reflected[0]))
        state[:, 2 * window.filters.notch.n_sections :] = _by_tile(before)
    return state


def _state_at_end(window: Window, state: Floats32, last: Floats32) -> Floats32:
    """Return the state of the backward filter after a segment's last sample, through its reflection there.

    `state` is that of the forward filters, `last` their last output.
    """
    padding = min(window.filters.padding, window.n_samples - 1)
    if not padding:
        return _settle(window.filters.band, last)
    first = max(window.n_samples - padding - 1 - 2 * window.filters.notch.tail, 0)  # here nothing damps its ringing
    near = _run_notch(window, first, window.n_samples, padding + 1)
    reflected = 2 * near[-1:] - near[-2::-1]
    band = window.filters.band
    now = state[:, 2 * window.filters.notch.n_sections :].transpose(1, 0, 2).reshape(band.n_sections, 2, -1)
    after, _ = band.run(reflected, now)
    _, back = band.run(after[::-1], band.state_after(after[-1]))
    return _by_tile(back)


def _run_notch(window: Window, start: int, stop: int, n_last: int) -> NDArray[np.float64]:
    """Run the notch alone over part of a segment, settled at first; give the last rows, (n_last, n_tiles * LANES)."""
    notch, last = window.filters.notch, window.rows(stop - n_last, stop)
    if not notch.n_sections:
        return last.astype(np.float64)
    out = np.empty((window.n_tiles, BLOCK, LANES), np.float32)
    state = _settle(notch, window.rows(start, start + 1).reshape(-1, LANES).astype(np.float32))
    for rows in (*(rows for _, rows in window.blocks(start, stop - n_last)), last):
        forward(rows, notch.coefficients, state, out, 0)
    return out[:, :n_last].transpose(1, 0, 2).reshape(n_last, -1).astype(np.float64)


def _by_tile(state: NDArray[np.float64]) -> Floats32:
    """Turn the sections' state, (n_sections, 2, n_channels), into the kernels', (n_tiles, 2 * n_sections, LANES)."""
    tiles = state.reshape(2 * len(state), -1, LANES).transpose(1, 0, 2)
    return np.ascontiguousarray(tiles, np.float32)


def _settle(sections: FilterSections, level: Floats32) -> Floats32:
    """Return the state after an endless input of `level`, (n_tiles, LANES): (n_tiles, 2 * n_sections, LANES)."""
    return np.ascontiguousarray(sections.settled[None, :, None] * level[:, None, :], np.float32)
