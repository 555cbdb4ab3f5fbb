"""How sensitivity is measured: sections 2 and 3.1 (last equation) of Guo et al. 2022, Figures 1A and 5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.dispersion import normalize, random_pair_change, sigma
from closedloop.analysis.sensitivity import noiseless_mean_absolute, noiseless_rms, paper_estimate
from closedloop.artifacts.protocol.protocol import read_protocol

PAPER = read_protocol(Path(__file__).parents[2] / "protocols" / "guo2022.yaml")
N = 40_000
IMAGES, SITE = np.arange(N), np.zeros(N, dtype=np.int64)


def estimate(change: np.ndarray, sign: np.ndarray) -> float:
    """Apply the estimator to changes r(x + delta) - r(x) and predicted signs of f(x + delta) - f(x)."""
    index = np.arange(len(change))
    return paper_estimate(change, sign, image_index=index, site_index=np.zeros(len(change), dtype=np.int64)).mean


def test_the_estimator_is_the_mean_of_sealed_sign_times_measured_difference() -> None:
    """Section 3.1, last equation, on four images by hand.

    f(x) = 1, 2, 5, 3 and f(x + d) = 3, 1, 6, 3: signs of f(x) - f(x + d) are -, +, -, 0.
    r(x) = 10, 20, 30, 40 and r(x + d) = 25, 12, 24, 90: r(x) - r(x + d) = -15, 8, 6, -50.
    (15 + 8 - 6 + 0) / 4 = 4.25.
    """
    model_clean, model_attacked = np.array([1, 2, 5, 3]), np.array([3, 1, 6, 3])
    rate_clean, rate_attacked = np.array([10.0, 20, 30, 40]), np.array([25.0, 12, 24, 90])
    assert estimate(rate_attacked - rate_clean, np.sign(model_attacked - model_clean)) == 4.25
    # Both differences turned round, as the paper writes them, give the same.
    assert estimate(rate_clean - rate_attacked, np.sign(model_clean - model_attacked)) == 4.25


def test_with_all_signs_right_and_no_noise_it_is_the_mean_absolute_change() -> None:
    """Section 3.1: unbiased "if the model ... predicted all the directions of neural movement correctly"; eq. 2."""
    change = np.array([3.0, -4.0, 0.5])
    assert estimate(change, np.sign(change).astype(int)) == pytest.approx((3 + 4 + 0.5) / 3)


def test_it_never_exceeds_the_mean_absolute_change() -> None:
    """Section 3.1: the inequality, for every choice of eight signs."""
    change = np.array([3.0, -4.0, 0.5])
    for number in range(8):
        sign = np.array([1 if number >> bit & 1 else -1 for bit in range(3)])
        assert estimate(change, sign) <= np.abs(change).mean()


def test_under_pure_noise_it_is_zero_on_average_because_the_sign_was_sealed_before() -> None:
    """Noise of SD s on both responses: the estimate has mean 0 and standard error s sqrt(2 / N)."""
    random = np.random.default_rng(0)
    clean, attacked = random.normal(50, 10, (2, N))
    sealed = random.choice([-1, 1], N)
    assert abs(estimate(attacked - clean, sealed)) < 4 * 10 * np.sqrt(2 / N)


def test_a_sign_taken_from_the_same_responses_counts_noise_as_sensitivity() -> None:
    """Section 3.1: "the average of the absolute value of response change will result in a positive bias".

    The difference of two normals of SD s has SD s sqrt(2), its absolute value the mean 2 s / sqrt(pi).
    """
    clean, attacked = np.random.default_rng(1).normal(50, 10, (2, N))
    change = attacked - clean
    biased = estimate(change, np.sign(change).astype(int))
    assert biased == pytest.approx(2 * 10 / np.sqrt(np.pi), rel=0.02)
    assert biased == noiseless_mean_absolute(change, image_index=IMAGES, site_index=SITE).mean


def test_sensitivity_is_divided_by_the_sites_sd_over_clean_images() -> None:
    """Section 2: normalized sensitivity is s / sigma, "the standard deviation ... over many different clean images".

    Rates 10, 20, 30 Hz have SD 10; 5, 5, 20 Hz have SD sqrt(75).
    """
    rates = np.array([[10.0, 5], [20, 5], [30, 20]])
    spread = sigma(rates)
    np.testing.assert_allclose(spread, [10.0, np.sqrt(75)])
    change = normalize(np.array([25.0, -5.0]), spread, site_index=np.array([0, 1]))
    np.testing.assert_allclose(change, [2.5, -5 / np.sqrt(75)])


def test_a_random_pair_of_images_is_1_13_sigma_apart_where_responses_are_normal() -> None:
    """Figure 1A, dashed blue line: E|x - y| = 2 sigma / sqrt(pi). The sample is the normal's quantiles: no chance."""
    quantiles = stats.norm.ppf((np.arange(N) + 0.5) / N, loc=60, scale=7)[:, None]
    pair = random_pair_change(quantiles) / sigma(quantiles)
    assert pair[0] == pytest.approx(2 / np.sqrt(np.pi), rel=1e-3)


def test_a_random_pair_is_every_pair_of_different_images() -> None:
    """10, 20 and 50 Hz differ by 10, 30 and 40: 80 / 3."""
    assert random_pair_change(np.array([[20.0], [10.0], [50.0]]))[0] == pytest.approx(80 / 3)


def test_the_controls_root_mean_square_bounds_their_mean_absolute_change_from_above() -> None:
    """Figure 5: RMS "upper bounds the mean absolute differences"; for a normal it is sqrt(pi / 2) times as large."""
    change = stats.norm.ppf((np.arange(N) + 0.5) / N)
    rms = noiseless_rms(change, image_index=IMAGES, site_index=SITE).mean
    absolute = noiseless_mean_absolute(change, image_index=IMAGES, site_index=SITE).mean
    assert rms / absolute == pytest.approx(np.sqrt(np.pi / 2), rel=1e-3)
    assert (PAPER.controls.gaussian, PAPER.controls.linear_interpolation) == (True, True)
