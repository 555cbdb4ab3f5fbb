"""What is assumed of a fitted model's attacks before any was measured."""

from __future__ import annotations

import pytest

from closedloop.planning.assumed import SIZE_OF_PREDICTED, SPREAD_OF_PREDICTED, assumed_change


def test_sizes_follow_what_the_model_predicts_of_its_attacks() -> None:
    power = {epsilon: 0.07 * epsilon**1.1 for epsilon in (1.0, 2.5, 10.0)}
    found = assumed_change(1, power, is_fitted=True)
    assert found.exponent == pytest.approx(1.1)
    assert found.size == pytest.approx(SIZE_OF_PREDICTED * 0.07)
    assert found.spread == pytest.approx(SPREAD_OF_PREDICTED * 0.07)
    twice = assumed_change(1, {epsilon: 2 * one for epsilon, one in power.items()}, is_fitted=True)
    assert twice.spread == pytest.approx(2 * found.spread)


def test_one_epsilon_tells_the_level_and_not_the_power() -> None:
    found, usual = (assumed_change(1, own, is_fitted=True) for own in ({10.0: 1.0}, {}))
    assert found.exponent == usual.exponent
    assert found.spread * 10**found.exponent == pytest.approx(SPREAD_OF_PREDICTED)


def test_a_model_that_has_seen_nothing_moves_nothing_whatever_it_predicts() -> None:
    found = assumed_change(0, {1.0: 0.2, 10.0: 2.0}, is_fitted=False)
    assert (found.size, found.exponent) == (0, 1)
    assert assumed_change(0, {}, is_fitted=True).size > 0  # a second session of day 0
