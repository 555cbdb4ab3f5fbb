"""Filter and look at the output without keeping it: the loops that find spikes, compiled by numba.

As in `kernels`, `LANES` channels run side by side.
"""
# ruff: noqa: PLR0917 - numba wants arguments by position

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from closedloop.detection.loops.kernels import cascade, keep_state, load_state, splat_all
from closedloop.detection.loops.lanes import (
    below,
    channel_of,
    first_bit,
    keep_less,
    load,
    magnitude,
    one_more_where_below,
    splat,
    store,
    store_excess,
)
from closedloop.detection.loops.tiles import AT_ONCE, LANES

_BEYOND = np.uint32(0xFFFFFFFF)  # any bracket


@njit
def forward_search(rows: Any, coefficients: Any, state: Any, first_row: int, seek: Any, found: Any) -> None:
    """Filter forwards and look at the output, without keeping it.

    Parameters
    ----------
    rows, coefficients, state
        As in `forward`.
    first_row
        Number of the first row within the piece.
    seek, found
        `search.Seek` and `search.SearchResult`.
    """
    c = splat_all(coefficients)
    excess, measured = found.excess, seek.measured
    for tile in range(state.shape[0]):
        s = load_state(coefficients, state[tile], 0)
        low, weakest = load(seek.low, tile, 0), load(seek.weakest, tile, 0)
        n_below = splat(np.float32(0))
        under, n_under = found.under[tile], found.n_under[tile]
        for top in range(0, rows.shape[0], AT_ONCE):
            n = 0
            for row in range(top, min(top + AT_ONCE, rows.shape[0])):
                y, s = cascade(load(rows, row, tile * LANES), c, s)
                _note_spikes(y, weakest, first_row + row, under, n_under)
                if measured[np.uint64(first_row + row)]:  # unsigned: no check for places from the end
                    n_below = one_more_where_below(n_below, magnitude(y), low)
                    store_excess(excess, n, y, low)
                    n += 1
            _keep_inside(excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
        keep_state(state[tile], s)
        _add_counts(n_below, found.n_below[tile])


@njit
def both_ways_search(
    rows: Any,
    coefficients: Any,
    state: Any,
    held: Any,
    n_held: int,
    back_coefficients: Any,
    settled: Any,
    back: Any,
    first_row: int,
    n_wanted: int,
    seek: Any,
    found: Any,
) -> None:
    """Filter forwards and, where enough is known of what comes after, backwards; look at that without keeping it.

    Parameters
    ----------
    rows, coefficients, state, seek, found
        As in `forward_search`; forwards.
    held, n_held
        float32, (n_tiles, at least n_held + n_rows, LANES): what came forwards and still has to go backwards, and how
        many rows of it; `n_wanted` fewer afterwards, and those of `rows` more.
    back_coefficients, settled, back
        Backwards, the state after an endless input of 1, in which it starts, and room for it, (len(settled), LANES).
    first_row
        Number of the first row held within the piece.
    n_wanted
        How many of the first rows held are looked at.
    """
    c = splat_all(coefficients)
    n_rows = n_held + rows.shape[0]
    for tile in range(state.shape[0]):
        own = held[tile]
        s = load_state(coefficients, state[tile], 0)
        for row in range(rows.shape[0]):
            y, s = cascade(load(rows, row, tile * LANES), c, s)
            store(own, n_held + row, 0, y)
        keep_state(state[tile], s)
        if n_wanted > 0:
            _settle(back, settled, own[n_rows - 1])
            _search_backwards(own, n_rows, back_coefficients, back, first_row, n_wanted, tile, seek, found)
            for row in range(n_wanted, n_rows):
                store(own, row - n_wanted, 0, load(own, row, 0))


@njit
def backward_search(
    held: Any, n_rows: int, coefficients: Any, state: Any, first_row: int, seek: Any, found: Any
) -> None:
    """Filter the last rows of a segment backwards from a state, and look at all of the output without keeping it.

    Parameters
    ----------
    held, n_rows
        float32, (n_tiles, at least n_rows, LANES): what came forwards, and how many rows of it.
    coefficients, state
        As in `kernels.forward`; the state after the last row.
    first_row
        Number of the first row held within the piece.
    seek, found
        `search.Seek` and `search.SearchResult`.
    """
    for tile in range(state.shape[0]):
        _search_backwards(held[tile], n_rows, coefficients, state[tile], first_row, n_rows, tile, seek, found)


@njit
def _settle(state: Any, settled: Any, level: Any) -> None:
    for row in range(len(settled)):
        for lane in range(LANES):
            state[row, lane] = settled[row] * level[lane]


@njit
def _search_backwards(
    own: Any,
    n_rows: int,
    coefficients: Any,
    state: Any,
    first_row: int,
    n_wanted: int,
    tile: int,
    seek: Any,
    found: Any,
) -> None:
    """Filter a tile backwards from row `n_rows`, and look at its first `n_wanted` rows."""
    c = splat_all(coefficients)
    s = load_state(coefficients, state, 0)
    for row in range(n_rows - 1, n_wanted - 1, -1):
        y, s = cascade(load(own, row, 0), c, s)
    low, weakest = load(seek.low, tile, 0), load(seek.weakest, tile, 0)
    n_below = splat(np.float32(0))
    under, n_under, measured = found.under[tile], found.n_under[tile], seek.measured
    n_before, excess = found.n_before, found.excess
    for lane in range(LANES):
        n_before[lane] = n_under[lane]
    for top in range(n_wanted, 0, -AT_ONCE):
        n = 0
        for row in range(top - 1, max(top - AT_ONCE, 0) - 1, -1):
            y, s = cascade(load(own, row, 0), c, s)
            _note_spikes(y, weakest, first_row + row, under, n_under)
            if measured[np.uint64(first_row + row)]:  # unsigned: no check for places from the end
                n_below = one_more_where_below(n_below, magnitude(y), low)
                store_excess(excess, n, y, low)
                n += 1
        _keep_inside(excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
    _add_counts(n_below, found.n_below[tile])
    _put_in_order(n_before, under, n_under)


@njit(forceinline=True)
def _note_spikes(y: Any, weakest: Any, row: int, under: Any, n_under: Any) -> None:
    """Keep what could be under the threshold."""
    hits = below(y, weakest)
    while hits:
        lane = first_bit(hits)
        hits &= hits - np.uint32(1)
        n = n_under[lane]
        if n < under.shape[1]:
            under[lane, n]["row"] = row
            under[lane, n]["value"] = channel_of(y, lane)
        n_under[lane] = n + 1


@njit
def _keep_inside(excess: Any, n_rows: int, width: Any, inside: Any, n_inside: Any) -> None:
    """Keep what is less than `width` above the lower end of the bracket, channel by channel, without a branch.

    `excess` holds `n_rows` rows of sizes; where there might not be room for all, none are kept any more.
    """
    n_whole = -(-n_rows // LANES) * LANES
    excess[n_rows:n_whole] = _BEYOND
    most = 0
    for lane in range(LANES):
        most = max(most, n_inside[lane])
    if most + n_whole > inside.shape[1]:
        n_inside[:] = inside.shape[1] + 1
        return
    for row in range(0, n_whole, LANES):
        keep_less(excess, row, width, inside, n_inside)


@njit
def _add_counts(n_below: Any, counts: Any) -> None:
    for lane in range(LANES):
        counts[lane] += np.int64(channel_of(n_below, lane))


@njit
def _put_in_order(n_before: Any, under: Any, n_under: Any) -> None:
    """Turn round what was found backwards."""
    for lane in range(LANES):
        first = min(n_before[lane], under.shape[1])
        last = min(n_under[lane], under.shape[1]) - 1
        while first < last:
            row, value = under[lane, first]["row"], under[lane, first]["value"]
            under[lane, first]["row"] = under[lane, last]["row"]
            under[lane, first]["value"] = under[lane, last]["value"]
            under[lane, last]["row"] = row
            under[lane, last]["value"] = value
            first += 1
            last -= 1


@njit
def order_of_crossings(
    found: Any,
    n_found: Any,
    kept: Any,
    first_kept: Any,
    threshold: Any,
    is_under: Any,
    bridged: Any,
    n_rows: int,
    rank: Any,
    order: Any,
) -> int:
    """Find samples under the threshold that follow one which is not; give how many there are.

    Parameters
    ----------
    found, n_found
        `search.UNDER`, (n_tiles, LANES, n): by increasing row, of each channel all samples under the threshold among
        them, and how many of each channel.
    kept, first_kept
        The same of channels whose own stand apart, one channel's after the other's, (n_kept,); where a channel's begin
        there, (n_channels + 1,). Those without any are in `found`.
    threshold
        Of each channel, (n_channels,).
    is_under
        Whether the sample before row 0 was under its own threshold, bool, (n_channels,); then the same of the last row.
    bridged
        Rows that were not recorded, increasing: no crossings, and those on either side of them are neighbours.
    n_rows
        Of the piece.
    rank
        Place of each channel among those of one row, (n_channels,).
    order
        int64, as many as there are samples: filled with each crossing's row * n_channels + rank.
    """
    n_ordered, n_channels = 0, len(threshold)
    for channel in range(n_channels):
        last = -1 if is_under[channel] else -2
        n_before = 0
        under, first, end = found[channel // LANES, channel % LANES], 0, n_found[channel]
        if first_kept[channel + 1] > first_kept[channel]:
            under, first, end = kept, first_kept[channel], first_kept[channel + 1]
        for place in range(first, end):
            row = under[place]["row"]
            while n_before < len(bridged) and bridged[n_before] < row:
                n_before += 1
            if n_before < len(bridged) and bridged[n_before] == row:
                continue
            if under[place]["value"] < threshold[channel]:
                if row - n_before != last + 1:
                    order[n_ordered] = row * n_channels + rank[channel]
                    n_ordered += 1
                last = row - n_before
        is_under[channel] = last == n_rows - len(bridged) - 1
    return n_ordered


@njit
def keep_late_enough(sample: Any, electrode: Any, last_kept: Any, apart: int, kept: Any) -> None:
    """Mark every spike at least `apart` samples after the last one kept on its electrode; `last_kept` is carried on.

    Parameters
    ----------
    sample, electrode
        Crossings in order, (n,) each.
    last_kept
        Sample of the last one kept, by electrode, (65536,); carried on.
    apart
        Least distance in samples.
    kept
        bool, (n,); filled.
    """
    for place in range(len(sample)):
        kept[place] = sample[place] - last_kept[electrode[place]] >= apart
        if kept[place]:
            last_kept[electrode[place]] = sample[place]
