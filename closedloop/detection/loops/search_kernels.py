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
    store_excess,
    store_row,
)
from closedloop.detection.loops.tiles import AT_ONCE, BLOCK, LANES, WIDE

_BEYOND = np.uint32(0xFFFFFFFF)  # any bracket
_TOGETHER_BOTH_WAYS = 2  # tiles that are filtered both ways before the next: they stay in the second cache
_BESIDE_FORWARDS = 4 if WIDE else 2  # most sections; with three, parts of two tiles' state leave 16 registers
_BESIDE_BACKWARDS = 0 if WIDE else 2  # where each row is looked at, the look is done while the filter waits


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
    table = found.table
    keep_all(coefficients, table, 0)
    for first in range(0, rows.shape[0], BLOCK):
        stop = min(first + BLOCK, rows.shape[0])
        for tile in range(state.shape[0]):
            s, limits = load_state(coefficients, state[tile], 0), _limits(tile, seek)
            for top in range(first, stop, AT_ONCE):
                n, seen = min(AT_ONCE, stop - top), _nothing()
                for row in range(n):
                    y, s = cascade(load(rows, top + row, tile * LANES), load_all(coefficients, table, 0), s)
                    seen = _see(y, row, first_row + top + row, limits, tile, seen, seek, found)
                _look(n, 0, first_row + top, 1, tile, seen, seek, found)
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
        done += max(n_wanted, 0)
        for tile in range(0, state.shape[0], _TOGETHER_BOTH_WAYS):
            stop = min(tile + _TOGETHER_BOTH_WAYS, state.shape[0])
            _filter_forwards(rows[first : first + n], coefficients, state, held, n_held, tile, stop, table)
            if n_wanted <= 0:
                continue
            beside, at, start = tiles_beside(back_coefficients, _BESIDE_BACKWARDS), count(coefficients), done - n_wanted
            for one in range(tile, stop, beside):
                own = held[one : min(one + beside, stop)]
                for place_beside in range(len(own)):
                    _settle(back[place_beside], settled, own[place_beside, n_rows - 1])
                _search_backwards(own, n_rows, back_coefficients, at, back, start, n_wanted, one, seek, found)
            for moved in range(tile, stop):
                for row in range(n_wanted, n_rows):
                    store_row(held[moved], row - n_wanted, load_row(held[moved], row))


@njit
def _filter_forwards(
    rows: Any, coefficients: Any, state: Any, held: Any, at: int, first: int, stop: int, table: Any
) -> None:
    """Filter tiles from one up to another forwards, and keep the output from row `at` on."""
    beside = tiles_beside(coefficients, _BESIDE_FORWARDS)
    for tile in range(first, stop, beside):
        other = min(tile + beside, stop) - 1  # the last of an odd number is its own neighbour: the same twice
        s, t = load_state(coefficients, state[tile], 0), load_state(coefficients, state[other], 0)
        own, next_own = held[tile], held[other]
        for row in range(rows.shape[0]):
            c = load_all(coefficients, table, 0)
            y, s = cascade(load(rows, row, tile * LANES), c, s)
            store_row(own, at + row, y)
            if beside > 1:
                y, t = cascade(load(rows, row, other * LANES), c, t)
                store_row(next_own, at + row, y)
        keep_state(state[tile], s)
        if beside > 1:
            keep_state(state[other], t)


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
    beside = tiles_beside(coefficients, _BESIDE_BACKWARDS)
    for tile in range(0, state.shape[0], beside):
        own, after = held[tile : tile + beside], state[tile : tile + beside]
        _search_backwards(own, n_rows, coefficients, 0, after, first_row, n_wanted, tile, seek, found)


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
    """Filter tiles beside one another, `held`, backwards from row `n_rows`, and look at their first `n_wanted` rows.

    The first is number `tile`. The coefficients stand in `found.table` from row `at` on.
    """
    table, beside = found.table, tiles_beside(coefficients, _BESIDE_BACKWARDS)
    last = len(held) - 1
    own, next_own = held[0], held[last]
    s, t = load_state(coefficients, state[0], 0), load_state(coefficients, state[last], 0)
    for row in range(n_rows - 1, n_wanted - 1, -1):
        c = load_all(coefficients, table, at)
        _y, s = cascade(load_row(own, row), c, s)
        if beside > 1:
            _y, t = cascade(load_row(next_own, row), c, t)
    for one in range(last + 1):
        for lane in range(LANES):
            found.n_before[one, lane] = found.n_under[tile + one, lane]
    limits = _limits(tile, seek)
    for top in range(n_wanted, 0, -AT_ONCE):
        n, seen = min(AT_ONCE, top), _nothing()
        for row in range(n):
            c = load_all(coefficients, table, at)
            y, s = cascade(load_row(own, top - 1 - row), c, s)
            seen = _see(y, row, first_row + top - 1 - row, limits, tile, seen, seek, found)
            if beside > 1:
                y, t = cascade(load_row(next_own, top - 1 - row), c, t)
                store_row(found.wave, AT_ONCE + row, y)
        for one in range(last + 1):
            _look(n, one * AT_ONCE, first_row + top - 1, -1, tile + one, seen, seek, found)
    for one in range(last + 1):
        _put_in_order(found.n_before[one], found.under[tile + one], found.n_under[tile + one])


