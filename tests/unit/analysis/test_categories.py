"""Preferred categories and their levels without the bias of choosing; the epsilon at which a level is reached."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.categories.preferred import category_means, preferred_level
from closedloop.analysis.categories.reached import epsilon_reached, reached_by_sites, site_reached

N_CATEGORIES, N_IMAGES = 30, 10


def responses(means: np.ndarray, *, sd: float, n_sites: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return responses to images of categories of known means, (n_images, n_sites), and the images' categories."""
    category = np.repeat(np.arange(len(means)), N_IMAGES)
    return means[category][:, None] + np.random.default_rng(seed).normal(0, sd, (len(category), n_sites)), category


def test_the_largest_mean_is_too_large_by_the_expected_maximum_where_none_is_preferred_and_the_level_is_right() -> None:
    """The largest of 30 standard normal numbers is 2.04 on average, that of ten images' means 2.04 / sqrt(10)."""
    values, category = responses(np.full(N_CATEGORIES, 100.0), sd=20, n_sites=2000, seed=1)
    found = preferred_level(values, category, seed=0, n_resamples=0)
    grid = np.linspace(-8, 8, 100_001)
    largest = np.trapezoid(
        grid * N_CATEGORIES * stats.norm.pdf(grid) * stats.norm.cdf(grid) ** (N_CATEGORIES - 1), grid
    )
    error = 20 / np.sqrt(N_IMAGES)
    assert found.naive.mean() - 100 == pytest.approx(largest * error, abs=0.3)
    assert found.level.mean() == pytest.approx(100, abs=4 * error / np.sqrt(2000))
    assert found.agreement.mean() == pytest.approx(1 / N_CATEGORIES, abs=0.01)


def test_of_a_category_far_above_the_others_the_level_is_the_mean_over_its_images_and_its_interval_students() -> None:
    values, category = responses(np.r_[np.zeros(N_CATEGORIES - 1), 1000.0], sd=5, n_sites=40, seed=2)
    found = preferred_level(values, category, seed=0, n_halvings=40)
    own = values[category == N_CATEGORIES - 1]
    half = stats.t.ppf(0.975, N_IMAGES - 1) * stats.sem(own, axis=0)
    assert (found.category == N_CATEGORIES - 1).all()
    assert (found.agreement == 1).all()
    np.testing.assert_allclose(found.level, own.mean(axis=0), atol=1e-9)
    assert np.mean((found.high - found.low) / (2 * half)) == pytest.approx(1, abs=0.08)


def test_turned_signs_find_the_least_preferred_category() -> None:
    values, category = responses(np.r_[-1000.0, np.zeros(N_CATEGORIES - 1)], sd=5, n_sites=3, seed=3)
    assert (preferred_level(-values, category, seed=0, n_resamples=0).category == 0).all()


@pytest.mark.slow
def test_the_interval_holds_the_true_level_of_the_categories_chosen() -> None:
    """420 sites whose categories differ by as much as their noise: 95 % and chance."""
    means = np.random.default_rng(4).normal(100, 15, N_CATEGORIES)
    values, category = responses(means, sd=40, n_sites=420, seed=5)
    found = preferred_level(values, category, seed=0)
    truth = (found.choices * means[:, None]).sum(axis=0)
    assert 0.93 < ((found.low <= truth) & (truth <= found.high)).mean() < 0.975
    assert (found.level - truth).mean() == pytest.approx(0, abs=4 * (found.level - truth).std() / np.sqrt(420))
    assert (found.naive - truth).mean() > 5


def test_images_that_a_site_did_not_answer_and_categories_of_one_image_are_left_out() -> None:
    values = np.array([[1.0, 1], [1, 1], [9, 9], [9, np.nan], [500, 500]])
    found = preferred_level(values, np.array([0, 0, 1, 1, 2]), seed=0, n_resamples=0)
    assert found.category.tolist() == [1, -1]
    assert found.level[0] == 9
    assert np.isnan(found.level[1])
    assert category_means(values, np.array([0, 0, 1, 1, 2]), n_categories=4)[:, 1].tolist()[:3] == [1, 9, 500]


def test_the_same_seed_gives_the_same_level_and_shapes_that_do_not_fit_are_refused() -> None:
    values, category = responses(np.arange(30.0), sd=20, n_sites=2, seed=6)
    first, second = (preferred_level(values, category, seed=7, n_resamples=40) for _ in range(2))
    np.testing.assert_array_equal(first.errors, second.errors)
    assert preferred_level(values, category, seed=8, n_resamples=0).level.tolist() != first.level.tolist()
    with pytest.raises(ValueError, match="expected"):
        preferred_level(values, category[:-1], seed=0)


def test_a_level_is_reached_between_two_epsilons_at_none_or_already_by_the_clean_image() -> None:
    epsilons = np.array([0.0, 1.0, 2.5, 10.0])
    assert epsilon_reached(epsilons, np.array([50.0, 80.0, 140.0, 90.0]), 110) == pytest.approx(1.75)
    assert epsilon_reached(epsilons, np.array([120.0, 80.0, 140.0, 90.0]), 110) == 0
    assert epsilon_reached(epsilons, np.array([50.0, 80.0, 90.0, 100.0]), 110) == np.inf


def test_an_interval_of_which_never_is_part_ends_in_infinity() -> None:
    rates = np.array([[0.0, 50.0]] * 4 + [[0.0, 160.0]] * 4)
    found = site_reached(np.array([0.0, 10.0]), rates, level=100.0, level_errors=np.zeros(1000), seed=0)
    assert found.epsilon == pytest.approx(100 / 105 * 10)
    assert found.high == np.inf
    assert found.low < found.epsilon
    assert found.share == pytest.approx(1 - stats.binom.cdf(3, 8, 0.5), abs=0.05)  # at least four of the strong images


def test_an_uncertain_level_widens_the_interval_and_one_image_has_none() -> None:
    rates, epsilons = np.array([[0.0, 100.0]] * 5), np.array([0.0, 10.0])
    sure = site_reached(epsilons, rates, level=50.0, level_errors=np.zeros(500), seed=0)
    errors = np.random.default_rng(0).normal(0, 10, 500)
    unsure = site_reached(epsilons, rates, level=50.0, level_errors=errors, seed=0)
    assert (sure.low, sure.high) == (5, 5)
    assert unsure.high - unsure.low == pytest.approx(2 * 1.96, rel=0.15)
    assert np.isnan(site_reached(epsilons, rates[:1], level=50.0, level_errors=errors, seed=0).low)


def test_over_sites_those_that_never_reach_it_are_counted_and_not_averaged() -> None:
    found = reached_by_sites(np.array([np.inf, 3.0, 5.0, np.inf, np.inf]))
    assert (found.mean, found.sd, found.n_reached, found.n_sites) == (4, pytest.approx(np.sqrt(2)), 2, 5)
    assert found.median == np.inf
    assert np.isnan(reached_by_sites(np.array([np.inf])).mean)
