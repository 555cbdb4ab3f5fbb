"""Filter and search: the loops over samples, compiled by numba when they are first called.

Samples are float32 or int16, one row a moment; `LANES` channels (a tile) run side by side with the filter's state in
registers. Compilation takes about ten seconds of a machine's first detection and is kept beside this file, or in the
user's cache where that cannot be written.
"""
# ruff: noqa: ARG001, PLR0917 - numba wants the same arguments of all variants, and by position

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from closedloop.detection.lanes import (
    LANES,
    below,
    channel_of,
    first_bit,
    fma,
    fused_minus,
    keep_less,
    load,
    magnitude,
    one_more_where_below,
    plus,
    splat,
    store,
    store_excess,
)

_ZEROS_AT_ENDS = 2  # coefficients of a section whose zeros are 1 and -1
_AT_ONCE = 256  # rows whose sizes wait in the fastest cache
_BEYOND = np.uint32(0xFFFFFFFF)  # any bracket
_FORGOTTEN = np.float32(1e-15)  # bits; numbers that die out further would become denormal, which are slow


def _is_tuple(kind: Any) -> bool:
    return hasattr(kind, "__len__")  # numba's types of tuples have a length


def _splats(numbers: Any) -> Any:
    """Give each number of a tuple to all channels."""
    raise NotImplementedError


@overload(_splats)
def _splats_compiled(numbers: Any) -> Any:
    if not _is_tuple(numbers):

        def one(numbers: Any) -> Any:
            return splat(np.float32(numbers))

        return one
    if len(numbers) == 1:

        def last(numbers: Any) -> Any:
            return (_splats(numbers[0]),)

        return last

    def first(numbers: Any) -> Any:
        return (_splats(numbers[0]), *_splats(numbers[1:]))

    return first


def _loads(coefficients: Any, state: Any, row: Any) -> Any:
    """Take the state of all sections, two rows a section."""
    raise NotImplementedError


@overload(_loads)
def _loads_compiled(coefficients: Any, state: Any, row: Any) -> Any:
    if len(coefficients) == 1:

        def last(coefficients: Any, state: Any, row: Any) -> Any:
            return (load(state, row, 0), load(state, row + 1, 0))

        return last

    def first(coefficients: Any, state: Any, row: Any) -> Any:
        return (load(state, row, 0), load(state, row + 1, 0), *_loads(coefficients[1:], state, row + 2))

    return first


def _cascade(x: Any, c: Any, s: Any) -> Any:
    """Run one sample through all sections; give the output and the new state."""
    raise NotImplementedError


@overload(_cascade)
def _cascade_compiled(x: Any, c: Any, s: Any) -> Any:
    if len(c) == 1:

        def last(x: Any, c: Any, s: Any) -> Any:
            return _section(x, c[0], s)

        return last

    def first(x: Any, c: Any, s: Any) -> Any:
        y, state = _section(x, c[0], s)
        z, rest = _cascade(y, c[1:], s[2:])
        return z, state + rest

    return first


def _section(x: Any, c: Any, s: Any) -> Any:
    """Run one sample through one section (`filter_design.Sections`); give the output and its two new states."""
    raise NotImplementedError


@overload(_section)
def _section_compiled(x: Any, c: Any, s: Any) -> Any:
    if _is_tuple(c[0]):

        def notch(x: Any, c: Any, s: Any) -> Any:
            resonance = plus(x, s[0])
            return fma(c[1], resonance, x), (fma(c[0][0], resonance, s[1]), fused_minus(c[0][1], resonance, x))

        return notch
    if len(c) == _ZEROS_AT_ENDS:

        def section(x: Any, c: Any, s: Any) -> Any:
            y = plus(x, s[0])
            return y, (fma(c[0], y, s[1]), fused_minus(c[1], y, x))

        return section

    def pair(x: Any, c: Any, s: Any) -> Any:
        y = plus(x, s[0])
        return y, (fma(c[1], y, fma(c[0], x, s[1])), fma(c[2], y, x))

    return pair


