"""The power is that of the interval that estimates carry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from closedloop.analysis.expected.power import power_of_mean, smallest_effect
from closedloop.analysis.sensitivity import paired_difference


@pytest.mark.parametrize("n_images", [2, 3, 4, 6, 10, 11, 16, 84, 882])
@pytest.mark.parametrize("effect", [0.0, 0.5, 1.0, 2.0, 2.8, 4.0, 8.0, -2.0])
def test_it_is_the_noncentral_t(n_images: int, effect: float) -> None:
    degrees = n_images - 1
    limit = stats.t.ppf(0.975, degrees)
    below = stats.nct.cdf(-limit, degrees, effect)  # NaN where there is nothing
    exact = stats.nct.sf(limit, degrees, effect) + np.nan_to_num(below)
    assert power_of_mean(effect, 1.0, n_images=n_images) == pytest.approx(exact, abs=0.002)


@pytest.mark.parametrize("effect", [0.0, 0.3, 0.5])
def test_it_is_how_often_paired_differences_exclude_zero(effect: float) -> None:
    random = np.random.default_rng(7)
    image, site, seen = np.repeat(np.arange(30), 3), np.tile(np.arange(3), 30), []
    for _ in range(2000):
        before, after = random.normal(0, 1, (2, 90)) + random.normal(0, 0.5, (2, 30)).repeat(3, axis=1)
        low, high = paired_difference(before, after + effect, image_index=image, site_index=site).interval
        seen.append(not low <= 0 <= high)
    error = math.sqrt(2 * (1 + 3 * 0.25) / 90)
    assert np.mean(seen) == pytest.approx(power_of_mean(effect, error, n_images=30), abs=0.035)  # three binomial SE


def test_what_a_standard_error_does_not_see_makes_the_test_reject_too_often() -> None:
    scale = math.sqrt(1 + 3.0)
    exact = 2 * stats.norm.sf(stats.norm.ppf(0.975) / scale)
    assert power_of_mean(0.0, 1.0, n_images=100_000, more_variance=3.0) == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_the_smallest_effect_has_the_power_it_is_for(power: float) -> None:
    found = smallest_effect(0.04, n_images=84, more_variance=1e-4, power=power)
    assert power_of_mean(found, 0.04, n_images=84, more_variance=1e-4) == pytest.approx(power, abs=1e-6)


def test_of_two_sites_what_is_told_in_four_of_five_is_sixteen_standard_errors() -> None:
    exact = optimize.brentq(lambda effect: stats.nct.sf(stats.t.ppf(0.975, 1), 1, effect) - 0.8, 5, 40)
    assert smallest_effect(1.0, n_images=2) == pytest.approx(exact, rel=0.005)
    limits = stats.t.ppf(0.975, 1) * np.abs(np.random.default_rng(0).normal(size=400_000))  # by two values each
    drawn = np.mean(stats.norm.sf(limits, 1, 2) + stats.norm.cdf(-limits, 1, 2))
    assert power_of_mean(1.0, 1.0, n_images=2, more_variance=3.0) == pytest.approx(drawn, abs=0.002)


@pytest.mark.parametrize(("error", "n_images"), [(float("nan"), 84), (0.0, 84), (0.1, 1)])
def test_what_has_no_standard_error_has_no_power(error: float, n_images: int) -> None:
    assert math.isnan(power_of_mean(1.0, error, n_images=n_images))
    assert math.isnan(smallest_effect(error, n_images=n_images))
