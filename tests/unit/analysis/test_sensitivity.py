"""Estimators against closed forms: section 3.1's inequality, sign agreement, noise, the controls' RMS."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.sensitivity import (
    by_site,
    cross_fitted_estimate,
    noise_corrected_rms,
    noiseless_mean_absolute,
    noiseless_rms,
    paired_difference,
    paper_estimate,
    signed_root,
)

N = 40_000
IMAGE, SITE = np.arange(N), np.arange(N) % 21


def _noise(seed: int, scale: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=scale, size=N)


def repetitions(*changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two repetitions a pair, the clean ones without noise: the halves' changes are those given."""
    return np.zeros((len(changes[0]), len(changes))), np.stack(changes, axis=1)


def _signs(seed: int, p_plus: float = 0.5) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(N) < p_plus, 1, -1)


def test_with_right_signs_the_papers_estimate_is_unbiased_where_the_naive_one_counts_noise() -> None:
    truth = 0.05 * _signs(0)
    change = truth + _noise(1, 0.57)
    estimate = paper_estimate(change, np.sign(truth), image_index=IMAGE, site_index=SITE)
    assert estimate.mean == pytest.approx(0.05, abs=4 * 0.57 / np.sqrt(N))
    assert estimate.standard_error == pytest.approx(0.57 / np.sqrt(N), rel=0.03)
    # E|N(mu, s)|, folded normal: nine times the truth at this noise (facts: .453 for .050 at two repetitions).
    folded = stats.foldnorm(c=0.05 / 0.57, scale=0.57).mean()
    naive = noiseless_mean_absolute(change, image_index=IMAGE, site_index=SITE)
    assert naive.mean == pytest.approx(folded, abs=0.01)
    assert folded > 9 * 0.05


@pytest.mark.parametrize("p", [0.5, 0.75, 0.97, 0.0])
def test_with_a_part_p_of_right_signs_it_is_the_truth_times_two_p_minus_one(p: float) -> None:
    truth = 0.4 * _signs(2)
    predicted = np.sign(truth) * _signs(3, p)
    estimate = paper_estimate(truth + _noise(4, 0.6), predicted, image_index=IMAGE, site_index=SITE)
    assert estimate.mean == pytest.approx(0.4 * (2 * p - 1), abs=4 * 0.75 / np.sqrt(N))


def test_a_predicted_sign_of_zero_contributes_zero_and_still_counts() -> None:
    estimate = paper_estimate(
        np.array([2.0, 5.0]), np.array([1, 0]), image_index=np.arange(2), site_index=np.zeros(2, dtype=int)
    )
    assert (estimate.mean, estimate.n_pairs) == (1.0, 2)


def test_a_sign_array_without_signs_uses_only_its_direction() -> None:
    change, sign = np.array([1.0, -3.0]), np.array([7, -2])
    estimate = paper_estimate(change, sign, image_index=np.arange(2), site_index=np.arange(2))
    assert estimate.mean == 2.0


def test_the_cross_fitted_estimate_is_the_truth_times_the_halves_sign_agreement() -> None:
    truth, sd = 0.5 * _signs(5), 0.8
    halves = truth + _noise(6, sd), truth + _noise(7, sd)
    estimate = cross_fitted_estimate(*repetitions(*halves), image_index=IMAGE, site_index=SITE)
    p = stats.norm.cdf(0.5 / sd)
    assert estimate.mean == pytest.approx(0.5 * (2 * p - 1), abs=0.015)


def test_without_an_effect_the_cross_fitted_estimate_is_zero_within_its_error() -> None:
    estimate = cross_fitted_estimate(*repetitions(_noise(8, 1.0), _noise(9, 1.0)), image_index=IMAGE, site_index=SITE)
    assert abs(estimate.mean) < 4 * estimate.standard_error
    # (sign(a) b + sign(b) a) / 2 of independent normals has variance (1 + (E|a|)^2) / 2 = (1 + 2 / pi) / 2.
    assert estimate.standard_error == pytest.approx(np.sqrt((1 + 2 / np.pi) / 2 / N), rel=0.03)


def test_a_wrong_channel_map_sinks_the_papers_estimate_and_not_the_cross_fitted_one() -> None:
    truth = 0.6 * _signs(10)
    halves = truth + _noise(11, 0.5), truth + _noise(12, 0.5)
    unrelated = _signs(13)
    paper = paper_estimate(np.mean(halves, axis=0), unrelated, image_index=IMAGE, site_index=SITE)
    cross = cross_fitted_estimate(*repetitions(*halves), image_index=IMAGE, site_index=SITE)
    assert abs(paper.mean) < 0.02
    assert cross.mean > 0.4


