"""The standard error over (image, site) pairs is what repeating the experiment shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.estimate import clustered_standard_error, mean_over_pairs


def test_with_an_image_a_pair_the_standard_error_is_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(size=37)
    estimate = mean_over_pairs(values, image_index=np.arange(37), site_index=np.arange(37) % 5)
    assert estimate.standard_error == pytest.approx(stats.sem(values), rel=1e-12)
    assert estimate.mean == pytest.approx(np.mean(values), rel=1e-12)


def test_pairs_that_repeat_one_image_are_no_more_evidence_than_the_image() -> None:
    image_means = np.array([0.1, -0.4, 0.8, 0.3])
    values, image = np.repeat(image_means, 21), np.repeat(np.arange(4), 21)
    assert clustered_standard_error(values, image) == pytest.approx(stats.sem(image_means), rel=1e-12)


def test_missing_pairs_are_left_out_and_counted() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    estimate = mean_over_pairs(values, image_index=np.array([0, 1, 2, 2]), site_index=np.array([0, 1, 0, 2]))
    assert (estimate.mean, estimate.n_pairs, estimate.n_left_out) == (2.0, 2, 2)
    assert (estimate.n_images, estimate.n_sites) == (2, 1)


def test_one_image_has_a_mean_and_no_standard_error() -> None:
    estimate = mean_over_pairs(np.array([1.0, 2.0]), image_index=np.array([7, 7]), site_index=np.array([0, 1]))
    assert estimate.mean == 1.5
    assert np.isnan(estimate.standard_error)


def test_no_usable_pair_gives_nan_without_a_warning() -> None:
    estimate = mean_over_pairs(np.full(3, np.nan), image_index=np.arange(3), site_index=np.arange(3))
    assert np.isnan(estimate.mean)
    assert np.isnan(estimate.standard_error)
    assert (estimate.n_pairs, estimate.n_left_out) == (0, 3)


def test_pairs_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        mean_over_pairs(np.zeros(3), image_index=np.arange(2), site_index=np.arange(3))


def _z_scores(*, shared_gain_sd: float, clustered: bool) -> np.ndarray:
    """Repeat an experiment of 40 images x 12 sites; each mean's error in units of its own standard error.

    The clean response of a (site, image) has noise of its own, used by one pair of this epsilon only; the gain of the
    image's presentations moves all sites together. Everything is drawn anew in every repetition.
    """
    rng = np.random.default_rng(1)
    image = np.repeat(np.arange(40), 12)
    z = []
    for _ in range(2000):
        effect = 0.3 + 0.2 * rng.normal(size=40)[image]
        clean_noise, changed_noise = rng.normal(scale=0.8, size=(2, image.size))
        gain = rng.normal(scale=shared_gain_sd, size=40)[image]
        values = effect + changed_noise - clean_noise + gain
        cluster = image if clustered else np.arange(image.size)
        z.append((values.mean() - 0.3) / clustered_standard_error(values, cluster))
    return np.asarray(z)


@pytest.mark.parametrize("shared_gain_sd", [0.0, 0.5])
def test_the_standard_error_is_calibrated_whether_or_not_sites_share_noise(shared_gain_sd: float) -> None:
    z = _z_scores(shared_gain_sd=shared_gain_sd, clustered=True)
    # Student's t with 39 degrees of freedom has SD sqrt(39 / 37); over 2,000 repetitions the SD scatters by 1.6 %.
    assert np.std(z) == pytest.approx(np.sqrt(39 / 37), abs=0.07)
    assert np.mean(np.abs(z) < stats.t.ppf(0.975, df=39)) == pytest.approx(0.95, abs=0.02)


def test_a_standard_error_over_pairs_would_be_too_small_where_sites_share_noise() -> None:
    # Variance of the mean: (0.2^2 + 0.5^2 + 2 * 0.8^2 / 12) / 40; over pairs (0.2^2 + 0.5^2 + 2 * 0.8^2) / 480.
    true, claimed = (0.29 + 1.28 / 12) / 40, (0.29 + 1.28) / 480
    z = _z_scores(shared_gain_sd=0.5, clustered=False)
    assert np.std(z) == pytest.approx(np.sqrt(true / claimed), rel=0.07)


def test_clean_responses_shared_by_the_epsilons_of_a_site_leave_each_epsilons_standard_error_calibrated() -> None:
    rng = np.random.default_rng(2)
    image, site = (index.ravel() for index in np.indices((30, 10)))
    z = []
    for _ in range(1500):
        clean = rng.normal(scale=1.0, size=image.size)
        changes = [truth + rng.normal(scale=1.0, size=image.size) - clean for truth in (0.1, 0.6)]
        estimates = [mean_over_pairs(change, image_index=image, site_index=site) for change in changes]
        z.append([(e.mean - truth) / e.standard_error for e, truth in zip(estimates, (0.1, 0.6), strict=True)])
    scores = np.asarray(z)
    assert np.std(scores, axis=0) == pytest.approx([np.sqrt(29 / 27)] * 2, abs=0.08)
    # Between epsilons the clean noise is common: half of the variance, hence a correlation of one half.
    assert np.corrcoef(scores.T)[0, 1] == pytest.approx(0.5, abs=0.07)
