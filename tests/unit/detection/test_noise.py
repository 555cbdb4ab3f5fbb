"""The exact median from a bracket, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.detection.noise import bracket, exact_median, middle_in_bracket

values = st.lists(st.integers(0, 30), min_size=1, max_size=25).map(lambda found: np.array(found, np.float32))


@given(values)
def test_the_exact_median_is_numpys(sizes: np.ndarray) -> None:
    assert exact_median(sizes) == np.median(sizes)


@given(values, st.integers(-1, 31), st.integers(0, 32))
def test_a_bracket_gives_the_median_or_says_that_it_missed(sizes: np.ndarray, low: int, width: int) -> None:
    inside = sizes[(sizes >= low) & (sizes < low + width)]
    found = middle_in_bracket(len(sizes), int((sizes < low).sum()), inside)
    ordered = np.sort(sizes)
    middle = {ordered[(len(sizes) - 1) // 2], ordered[len(sizes) // 2]}
    if all(low <= value < low + width for value in middle):
        assert found is not None
        assert found.mean() == np.median(sizes)
    else:
        assert found is None


def test_a_sample_brackets_the_median_of_what_it_was_drawn_from() -> None:
    drawn = np.abs(np.random.default_rng(1).normal(0, 1, (200, 4096))).astype(np.float32)
    low, high = bracket(drawn)
    assert (low < 0.6745).all()
    assert (high > 0.6745).all()
    share = 4.0 * np.sqrt(2.0 * 4096) / 4096  # of all values, on both sides together
    assert (high - low).mean() == pytest.approx(share / (2 * 0.31777657), rel=0.02)  # density of |v| at its median


def test_of_few_values_all_lie_within() -> None:
    low, high = bracket(np.array([[3.0, 1.0, 2.0]], np.float32))
    assert (low, high) == (pytest.approx([1.0]), pytest.approx([3.0]))