@njit(cache=True)
def _keep_state(state: Any, registers: Any) -> None:
    for row, value in enumerate(registers):
        store(state, row, 0, value)
    for row in range(state.shape[0]):
        for lane in range(LANES):
            if abs(state[row, lane]) < _FORGOTTEN:
                state[row, lane] = 0


@njit(cache=True)
def forward(rows: Any, coefficients: Any, state: Any, out: Any, at: int) -> None:
    """Filter forwards and keep the output.

    Parameters
    ----------
    rows
        Samples, int16 or float32, (n_rows, n_tiles * LANES).
    coefficients
        Of all sections, as `filter_design.Sections` has them.
    state
        float32, (n_tiles, 2 * n_sections, LANES); carried on.
    out, at
        float32, (n_tiles, at least at + n_rows, LANES), filled from row `at`.
    """
    c = _splats(coefficients)
    for tile in range(state.shape[0]):
        s = _loads(coefficients, state[tile], 0)
        for row in range(rows.shape[0]):
            y, s = _cascade(load(rows, row, tile * LANES), c, s)
            store(out[tile], at + row, 0, y)
        _keep_state(state[tile], s)


@njit(cache=True)
def backward(rows: Any, coefficients: Any, state: Any) -> None:
    """Filter backwards in place; `rows` is float32, (n_tiles, n_rows, LANES), the rest as in `forward`."""
    c = _splats(coefficients)
    for tile in range(state.shape[0]):
        s = _loads(coefficients, state[tile], 0)
        for row in range(rows.shape[1] - 1, -1, -1):
            y, s = _cascade(load(rows[tile], row, 0), c, s)
            store(rows[tile], row, 0, y)
        _keep_state(state[tile], s)