def test_the_corrected_rms_is_the_effects_and_not_the_noises() -> None:
    truth = _noise(14, 0.3)
    halves = truth + _noise(15, 0.8), truth + _noise(16, 0.8)
    estimate = noise_corrected_rms(*repetitions(*halves), image_index=IMAGE, site_index=SITE)
    assert estimate.mean == pytest.approx(0.3, abs=4 * estimate.standard_error)
    # Var(ab) = (t^2 + n^2)^2 + t^4 for t = 0.3, n = 0.8; delta method: sd(ab) / (2 t sqrt(N)).
    assert estimate.standard_error == pytest.approx(np.sqrt(0.73**2 + 0.3**4) / (0.6 * np.sqrt(N)), rel=0.05)
    measured = noiseless_rms(np.mean(halves, axis=0), image_index=IMAGE, site_index=SITE)
    assert measured.mean == pytest.approx(np.sqrt(0.3**2 + 0.8**2 / 2), abs=0.01)


def test_without_an_effect_the_corrected_rms_scatters_on_both_sides_of_zero_with_a_finite_error() -> None:
    rng = np.random.default_rng(17)
    index = np.arange(200)
    estimates = [
        noise_corrected_rms(*repetitions(*rng.normal(size=(2, 200))), image_index=index, site_index=index)
        for _ in range(400)
    ]
    assert np.mean([e.mean > 0 for e in estimates]) == pytest.approx(0.5, abs=0.1)
    # m scatters by s = 1 / sqrt(200); from the middle of them, .67 s, two of s reach below zero, to -1.33 s.
    assert np.median([e.standard_error for e in estimates]) == pytest.approx(200**-0.25, rel=0.25)
    assert np.isfinite([e.standard_error for e in estimates]).all()


def test_the_corrected_rms_has_a_calibrated_error_where_there_is_an_effect() -> None:
    rng = np.random.default_rng(18)
    index, z = np.arange(300), []
    for _ in range(1500):
        truth = rng.normal(scale=0.7, size=300)
        halves = truth + rng.normal(scale=0.6, size=(2, 300))
        estimate = noise_corrected_rms(*repetitions(*halves), image_index=index, site_index=index)
        z.append((estimate.mean - 0.7) / estimate.standard_error)
    assert np.std(z) == pytest.approx(1.0, abs=0.08)
    assert np.mean(z) == pytest.approx(0.0, abs=0.15)


def test_the_truth_of_known_changes_is_plain_arithmetic() -> None:
    change, index = np.array([3.0, -4.0]), np.arange(2)
    assert noiseless_mean_absolute(change, image_index=index, site_index=index).mean == 3.5
    assert noiseless_rms(change, image_index=index, site_index=index).mean == pytest.approx(np.sqrt(12.5))


def test_days_compared_on_the_same_pairs_do_not_carry_the_images_differences() -> None:
    rng = np.random.default_rng(19)
    of_image = rng.normal(scale=3.0, size=50)
    before, after = of_image + rng.normal(scale=0.1, size=50), of_image + 0.2 + rng.normal(scale=0.1, size=50)
    index = np.arange(50)
    difference = paired_difference(before, after, image_index=index, site_index=index)
    assert difference.mean == pytest.approx(0.2, abs=4 * 0.02)
    assert difference.standard_error == pytest.approx(0.1 * np.sqrt(2 / 50), rel=0.35)


def test_each_site_gets_the_estimate_of_its_own_pairs() -> None:
    change = np.array([1.0, 3.0, -2.0, np.nan])
    sign, image, site = np.array([1, 1, -1, 1]), np.array([0, 1, 0, 1]), np.array([4, 4, 9, 9])
    sites = by_site(paper_estimate, [change, sign], image_index=image, site_index=site)
    assert list(sites) == [4, 9]
    assert (sites[4].mean, sites[4].standard_error) == (2.0, pytest.approx(1.0))
    assert (sites[9].mean, sites[9].n_pairs, sites[9].n_left_out) == (2.0, 1, 1)


@pytest.mark.parametrize(("value", "root"), [(4.0, 2.0), (-9.0, -3.0), (0.0, 0.0)])
def test_the_signed_root_keeps_the_sign(value: float, root: float) -> None:
    assert signed_root(value) == root
