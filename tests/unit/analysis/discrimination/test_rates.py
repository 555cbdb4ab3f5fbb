"""d' of the differencing model against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from closedloop.analysis.discrimination.rates import (
    difference_d_prime,
    difference_rates,
    normal,
    normal_quantile,
    percent_correct,
    within_bounds,
)


def test_three_quarters_of_hits_and_a_quarter_of_false_alarms_are_a_d_prime_of_2_57() -> None:
    """Macmillan and Creelman's table for the differencing model; z(H) - z(F) would give 1.35."""
    assert float(difference_d_prime(0.75, 0.25)) == pytest.approx(2.57, abs=0.005)


@given(st.floats(0.05, 8.0), st.floats(0.2, 4.0))
def test_rates_are_those_of_the_size_of_a_normal_difference(d_prime: float, criterion: float) -> None:
    hits, false = difference_rates(d_prime, criterion)
    difference = norm(d_prime, np.sqrt(2))
    assert float(hits) == pytest.approx(difference.sf(criterion) + difference.cdf(-criterion), abs=1e-9)
    assert float(false) == pytest.approx(2 * norm.sf(criterion / np.sqrt(2)), abs=1e-9)


@given(st.floats(0.1, 6.0), st.floats(0.5, 3.0))
def test_d_prime_is_found_again_from_its_rates(d_prime: float, criterion: float) -> None:
    hits, false = difference_rates(d_prime, criterion)
    assert float(difference_d_prime(hits, false)) == pytest.approx(d_prime, abs=1e-4)


def test_no_more_hits_than_false_alarms_are_no_d_prime() -> None:
    np.testing.assert_array_equal(difference_d_prime([0.3, 0.2], [0.3, 0.4]), [0.0, 0.0])


def test_the_normal_distribution_is_scipys() -> None:
    z = np.linspace(-8.9, 8.9, 4001)
    np.testing.assert_allclose(normal(z), norm.cdf(z), rtol=0, atol=1e-10)
    p = np.concatenate([np.linspace(0.001, 0.999, 999), [1e-8, 1 - 1e-8]])
    np.testing.assert_allclose(normal_quantile(p), norm.ppf(p), rtol=0, atol=1e-7)


@given(st.floats(0, 1))
def test_a_guesser_is_right_in_half_whatever_answer_is_preferred(rate: float) -> None:
    assert float(percent_correct(rate, rate)) == pytest.approx(0.5)


def test_a_rate_of_n_answers_stays_half_an_answer_from_certain() -> None:
    np.testing.assert_allclose(within_bounds([0.0, 1.0, 0.5], [10, 20, 4]), [0.05, 0.975, 0.5])