@njit(forceinline=True)
def _limits(tile: int, seek: Any) -> Any:
    """Return a tile's lower end of the bracket, and weakest threshold."""
    return load(seek.low, tile, 0), load(seek.weakest, tile, 0)


@njit(forceinline=True)
def _nothing() -> Any:
    """Return what was seen before the first row: how many rows wait in `found.excess`, sizes below the bracket."""
    return 0, splat(np.float32(0))


@njit(forceinline=True)
def _see(y: Any, row: int, number: int, limits: Any, tile: int, seen: Any, seek: Any, found: Any) -> Any:
    """Look at a row, of that number in the piece, as soon as it is filtered; with few registers, keep it for `_look`.

    The look takes no time of its own: it is done while the filter waits for its state.
    """
    if not WIDE:
        store_row(found.wave, row, y)
        return seen
    low, weakest = limits
    _note_spikes(y, weakest, number, found.under[tile], found.n_under[tile])
    if seek.measured[np.uint64(number)]:  # unsigned: no check for places from the end
        return _measure(y, low, seen, found.excess)
    return seen


@njit
def _look(n_rows: int, at: int, first_row: int, step: int, tile: int, seen: Any, seek: Any, found: Any) -> None:
    """Look at the rows that wait in `found.wave` from `at` on, the first of which has that number in the piece.

    The filter's loop does nothing else, so that the compiler unrolls it and the state stays where it is. Where each row
    was looked at, what was `seen` is kept.
    """
    if not WIDE:
        wave, measured = found.wave, seek.measured
        low, weakest = _limits(tile, seek)
        under, n_under = found.under[tile], found.n_under[tile]
        for first in range(0, n_rows, TOGETHER):  # rows beyond the last are of earlier: they are not noted
            if any_below(wave, at + first, weakest):
                for row in range(first, min(first + TOGETHER, n_rows)):
                    _note_spikes(load_row(wave, at + row), weakest, first_row + step * row, under, n_under)
        for row in range(-step * first_row % seek.every, n_rows, seek.every):
            if measured[np.uint64(first_row + step * row)]:
                seen = _measure(load_row(wave, at + row), low, seen, found.excess)
    n, n_below = seen
    _keep_inside(found.excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
    _add_counts(n_below, found.n_below[tile])


@njit(forceinline=True)
def _measure(y: Any, low: Any, seen: Any, excess: Any) -> Any:
    """Look where a row's sizes lie in the bracket."""
    n, n_below = seen
    store_excess(excess, n, y, low)
    return n + 1, one_more_where_below(n_below, magnitude(y), low)


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
