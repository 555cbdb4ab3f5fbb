"""Split halves against the closed form: rho = signal / (signal + noise / repetitions)."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.reliability import (
    explained_fraction,
    mean_response,
    noise_ceiling,
    spearman_brown,
    split_half_means,
    split_half_reliability,
)


def _session(n_images: int, n_repetitions: int, *, noise_sd: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Signal of variance 1 and noise, (presentations, 4 sites), in random order."""
    rng = np.random.default_rng(seed)
    image = rng.permutation(np.repeat(np.arange(n_images), n_repetitions))
    signal = rng.normal(size=(n_images, 4))
    return signal[image] + rng.normal(scale=noise_sd, size=(image.size, 4)), image


def test_the_mean_response_skips_unusable_presentations() -> None:
    responses = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, np.nan]])
    means = mean_response(responses, np.array([0, 0, 2]), n_images=3)
    np.testing.assert_array_equal(means, [[2.0, 5.0], [np.nan, np.nan], [np.nan, np.nan]])


def test_the_halves_are_disjoint_and_together_everything() -> None:
    powers = 2.0 ** np.arange(12)[:, None]  # a sum of powers of two says which presentations are in it
    image = np.tile(np.arange(3), 4)
    a, b = split_half_means(powers, image, n_images=3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal((a + b)[:, 0] * 2, [powers[image == i].sum() for i in range(3)])
    assert not np.array_equal(a, b)


def test_a_missing_repetition_leaves_the_halves_balanced() -> None:
    responses = np.array([[1.0], [np.nan], [2.0], [np.nan]])
    for seed in range(20):  # a split that counted the missing ones would put both good ones in a half now and then
        a, b = split_half_means(responses, np.zeros(4, dtype=int), n_images=1, rng=np.random.default_rng(seed))
        assert {a.item(), b.item()} == {1.0, 2.0}


def test_the_split_depends_on_the_generator_alone() -> None:
    responses, image = _session(50, 4, noise_sd=1.0)
    first = split_half_means(responses, image, n_images=50, rng=np.random.default_rng(5))
    again = split_half_means(responses, image, n_images=50, rng=np.random.default_rng(5))
    other = split_half_means(responses, image, n_images=50, rng=np.random.default_rng(6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_repetitions", [2, 4])
def test_reliability_is_signal_over_signal_and_noise_of_the_mean(n_repetitions: int) -> None:
    responses, image = _session(10_000, n_repetitions, noise_sd=1.5)
    reliability = split_half_reliability(responses, image, seed=0)
    assert reliability == pytest.approx([1 / (1 + 2.25 / n_repetitions)] * 4, abs=0.04)


def test_reliability_without_noise_is_one_and_without_signal_zero() -> None:
    responses, image = _session(2000, 2, noise_sd=0.0)
    assert split_half_reliability(responses, image, seed=0) == pytest.approx([1.0] * 4)
    noise = np.random.default_rng(1).normal(size=responses.shape)
    assert split_half_reliability(noise, image, seed=0) == pytest.approx([0.0] * 4, abs=0.1)


def test_reliability_stands_when_presentations_are_missing() -> None:
    responses, image = _session(3000, 4, noise_sd=1.0)
    responses[np.random.default_rng(2).random(len(image)) < 0.02] = np.nan
    assert split_half_reliability(responses, image, seed=0) == pytest.approx([0.8] * 4, abs=0.03)


def test_reliability_is_unknown_where_no_image_was_seen_twice() -> None:
    responses = np.random.default_rng(3).normal(size=(10, 2))
    assert np.isnan(split_half_reliability(responses, np.arange(10), seed=0)).all()


def test_spearman_brown_of_known_halves() -> None:
    corrected = spearman_brown(np.array([0.5, 1.0, 0.0, -1.0]))
    assert corrected[:3] == pytest.approx([2 / 3, 1.0, 0.0])
    assert np.isnan(corrected[3])


def test_the_explained_fraction_recovers_the_truth_at_two_repetitions_of_few_spikes() -> None:
    rng = np.random.default_rng(4)
    n_images, image = 30_000, np.repeat(np.arange(30_000), 2)
    rate = 3 + rng.normal(size=n_images).clip(-2.5, 2.5)
    counts = rng.poisson(rate[image])[:, None].astype(float)
    unexplained = np.sqrt(1 / 0.6 - 1) * rate.std()  # a prediction with r^2 = .60 against the rate itself
    prediction = rate + rng.normal(scale=unexplained, size=n_images)
    measured = mean_response(counts, image, n_images=n_images)[:, 0]
    r = np.array([np.corrcoef(prediction, measured)[0, 1]])
    rho = split_half_reliability(counts, image, seed=0)
    assert explained_fraction(r, rho) == pytest.approx([0.60], abs=0.03)
    assert noise_ceiling(rho) == pytest.approx([np.corrcoef(rate, measured)[0, 1]], abs=0.02)


def test_nothing_is_explained_of_a_site_without_reliability() -> None:
    assert np.isnan(explained_fraction(np.array([0.3]), np.array([-0.1])))[0]
    assert np.isnan(noise_ceiling(np.array([-0.1])))[0]
    assert explained_fraction(np.array([-0.3]), np.array([0.9])) == pytest.approx([-0.1])
