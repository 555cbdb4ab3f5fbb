"""Curves and slopes of single images against scipy, by hand, and without an effect."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.single_images.curves import image_curves, image_slopes
from closedloop.analysis.slopes import holm

EPSILON = np.array([1.0, 2.5, 10.0])


def drawn(n_images: int, n_repetitions: int, *, seed: int, slope: float = 0.0) -> dict[str, np.ndarray]:
    """Draw spike counts of one site: clean images, and attacks that raise the rate by so much for an epsilon."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(2, 15, size=n_images)
    image, epsilon = np.repeat(np.arange(n_images), 3), np.tile(EPSILON, n_images)
    clean = rng.poisson(rate[:, None], size=(n_images, n_repetitions)).astype(float)[image]
    changed = rng.poisson((rate[image] + slope * epsilon)[:, None], size=(3 * n_images, n_repetitions)).astype(float)
    return {
        "clean": clean,
        "changed": changed,
        "sign": np.ones(3 * n_images, dtype=np.int64),
        "epsilon": epsilon,
        "image_index": image,
        "site_index": np.zeros(3 * n_images, dtype=np.int64),
    }


def test_the_interval_of_a_curve_is_welchs() -> None:
    rng = np.random.default_rng(0)
    clean, changed = rng.normal(size=(1, 10)), rng.normal(1.0, 2.0, size=(1, 10))
    clean[0, 6:] = np.nan
    found = image_curves(clean, changed, np.array([1]))
    told = stats.ttest_ind(changed[0], clean[0, :6], equal_var=False)
    assert found.sensitivity[0] == pytest.approx(changed.mean() - clean[0, :6].mean())
    assert found.standard_error[0] == pytest.approx((found.sensitivity[0]) / told.statistic)
    half = stats.t.ppf(0.975, int(told.df)) * found.standard_error[0]
    assert found.interval[0] == pytest.approx([found.sensitivity[0] - half, found.sensitivity[0] + half], rel=1e-4)
    assert (int(found.n_clean[0]), int(found.n_changed[0])) == (6, 10)


def test_a_sealed_fall_that_came_is_a_positive_sensitivity() -> None:
    found = image_curves(np.array([[2.0, 2.2]]), np.array([[1.0, 1.2]]), np.array([-1]))
    assert found.sensitivity[0] == pytest.approx(1.0)


def test_a_slope_is_the_least_squares_line_through_an_images_changes() -> None:
    data = drawn(4, 10, seed=1, slope=0.5)
    (site,) = image_slopes(**data)
    for test in site.tests:
        own = data["image_index"] == test.index
        change = (data["changed"] - data["clean"])[own].mean(axis=1)
        assert test.slope == pytest.approx(np.polyfit(EPSILON, change, 1)[0])


def test_slopes_are_corrected_over_the_images_of_their_own_site() -> None:
    one, two = drawn(6, 10, seed=2, slope=0.3), drawn(6, 10, seed=3, slope=0.3)
    two["site_index"] = two["site_index"] + 1
    both = image_slopes(**{name: np.concatenate([one[name], two[name]]) for name in one})
    assert [site.site_index for site in both] == [0, 1]
    for site in both:
        p = np.array([test.p for test in site.tests])
        assert [test.p_corrected for test in site.tests] == pytest.approx(holm(p).tolist())


@pytest.mark.slow
def test_slope_tests_keep_their_level_on_images_without_an_effect() -> None:
    rang = positive = n = families = 0
    n_experiments = 100
    for seed in range(n_experiments):
        (site,) = image_slopes(**drawn(100, 10, seed=seed))
        p = np.array([test.p for test in site.tests])
        n += len(p)
        rang += int((p < 0.05).sum())
        positive += site.n_positive(corrected=False)
        families += site.n_positive(corrected=True) > 0
    assert rang / n < 0.05 + 2 * np.sqrt(0.05 * 0.95 / n)
    assert rang / n > 0.035  # a test that never rings keeps any level
    assert positive / n < 0.03
    assert families / n_experiments <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n_experiments)
