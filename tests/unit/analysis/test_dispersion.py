"""Sigma, its noise-corrected twin, and the difference of two random images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from closedloop.analysis.dispersion import normalize, random_pair_change, sigma, sigma_corrected


def test_sigma_is_the_sample_sd_of_the_images_that_were_seen() -> None:
    rates = np.array([[1.0, 10.0], [4.0, np.nan], [7.0, 14.0]])
    assert sigma(rates) == pytest.approx([3.0, np.sqrt(8.0)])


def test_sigma_needs_two_images() -> None:
    assert np.isnan(sigma(np.array([[1.0, np.nan], [np.nan, np.nan]]))).all()


def test_corrected_sigma_is_the_images_and_sigma_has_the_noise_in_it() -> None:
    rng = np.random.default_rng(0)
    signal = 20 + rng.normal(scale=6.0, size=(20_000, 3))
    repetitions = signal[..., None] + rng.normal(scale=8.0, size=(20_000, 3, 2))
    assert sigma_corrected(repetitions) == pytest.approx([6.0] * 3, rel=0.04)
    # Two repetitions of variance 64 average to 32: their mean has SD sqrt(36 + 32).
    assert sigma(repetitions.mean(axis=2)) == pytest.approx([np.sqrt(68.0)] * 3, rel=0.02)


def test_corrected_sigma_is_unknown_where_noise_hides_the_images() -> None:
    assert np.isnan(sigma_corrected(np.array([[[1.0, 2.0]], [[2.0, 1.0]]])))[0]


def mean_covariance_of_halves(repetitions: np.ndarray) -> float:
    """Average over all ways to halve two repetitions of each image, (n_images, 2): either may be in either half."""
    swaps = itertools.product([False, True], repeat=len(repetitions))
    return float(
        np.mean(
            [np.cov(*np.where(np.array(swap)[:, None], repetitions[:, ::-1], repetitions).T)[0, 1] for swap in swaps]
        )
    )


def test_corrected_sigma_is_the_mean_covariance_of_all_halves_and_hangs_on_no_drawn_one() -> None:
    repetitions = np.random.default_rng(3).normal(size=(8, 2)) + np.arange(8)[:, None]
    expected = np.sqrt(mean_covariance_of_halves(repetitions))
    assert sigma_corrected(repetitions[:, None]) == pytest.approx([expected])
    assert sigma_corrected(repetitions[:, None, ::-1]) == pytest.approx([expected])
    assert abs(np.sqrt(np.cov(*repetitions.T)[0, 1]) - expected) > 0.01  # one half drawn


def test_corrected_sigma_skips_images_with_fewer_than_two_repetitions() -> None:
    nan, whole = np.nan, np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    repetitions = np.array([*([*own, nan] for own in whole), [100.0, nan, nan], [nan, nan, nan]])[:, None, :]
    assert sigma_corrected(repetitions) == pytest.approx([np.sqrt(mean_covariance_of_halves(whole))])


def test_a_change_is_divided_by_its_own_sites_sigma_and_a_silent_site_has_no_scale() -> None:
    normalized = normalize(np.array([6.0, 6.0, 1.0]), np.array([2.0, 3.0, 0.0]), site_index=np.array([1, 0, 2]))
    assert normalized[:2] == pytest.approx([2.0, 3.0])
    assert np.isnan(normalized[2])


def test_the_random_pair_change_is_the_mean_over_all_pairs() -> None:
    rates = np.random.default_rng(1).gamma(2.0, size=(40, 2))
    rates[5, 1] = np.nan
    seen = rates[np.isfinite(rates[:, 1]), 1]
    expected = [pdist(rates[:, :1], "cityblock").mean(), pdist(seen[:, None], "cityblock").mean()]
    assert random_pair_change(rates) == pytest.approx(expected)
