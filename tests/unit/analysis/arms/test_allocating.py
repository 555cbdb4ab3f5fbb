"""Who gets the attacks that move: chances against closed forms, whole numbers that add up, and what may not count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from closedloop.analysis.arms.allocating import chance_of_best, deal_out, known_arms, parts_moved
from closedloop.analysis.arms.comparing import ArmChanges

MANY = 10**6  # degrees: a normal


@pytest.mark.parametrize("degrees", [4, 41, MANY])
def test_between_two_arms_the_chance_is_students_of_their_difference(degrees: int) -> None:
    covariance = np.array([[0.5, 0.2], [0.2, 0.4]])
    found = chance_of_best(np.array([0.3, 0.8]), covariance, degrees=degrees)
    expected = stats.t.cdf(0.5 / np.sqrt(0.5 + 0.4 - 2 * 0.2), degrees)
    assert found == pytest.approx([1 - expected, expected], abs=0.012)


def test_among_three_arms_it_is_the_integral() -> None:
    mean, error = np.array([0.0, 0.4, 0.9]), np.array([1.0, 0.5, 0.7])

    def density(x: float, arm: int) -> float:
        others = [stats.norm.cdf(x, mean[one], error[one]) for one in range(3) if one != arm]
        return float(stats.norm.pdf(x, mean[arm], error[arm]) * np.prod(others))

    expected = [integrate.quad(density, -8, 8, args=(arm,))[0] for arm in range(3)]
    assert chance_of_best(mean, np.diag(error**2), degrees=MANY) == pytest.approx(expected, abs=0.012)


def test_what_arms_share_changes_no_chance_and_arms_that_are_one_have_the_same() -> None:
    mean, covariance = np.array([0.1, 0.3]), np.diag([0.2, 0.3])
    shared = chance_of_best(mean + 7, covariance + 5.0, degrees=MANY)
    assert shared == pytest.approx(chance_of_best(mean, covariance, degrees=MANY), abs=0.015)
    same = chance_of_best(np.array([1.0, 1.0]), np.full((2, 2), 0.3), degrees=10)
    assert same == pytest.approx([0.5, 0.5], abs=0.02)


def test_only_pairs_that_all_arms_attacked_in_one_session_count_and_errors_are_by_image() -> None:
    first = ArmChanges(
        "first", *map(np.array, ([1.0, 3.0, 2.0, 9.0, 9.0], [0, 0, 1, 2, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]))
    )
    second = ArmChanges("second", *map(np.array, ([0.0, 1.0, 4.0, np.nan], [0, 0, 1, 2], [0, 1, 0, 0], [0, 0, 0, 0])))
    found = known_arms([first, second])
    assert (found.n_pairs, found.n_images, found.n_sessions) == (3, 2, 1)
    assert found.mean == pytest.approx([2.0, 5 / 3])
    # Image 0 has the sums of residuals 0 and -7/3 of its two pairs, image 1 those of its one: 0 and 7/3; by 3 pairs.
    assert found.covariance == pytest.approx(2 / 1 * np.array([[0, 0], [0, 2 * (7 / 9) ** 2]]))
    none = ArmChanges("none", np.empty(0), *(np.empty(0, dtype=np.int64) for _ in range(3)))
    assert not known_arms([first, none]).is_known


def test_without_a_difference_each_arm_gets_back_what_it_gave() -> None:
    assert parts_moved(np.full(3, 1 / 3), np.array([60, 30, 10])) == pytest.approx([0.6, 0.3, 0.1])
    assert parts_moved(np.array([1.0, 0.0]), np.array([5, 5])).tolist() == [1.0, 0.0]


@given(
    weights=st.lists(st.floats(0.01, 1), min_size=2, max_size=6),
    n=st.integers(0, 400),
    room=st.integers(0, 300),
)
def test_whole_numbers_add_up_and_stay_by_their_parts_and_within_what_there_is(
    weights: list[float], n: int, room: int
) -> None:
    parts, n = np.array(weights) / sum(weights), min(n, room * len(weights))
    most = np.full(len(parts), room)
    dealt = deal_out(parts, n, most=most)
    assert dealt.sum() == n
    assert (dealt <= most).all()
    if (parts * n + 1 <= room).all():
        assert np.abs(dealt - parts * n).max() < 1
    both = deal_out(np.stack([parts, parts[::-1]]), n, most=most)
    assert both[0].tolist() == dealt.tolist()


def test_where_nothing_moves_nobody_gets_more() -> None:
    nothing = np.array([0, 0])
    parts = parts_moved(np.array([0.3, 0.7]), nothing)
    assert parts.tolist() == [0, 0]
    assert deal_out(parts, 0, most=np.array([10, 10])).tolist() == [0, 0]
