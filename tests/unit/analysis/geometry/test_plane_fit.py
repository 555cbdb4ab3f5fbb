"""Quadratic surfaces over planes: exact where there is no noise, errors as often right as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from closedloop.analysis.expected.plane import expected_bend
from closedloop.analysis.geometry.plane_fit import design_of, fit_plane, ratio_interval

Floats = NDArray[np.float64]
U, V = (one.ravel() for one in np.meshgrid(np.linspace(-30, 30, 9), np.linspace(-30, 30, 9), indexing="ij"))


def surface(*numbers: float) -> Floats:
    level, slope, tilt, along, both, bend = numbers
    return level + slope * U + tilt * V + along * U**2 / 2 + both * U * V + bend * V**2 / 2


def test_a_quadratic_surface_is_found_exactly_also_with_images_missing() -> None:
    numbers = (4.0, 0.03, -0.01, 0.0007, -0.0004, 0.0011)
    responses = np.repeat(surface(*numbers)[:, None], 3, axis=1)
    responses[5], responses[40, 1] = np.nan, np.nan
    fit = fit_plane(U, V, responses)
    assert fit is not None
    np.testing.assert_allclose(fit.coefficients, numbers, rtol=1e-9, atol=1e-12)
    assert (fit.n_images, fit.n_presentations) == (80, 3 * 80 - 1)
    assert fit.curvature == pytest.approx(-0.0011 / 0.03)
    assert fit.explained == pytest.approx(1.0)


def test_the_sign_goes_by_the_sites_own_gradient() -> None:
    for slope in (0.03, -0.03):
        fit = fit_plane(U, V, np.repeat(surface(0, slope, 0, 0, 0, 0.001)[:, None], 2, axis=1))
        assert fit is not None
        assert fit.curvature == pytest.approx(-0.001 / 0.03)


def test_errors_are_those_of_least_squares_with_each_images_own_noise() -> None:
    random = np.random.default_rng(1)
    responses = surface(5, 0.02, 0, 0, 0, 0.001)[:, None] + random.standard_normal((81, 6)) * (
        1 + U[:, None] ** 2 / 900
    )
    fit = fit_plane(U, V, responses)
    assert fit is not None
    design = design_of(U, V)
    inverse = np.linalg.inv(design.T @ design)
    noise = responses.var(axis=1, ddof=1) / 6
    np.testing.assert_allclose(fit.covariance, inverse @ (design.T * noise) @ design @ inverse, rtol=1e-9)
    np.testing.assert_allclose(fit.coefficients, np.linalg.lstsq(design, responses.mean(axis=1), rcond=None)[0])


def test_intervals_of_a_ratio_are_all_values_that_the_data_allow() -> None:
    above, below, variances, covariance, degrees = 1.3, 2.0, (0.05, 0.09), 0.02, 40
    low, high = ratio_interval(above, below, variances=variances, covariance=covariance, degrees=degrees)
    limit = stats.t.ppf(0.975, degrees)
    tried = np.linspace(-3, 5, 200_001)
    allowed = np.abs(above - tried * below) <= limit * np.sqrt(
        variances[0] - 2 * tried * covariance + tried**2 * variances[1]
    )
    np.testing.assert_allclose((low, high), (tried[allowed].min(), tried[allowed].max()), atol=1e-4)
    assert ratio_interval(1.0, 0.1, variances=(0.1, 0.1), covariance=0.0, degrees=9) == (-math.inf, math.inf)


def test_intervals_of_counts_hold_the_truth_as_often_as_they_say_also_where_the_slope_is_weak() -> None:
    random, held = np.random.default_rng(2), {"bend": 0, "curvature": 0}
    n = 1500
    for _ in range(n):
        slope = random.uniform(-0.06, 0.06)
        rates = np.maximum(surface(9.0, slope, 0.02, 0.001, 0.0005, -0.003), 0.1) * np.exp(0.1 * np.sin(U / 9))
        truth = fit_plane(U, V, np.repeat(rates[:, None], 2, axis=1))
        fit = fit_plane(U, V, random.poisson(rates[:, None], (81, 10)).astype(np.float64))
        assert truth is not None
        assert fit is not None
        half = stats.t.ppf(0.975, fit.degrees) * fit.bend_error
        held["bend"] += abs(fit.bend - truth.bend) <= half
        low, high = fit.curvature_interval
        held["curvature"] += low <= truth.curvature <= high
    for name, hits in held.items():
        assert 0.935 < hits / n < 0.965, name


def test_a_plane_hardly_shown_is_none() -> None:
    assert fit_plane(U[:5], V[:5], np.ones((5, 4))) is None
    assert fit_plane(U, V, np.ones((81, 1))) is None
    on_a_line = np.where(V[:, None] == 0, surface(0, 0.02, 0, 0, 0, 0)[:, None], np.nan)
    assert fit_plane(U, V, np.repeat(on_a_line, 4, axis=1)) is None


def test_the_expected_error_is_the_spread_over_planes() -> None:
    expected = expected_bend(U, V, extent=30.0, noise=2.0, repetitions=10)
    random = np.random.default_rng(3)
    fits = [fit_plane(U, V, random.normal(0.02 * U[:, None], math.sqrt(2.0), (81, 10))) for _ in range(600)]
    edges = [fit.bend * 450 for fit in fits if fit is not None]
    assert np.std(edges) == pytest.approx(expected.edge_error, rel=0.1)
    seen = np.mean([fit.bend_p < 0.05 for fit in fits if fit is not None])
    assert 0.03 < seen < 0.07
    assert expected.power_of(0.0) == pytest.approx(0.05, abs=0.002)
    assert expected.power_of(expected.smallest) == pytest.approx(0.8, abs=1e-6)
    assert np.std([fit.slope for fit in fits if fit is not None]) == pytest.approx(expected.slope_error, rel=0.1)


def hardly_repeated(n_twice: int) -> Floats:
    responses = np.random.default_rng(4).standard_normal((81, 2)) + surface(5, 0.02, 0, 0, 0, 0.001)[:, None]
    responses[n_twice:, 1] = np.nan
    return responses


@pytest.mark.parametrize("n_twice", [1, 2, 5, 40, 81])
def test_the_error_has_no_more_degrees_of_freedom_than_there_are_showings_beyond_the_first(n_twice: int) -> None:
    fit = fit_plane(U, V, hardly_repeated(n_twice))
    assert fit is not None
    assert 1 <= fit.degrees <= n_twice


def test_where_one_image_alone_was_shown_twice_its_variance_is_everyones() -> None:
    responses = hardly_repeated(1)
    fit = fit_plane(U, V, responses)
    assert fit is not None
    variance = responses[0].var(ddof=1)
    weights = np.linalg.pinv(design_of(U, V))[5]
    assert fit.bend_error == pytest.approx(math.sqrt(variance * (weights[0] ** 2 / 2 + (weights[1:] ** 2).sum())))
    assert fit.bend_p == pytest.approx(2 * stats.t.sf(abs(fit.bend / fit.bend_error), 1))


@pytest.mark.parametrize("n_twice", [1, 2, 4, 12, 25])
def test_p_and_interval_keep_their_level_where_few_images_are_repeated(n_twice: int) -> None:
    random = np.random.default_rng(n_twice)
    u, v = (one.ravel() for one in np.meshgrid(np.linspace(-30, 30, 5), np.linspace(-30, 30, 5)))
    n, false, held = 2000, 0, 0
    for _ in range(n):
        responses = 9 + 0.05 * u[:, None] + 2 * random.standard_normal((25, 2))
        responses[random.permutation(25)[n_twice:], 1] = np.nan
        fit = fit_plane(u, v, responses)
        assert fit is not None
        false += fit.bend_p < 0.05
        low, high = fit.curvature_interval
        held += low <= 0 <= high
    assert false / n < 0.065
    assert held / n > 0.935