@njit(cache=True)
def forward_search(rows: Any, coefficients: Any, state: Any, first_row: int, seek: Any, found: Any) -> None:
    """Filter forwards and look at the output, without keeping it.

    Parameters
    ----------
    rows, coefficients, state
        As in `forward`.
    first_row
        Number of the first row within the piece.
    seek, found
        `search.Seek` and `search.Found`.
    """
    c = _splats(coefficients)
    excess = np.empty((_AT_ONCE, LANES), np.uint32)
    for tile in range(state.shape[0]):
        s = _loads(coefficients, state[tile], 0)
        low, weakest = load(seek.low, tile, 0), load(seek.weakest, tile, 0)
        n_below = splat(np.float32(0))
        under, n_under = found.under[tile], found.n_under[tile]
        for top in range(0, rows.shape[0], _AT_ONCE):
            n = 0
            for row in range(top, min(top + _AT_ONCE, rows.shape[0])):
                y, s = _cascade(load(rows, row, tile * LANES), c, s)
                _note_spikes(y, weakest, first_row + row, under, n_under)
                if ((first_row + row) & (seek.every - 1)) == 0:
                    n_below = one_more_where_below(n_below, magnitude(y), low)
                    store_excess(excess, n, y, low)
                    n += 1
            _keep_inside(excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
        _keep_state(state[tile], s)
        _add_counts(n_below, found.n_below[tile])


@njit(cache=True)
def both_ways_search(
    rows: Any,
    coefficients: Any,
    state: Any,
    held: Any,
    n_held: int,
    back_coefficients: Any,
    settled: Any,
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
    back_coefficients, settled
        Backwards, and the state after an endless input of 1, in which it starts.
    first_row
        Number of the first row held within the piece.
    n_wanted
        How many of the first rows held are looked at.
    """
    c = _splats(coefficients)
    excess = np.empty((_AT_ONCE, LANES), np.uint32)
    back = np.empty((len(settled), LANES), np.float32)
    n_rows = n_held + rows.shape[0]
    for tile in range(state.shape[0]):
        own = held[tile]
        s = _loads(coefficients, state[tile], 0)
        for row in range(rows.shape[0]):
            y, s = _cascade(load(rows, row, tile * LANES), c, s)
            store(own, n_held + row, 0, y)
        _keep_state(state[tile], s)
        if n_wanted > 0:
            _settle(back, settled, own[n_rows - 1])
            _search_backwards(own, n_rows, back_coefficients, back, first_row, n_wanted, tile, seek, found, excess)
            for row in range(n_wanted, n_rows):
                store(own, row - n_wanted, 0, load(own, row, 0))


@njit(cache=True)
def backward_search(
    held: Any, n_rows: int, coefficients: Any, state: Any, first_row: int, seek: Any, found: Any
) -> None:
    """Filter the last rows of a segment backwards from a state, and look at all of the output without keeping it."""
    excess = np.empty((_AT_ONCE, LANES), np.uint32)
    for tile in range(state.shape[0]):
        _search_backwards(held[tile], n_rows, coefficients, state[tile], first_row, n_rows, tile, seek, found, excess)


@njit(cache=True)
def _settle(state: Any, settled: Any, level: Any) -> None:
    for row in range(len(settled)):
        for lane in range(LANES):
            state[row, lane] = settled[row] * level[lane]


@njit(cache=True)
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
    excess: Any,
) -> None:
    """Filter a tile backwards from row `n_rows`, and look at its first `n_wanted` rows."""
    c = _splats(coefficients)
    s = _loads(coefficients, state, 0)
    for row in range(n_rows - 1, n_wanted - 1, -1):
        y, s = _cascade(load(own, row, 0), c, s)
    low, weakest = load(seek.low, tile, 0), load(seek.weakest, tile, 0)
    n_below = splat(np.float32(0))
    under, n_under = found.under[tile], found.n_under[tile]
    n_before = n_under.copy()
    for top in range(n_wanted, 0, -_AT_ONCE):
        n = 0
        for row in range(top - 1, max(top - _AT_ONCE, 0) - 1, -1):
            y, s = _cascade(load(own, row, 0), c, s)
            _note_spikes(y, weakest, first_row + row, under, n_under)
            if ((first_row + row) & (seek.every - 1)) == 0:
                n_below = one_more_where_below(n_below, magnitude(y), low)
                store_excess(excess, n, y, low)
                n += 1
        _keep_inside(excess, n, seek.width[tile], found.inside[tile], found.n_inside[tile])
    _add_counts(n_below, found.n_below[tile])
    _put_in_order(n_before, under, n_under)


@njit(cache=True, forceinline=True)
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


@njit(cache=True)
def _keep_inside(excess: Any, n_rows: int, width: Any, inside: Any, n_inside: Any) -> None:
    """Keep what is less than `width` above the lower end of the bracket, channel by channel, without a branch.

    `excess` holds `n_rows` rows of sizes; where there might not be room for all, none are kept any more.
    """
    n_whole = -(-n_rows // LANES) * LANES
    excess[n_rows:n_whole] = _BEYOND
    if n_inside.max() + n_whole > inside.shape[1]:
        n_inside[:] = inside.shape[1] + 1
        return
    for row in range(0, n_whole, LANES):
        keep_less(excess, row, width, inside, n_inside)


@njit(cache=True)
def _add_counts(n_below: Any, counts: Any) -> None:
    for lane in range(LANES):
        counts[lane] += np.int64(channel_of(n_below, lane))


@njit(cache=True)
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


@njit(cache=True)
def mark_crossings(under: Any, threshold: Any, under_before: bool, marked: Any) -> int:
    """Mark samples under the threshold that follow one which is not; give the last row under it, or a number below 0.

    Parameters
    ----------
    under
        `search.UNDER`, by increasing row, with all samples under the threshold among them.
    under_before
        Whether the sample before row 0 was under its own threshold.
    marked
        bool, (n,); filled.
    """
    last = -1 if under_before else -2
    for place in range(len(under)):
        row = under[place]["row"]
        is_under = under[place]["value"] < threshold
        marked[place] = is_under and row != last + 1
        if is_under:
            last = row
    return last


@njit(cache=True)
def keep_late_enough(sample: Any, electrode: Any, last_kept: Any, apart: int, kept: Any) -> None:
    """Mark every spike at least `apart` samples after the last one kept on its electrode; `last_kept` is carried on."""
    for place in range(len(sample)):
        kept[place] = sample[place] - last_kept[electrode[place]] >= apart
        if kept[place]:
            last_kept[electrode[place]] = sample[place]
