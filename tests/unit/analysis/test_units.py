"""Means over units count every unit once; intervals and lines have the size that closed forms give."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest

from closedloop.analysis.units import mean_over_units, normalized_random_pair, unit_means


def test_a_unit_with_more_images_counts_no_more_than_another() -> None:
    values, unit = np.array([1.0, 1.0, 1.0, 5.0]), np.array([7, 7, 7, 2])
    found = mean_over_units(values, unit, seed=0)
    assert (found.mean, found.n_units, found.n_values) == (3.0, 2, 4)
    assert unit_means(values, unit).tolist() == [5.0, 1.0]


def test_the_spread_is_the_standard_deviation_over_units() -> None:
    by_unit = [0.3, 1.1, 0.8, 2.4]
    found = mean_over_units(np.repeat(by_unit, 3), np.repeat(np.arange(4), 3), seed=0)
    assert found.sd == pytest.approx(statistics.stdev(by_unit))


def test_the_interval_is_that_of_a_normal_mean() -> None:
    by_unit = np.random.default_rng(3).normal(5.0, 2.0, 400)
    found = mean_over_units(by_unit, np.arange(400), seed=1)
    expected = 1.96 * by_unit.std(ddof=1) / math.sqrt(400)
    assert found.high - by_unit.mean() == pytest.approx(expected, rel=0.1)
    assert by_unit.mean() - found.low == pytest.approx(expected, rel=0.1)


def test_images_of_one_unit_are_no_independent_evidence() -> None:
    by_unit = np.random.default_rng(4).normal(5.0, 2.0, 30)
    once = mean_over_units(by_unit, np.arange(30), seed=1)
    often = mean_over_units(np.repeat(by_unit, 50), np.repeat(np.arange(30), 50), seed=1)
    assert often.high - often.low == pytest.approx(once.high - once.low)


def test_one_unit_has_no_interval() -> None:
    found = mean_over_units(np.array([1.0, 3.0]), np.array([4, 4]), seed=0)
    assert found.mean == 2.0
    assert all(math.isnan(value) for value in (found.sd, found.low, found.high))


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="n > 0"):
        mean_over_units(np.array([]), np.array([], dtype=int), seed=0)


def test_two_random_images_differ_by_the_mean_over_all_pairs() -> None:
    responses = np.random.default_rng(0).gamma(2.0, size=(40, 3))
    for unit, found in enumerate(normalized_random_pair(responses)):
        of_unit = responses[:, unit].tolist()
        pairs = [abs(a - b) for a, b in itertools.combinations(of_unit, 2)]
        assert found == pytest.approx(statistics.mean(pairs) / statistics.stdev(of_unit))


def test_random_pairs_of_normal_and_uniform_responses_have_the_textbook_s_size() -> None:
    draw = np.random.default_rng(0)
    responses = np.column_stack([draw.normal(3.0, 7.0, 40_000), draw.uniform(-1.0, 4.0, 40_000)])
    normal, uniform = normalized_random_pair(responses)
    assert normal == pytest.approx(2 / math.sqrt(math.pi), rel=0.01)
    assert uniform == pytest.approx(2 / math.sqrt(3), rel=0.01)


def test_a_unit_that_never_varies_has_no_scale() -> None:
    assert np.isnan(normalized_random_pair(np.full((5, 1), 2.0))).all()
