"""Filter and look at the output without keeping it: the loops that find spikes, compiled by numba.

As in `kernels`, `LANES` channels run side by side.
"""
# ruff: noqa: PLR0917 - numba wants arguments by position

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from closedloop.detection.loops.kernels import (
    cascade,
    count,
    keep_all,
    keep_state,
    load_all,
    load_state,
    tiles_beside,
)
from closedloop.detection.loops.lanes import (
    TOGETHER,
    any_below,
    below,
    channel_of,
    first_bit,
    keep_less,
    load,
    load_row,
    magnitude,
    one_more_where_below,
    splat,
    store,
    store_excess,
    store_row,
)
from closedloop.detection.loops.tiles import AT_ONCE, BLOCK, LANES

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
    wave, table = found.wave, found.table
    keep_all(coefficients, table, 0)
    for first in range(0, rows.shape[0], BLOCK):
        stop = min(first + BLOCK, rows.shape[0])
        for tile in range(state.shape[0]):
            s = load_state(coefficients, state[tile], 0)
            for top in range(first, stop, AT_ONCE):
                n = min(AT_ONCE, stop - top)
                for row in range(n):
                    y, s = cascade(load(rows, top + row, tile * LANES), load_all(coefficients, table, 0), s)
                    store_row(wave, row, y)
                _look(n, 0, first_row + top, 1, tile, seek, found)
            keep_state(state[tile], s)


@njit
def both_ways_search(
    rows: Any,
    coefficients: Any,
    state: Any,
    held: Any,
    back_coefficients: Any,
    settled: Any,
    back: Any,
    place: Any,
    seek: Any,
    found: Any,
) -> None:
    """Filter forwards and, where enough is known of what comes after, backwards; look at that without keeping it.

    Parameters
    ----------
    rows, coefficients, state, seek, found
        As in `forward_search`; forwards.
    held
        float32, (n_tiles, n, LANES): what came forwards and still has to go backwards; room for a block more.
    back_coefficients, settled, back
        Backwards, the state after an endless input of 1, in which it starts, and room for it, (2, len(settled), LANES).
    place
        `search.FilterReach`.
    """
    table = found.table
    keep_all(back_coefficients, table, keep_all(coefficients, table, 0))
    done, known = place.done, place.known
    for first in range(0, rows.shape[0], BLOCK):
        n = min(BLOCK, rows.shape[0] - first)
        n_held = known - done
        n_rows = n_held + n
        known += n
        n_wanted = (place.stop if known == place.end else known - place.lookahead) - done
        last, beside = state.shape[0] - 1, tiles_beside(coefficients)
        for tile in range(0, last + 1, beside):
            other = min(tile + beside - 1, last)  # the last of an odd number is its own neighbour: the same twice
            s, t = load_state(coefficients, state[tile], 0), load_state(coefficients, state[other], 0)
            own, next_own = held[tile], held[other]
            for row in range(n):
                c = load_all(coefficients, table, 0)
                y, s = cascade(load(rows, first + row, tile * LANES), c, s)
                store(own, n_held + row, 0, y)
                if beside > 1:
                    y, t = cascade(load(rows, first + row, other * LANES), c, t)
                    store(next_own, n_held + row, 0, y)
            keep_state(state[tile], s)
            if beside > 1:
                keep_state(state[other], t)
        done += max(n_wanted, 0)
        if n_wanted <= 0:
            continue
        last, beside = state.shape[0] - 1, tiles_beside(back_coefficients)
        for tile in range(0, last + 1, beside):
            other = min(tile + beside - 1, last)
            _settle(back[0], settled, held[tile, n_rows - 1])
            _settle(back[beside - 1], settled, held[other, n_rows - 1])
            _search_backwards(
                held, n_rows, back_coefficients, count(coefficients), back, done - n_wanted, n_wanted, tile, seek, found
            )
            for moved in range(tile, other + 1):
                for row in range(n_wanted, n_rows):
                    store(held[moved], row - n_wanted, 0, load(held[moved], row, 0))


