"""Codes out of digital lines: at rest or at a strobe, never out of what lines pass through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.neo_files.codes import codes_at_rest, codes_at_strobe
from closedloop.neo_files.lines import Words


def words(*changes: tuple[int, int], end: int = 100_000) -> Words:
    tick, word = (np.array([change[place] for change in changes], np.int64) for place in (0, 1))
    return Words(0, end, tick, word)


def test_lines_that_move_one_after_the_other_make_one_code_at_the_first_move() -> None:
    found = codes_at_rest(words((0, 0), (100, 1), (103, 3), (106, 7), (200, 6), (203, 4), (206, 0)), settle_ticks=5)
    assert (found.tick.tolist(), found.value.tolist(), found.n_short) == ([100], [7], 4)


def test_a_code_held_for_three_samples_is_seen() -> None:
    """The rig holds a code for .1 ms: three samples at 30 kHz."""
    found = codes_at_rest(words((0, 0), (100, 5), (103, 0), (160, 5), (163, 0)), settle_ticks=1.5)
    assert (found.tick.tolist(), found.value.tolist()) == ([100, 160], [5, 5])


def test_what_the_lines_said_at_the_start_is_no_code() -> None:
    assert codes_at_rest(words((0, 9), (500, 0), (700, 4)), settle_ticks=2).value.tolist() == [4]


def test_a_glitch_within_a_code_does_not_double_it() -> None:
    assert codes_at_rest(words((0, 0), (100, 5), (200, 7), (201, 5), (300, 0)), settle_ticks=3).tick.tolist() == [100]


@given(
    st.lists(st.integers(1, 255), min_size=1, max_size=20),
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
)
def test_any_skew_below_the_rest_gives_the_codes_that_were_sent(values: list[int], delay: list[int]) -> None:
    moves = sorted(
        (1_000 * (place + 1) + rise + delay[line], line, up)
        for place, value in enumerate(values)
        for rise, up in ((0, 1), (500, 0))
        for line in range(8)
        if value >> line & 1
    )
    changes, word = [(0, 0)], 0
    for tick, line, up in moves:
        word = word | 1 << line if up else word & ~(1 << line)
        if changes[-1][0] == tick:
            changes.pop()
        changes.append((tick, word))
    found = codes_at_rest(words(*changes), settle_ticks=6)
    assert found.value.tolist() == values
    assert found.tick.tolist() == [
        1_000 * (place + 1) + min(delay[line] for line in range(8) if value >> line & 1)
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize("settle_ticks", [1, 5])
def test_at_a_strobe_the_lines_are_read_whatever_they_did_before(settle_ticks: int) -> None:
    strobe = 1 << 8
    seen = words((0, 0), (90, 1), (95, 5), (100, 5 | strobe), (130, 5), (140, 0), (200, strobe), (230, 0))
    found = codes_at_strobe(seen, strobe_bit=8, settle_ticks=settle_ticks)
    assert (found.tick.tolist(), found.value.tolist()) == ([100, 200], [5, 0])


def test_a_strobe_too_short_is_none_and_is_counted() -> None:
    seen = words((0, 0), (100, 1 << 8 | 5), (101, 5), (200, 1 << 8 | 6), (300, 0))
    found = codes_at_strobe(seen, strobe_bit=8, settle_ticks=3)
    assert (found.tick.tolist(), found.value.tolist(), found.n_short) == ([200], [6], 1)
