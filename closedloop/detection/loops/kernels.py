"""Filter: the loops over samples, compiled by numba when they are first called.

Samples are float32 or int16, one row a moment; `LANES` channels (a tile) run side by side with the filter's state in
registers. Compilation takes about five seconds of a machine's first detection and is kept beside this file, or in the
user's cache where that cannot be written (`compiled`).
"""
# ruff: noqa: ARG001 - numba wants the same arguments of all variants

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from closedloop.detection.loops.lanes import (
    fma,
    fused_minus,
    load,
    load_row,
    plus,
    splat,
    store,
    store_row,
)
from closedloop.detection.loops.tiles import LANES, WIDE

_ZEROS_AT_ENDS = 2  # coefficients of a section whose zeros are 1 and -1
_FORGOTTEN = np.float32(1e-15)  # bits; numbers that die out further would become denormal, which are slow


def _is_tuple(kind: Any) -> bool:
    return hasattr(kind, "__len__")  # numba's types of tuples have a length


def splat_all(numbers: Any) -> Any:
    """Return each number of a tuple to all channels."""
    raise NotImplementedError


@overload(splat_all)
def _splat_all_compiled(numbers: Any) -> Any:
    if not _is_tuple(numbers):

        def one(numbers: Any) -> Any:
            return splat(np.float32(numbers))

        return one
    if len(numbers) == 1:

        def last(numbers: Any) -> Any:
            return (splat_all(numbers[0]),)

        return last

    def first(numbers: Any) -> Any:
        return (splat_all(numbers[0]), *splat_all(numbers[1:]))

    return first


def keep_all(numbers: Any, table: Any, row: Any) -> Any:
    """Write each number of a tuple to a row of its own, for all channels; return the row after them.

    Parameters
    ----------
    numbers
        Coefficients of the sections, a tuple.
    table
        float32, (at least as many, LANES); filled.
    row
        The first number's row.
    """
    raise NotImplementedError


@overload(keep_all)
def _keep_all_compiled(numbers: Any, table: Any, row: Any) -> Any:
    if not _is_tuple(numbers):

        def one(numbers: Any, table: Any, row: Any) -> Any:
            store_row(table, row, splat(np.float32(numbers)))
            return row + 1

        return one
    if len(numbers) == 1:

        def last(numbers: Any, table: Any, row: Any) -> Any:
            return keep_all(numbers[0], table, row)

        return last

    def first(numbers: Any, table: Any, row: Any) -> Any:
        return keep_all(numbers[1:], table, keep_all(numbers[0], table, row))

    return first


def count(numbers: Any) -> Any:
    """Return how many numbers a tuple and the tuples in it have."""
    raise NotImplementedError


@overload(count)
def _count_compiled(numbers: Any) -> Any:
    if not _is_tuple(numbers):

        def one(numbers: Any) -> Any:
            return 1

        return one
    if len(numbers) == 1:

        def last(numbers: Any) -> Any:
            return count(numbers[0])

        return last

    def first(numbers: Any) -> Any:
        return count(numbers[0]) + count(numbers[1:])

    return first


def tiles_beside(sections: Any, most: int) -> int:
    """Return how many tiles run side by side: two of few sections, so that one is computed while the other waits."""
    raise NotImplementedError


@overload(tiles_beside)
def _tiles_beside_compiled(sections: Any, most: int) -> Any:
    n = len(sections)

    def number(sections: Any, most: int) -> int:
        return 2 if n <= most else 1

    return number


def load_all(numbers: Any, table: Any, row: Any) -> Any:
    """Take the numbers of a tuple from where `keep_all` wrote them.

    In a loop that also writes, the compiler cannot know that they stay the same: it takes them from memory each time,
    as part of the instructions that use them, and all registers are the state's. (Splat once, they take registers, and
    parts of the state move to memory and back in every row: half the speed on a processor with sixteen.) With 32
    registers they are splat, and stay there.

    Parameters
    ----------
    numbers, table, row
        As of `keep_all`.
    """
    raise NotImplementedError


@overload(load_all)
def _load_all_compiled(numbers: Any, table: Any, row: Any) -> Any:
    if WIDE:

        def held(numbers: Any, table: Any, row: Any) -> Any:
            return splat_all(numbers)

        return held
    if not _is_tuple(numbers):

        def one(numbers: Any, table: Any, row: Any) -> Any:
            return load_row(table, row)

        return one
    if len(numbers) == 1:

        def last(numbers: Any, table: Any, row: Any) -> Any:
            return (load_all(numbers[0], table, row),)

        return last

    def first(numbers: Any, table: Any, row: Any) -> Any:
        return (load_all(numbers[0], table, row), *load_all(numbers[1:], table, row + count(numbers[0])))

    return first


def load_state(coefficients: Any, state: Any, row: Any) -> Any:
    """Take the state of all sections, two rows a section.

    Parameters
    ----------
    coefficients
        Of the sections, a tuple.
    state
        float32, (2 * n_sections, LANES).
    row
        The first section's first row.
    """
    raise NotImplementedError


@overload(load_state)
def _load_state_compiled(coefficients: Any, state: Any, row: Any) -> Any:
    if len(coefficients) == 1:

        def last(coefficients: Any, state: Any, row: Any) -> Any:
            return (load(state, row, 0), load(state, row + 1, 0))

        return last

    def first(coefficients: Any, state: Any, row: Any) -> Any:
        return (load(state, row, 0), load(state, row + 1, 0), *load_state(coefficients[1:], state, row + 2))

    return first


def cascade(x: Any, c: Any, s: Any) -> Any:
    """Run one sample through all sections; give the output and the new state.

    Parameters
    ----------
    x
        `LANES` samples.
    c, s
        Coefficients and state of all sections, in registers.
    """
    raise NotImplementedError


@overload(cascade)
def _cascade_compiled(x: Any, c: Any, s: Any) -> Any:
    if len(c) == 1:

        def last(x: Any, c: Any, s: Any) -> Any:
            return _section(x, c[0], s)

        return last

    def first(x: Any, c: Any, s: Any) -> Any:
        y, state = _section(x, c[0], s)
        z, rest = cascade(y, c[1:], s[2:])
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


@njit
def keep_state(state: Any, registers: Any) -> None:
    """Write a tile's state back from the registers; what has died out becomes zero."""
    for row, value in enumerate(registers):
        store(state, row, 0, value)
    for row in range(state.shape[0]):
        for lane in range(LANES):
            if abs(state[row, lane]) < _FORGOTTEN:
                state[row, lane] = 0


@njit
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
    c = splat_all(coefficients)
    for tile in range(state.shape[0]):
        s = load_state(coefficients, state[tile], 0)
        for row in range(rows.shape[0]):
            y, s = cascade(load(rows, row, tile * LANES), c, s)
            store(out[tile], at + row, 0, y)
        keep_state(state[tile], s)


@njit
def backward(rows: Any, coefficients: Any, state: Any) -> None:
    """Filter backwards in place; `rows` is float32, (n_tiles, n_rows, LANES), the rest as in `forward`.

    Parameters
    ----------
    rows
        float32, (n_tiles, n_rows, LANES); filtered in place.
    coefficients, state
        As in `forward`.
    """
    c = splat_all(coefficients)
    for tile in range(state.shape[0]):
        s = load_state(coefficients, state[tile], 0)
        for row in range(rows.shape[1] - 1, -1, -1):
            y, s = cascade(load(rows[tile], row, 0), c, s)
            store(rows[tile], row, 0, y)
        keep_state(state[tile], s)