@njit
def backward_search(
    held: Any, n_rows: int, coefficients: Any, state: Any, first_row: int, n_wanted: int, seek: Any, found: Any
) -> None:
    """Filter the last rows of a segment backwards from a state, and look at the output without keeping it.

    Parameters
    ----------
    held, n_rows
        float32, (n_tiles, at least n_rows, LANES): what came forwards, and how many rows of it.
    coefficients, state
        As in `kernels.forward`; the state after the last row.
    first_row
        Number of the first row held within the piece.
    n_wanted
        How many of the first rows held are looked at: the segment may end a little after the piece.
    seek, found
        `search.Seek` and `search.SearchResult`.
    """
    keep_all(coefficients, found.table, 0)
    beside = tiles_beside(coefficients)
    for tile in range(0, state.shape[0], beside):
        own = state[tile : tile + beside]
        _search_backwards(held, n_rows, coefficients, 0, own, first_row, n_wanted, tile, seek, found)


@njit
def _settle(state: Any, settled: Any, level: Any) -> None:
    for row in range(len(settled)):
        for lane in range(LANES):
            state[row, lane] = settled[row] * level[lane]


@njit
def _search_backwards(
    held: Any,
    n_rows: int,
    coefficients: Any,
    at: int,
    state: Any,
    first_row: int,
    n_wanted: int,
    tile: int,
    seek: Any,
    found: Any,
) -> None:
    """Filter a tile and those beside it backwards from row `n_rows`, and look at their first `n_wanted` rows.

    The coefficients stand in `found.table` from row `at` on.
    """
    wave, table, beside = found.wave, found.table, tiles_beside(coefficients)
    other = min(tile + beside - 1, held.shape[0] - 1)
    own, next_own = held[tile], held[other]
    s, t = load_state(coefficients, state[0], 0), load_state(coefficients, state[other - tile], 0)
    for row in range(n_rows - 1, n_wanted - 1, -1):
        c = load_all(coefficients, table, at)
        _y, s = cascade(load(own, row, 0), c, s)
        if beside > 1:
            _y, t = cascade(load(next_own, row, 0), c, t)
    for one in range(tile, other + 1):
        for lane in range(LANES):
            found.n_before[one - tile, lane] = found.n_under[one, lane]
    for top in range(n_wanted, 0, -AT_ONCE):
        n = min(AT_ONCE, top)
        for row in range(n):
            c = load_all(coefficients, table, at)
            y, s = cascade(load(own, top - 1 - row, 0), c, s)
            store_row(wave, row, y)
            if beside > 1:
                y, t = cascade(load(next_own, top - 1 - row, 0), c, t)
                store_row(wave, AT_ONCE + row, y)
        for one in range(tile, other + 1):
            _look(n, (one - tile) * AT_ONCE, first_row + top - 1, -1, one, seek, found)
    for one in range(tile, other + 1):
        _put_in_order(found.n_before[one - tile], found.under[one], found.n_under[one])


@njit
def _look(n_rows: int, at: int, first_row: int, step: int, tile: int, seek: Any, found: Any) -> None:
    """Look at the rows that wait in `found.wave` from `at` on, the first of which has that number in the piece.

    The filter's loop does nothing else, so that the compiler unrolls it and the state stays where it is.
    """
    wave, excess, measured = found.wave, found.excess, seek.measured
    low, weakest = load(seek.low, tile, 0), load(seek.weakest, tile, 0)
    under, n_under = found.under[tile], found.n_under[tile]
    for first in range(0, n_rows, TOGETHER):  # rows beyond the last are of earlier: they are not noted
        if any_below(wave, at + first, weakest):
            for row in range(first, min(first + TOGETHER, n_rows)):
                _note_spikes(load_row(wave, at + row), weakest, first_row + step * row, under, n_under)
    n, n_below = 0, splat(np.float32(0))
    for row in range(-step * first_row % seek.every, n_rows, seek.every):
        if measured[np.uint64(first_row + step * row)]:  # unsigned: no check for places from the end
            y = load_row(wave, at + row)
            n_below = one_more_where_below(n_below, magnitude(y), low)
            store_excess(excess, n, y, low)
            n += 1
    _keep_inside(excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
    _add_counts(n_below, found.n_below[tile])


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
