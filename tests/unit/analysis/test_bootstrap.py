"""Intervals over images and over images and sites: closed forms of balanced designs, and what they cover."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.analysis.bootstrap import (
    Over,
    bootstrap_difference,
    bootstrap_function,
    bootstrap_mean,
    bootstrap_ratio,
)
from closedloop.analysis.estimate import mean_over_pairs
from closedloop.analysis.intervals import student_95

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_SITES, IMAGES_A_SITE, N_IMAGES = 21, 12, 84


def _design() -> tuple[Integers, Integers]:
    """Return image and site of each pair as a day deals them out: three sites on every image."""
    site, place = np.divmod(np.arange(N_SITES * IMAGES_A_SITE), IMAGES_A_SITE)
    return (site * IMAGES_A_SITE + place) % N_IMAGES, site


def test_the_error_over_images_and_sites_is_the_closed_form_of_two_crossed_effects() -> None:
    images, sites = np.tile(np.arange(80), 60), np.repeat(np.arange(60), 80)
    rng = np.random.default_rng(0)
    of_image, of_site = rng.normal(0, 2, 80), rng.normal(0, 3, 60)
    found = bootstrap_mean(of_image[images] + of_site[sites], image_index=images, site_index=sites, seed=1)
    expected = np.sqrt(of_image.var(ddof=1) / 80 + of_site.var(ddof=1) / 60)
    assert found.mean == pytest.approx(of_image.mean() + of_site.mean())
    assert found.standard_error == pytest.approx(expected, rel=0.03)


def test_the_error_over_images_of_one_site_is_the_textbooks_and_its_interval_students() -> None:
    values = np.random.default_rng(3).normal(size=12)
    found = bootstrap_mean(values, image_index=np.arange(12), site_index=np.zeros(12, int), seed=0, over="images")
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(12))
    width = (found.interval[1] - found.interval[0]) / 2
    assert width == pytest.approx(student_95(11) * found.standard_error, rel=0.06)


def test_sites_that_differ_widen_the_interval_over_sites_alone() -> None:
    images, sites = _design()
    noise = np.random.default_rng(0).normal(size=images.size)
    of_site = np.random.default_rng(1).normal(0, 5, N_SITES)
    alike, differing = (
        {
            over: bootstrap_mean(values, image_index=images, site_index=sites, seed=0, over=over).standard_error
            for over in ("images", "images_and_sites")
        }
        for values in (noise, noise + of_site[sites])
    )
    assert differing["images"] == pytest.approx(alike["images"])
    assert differing["images_and_sites"] == pytest.approx(of_site.std(ddof=1) / np.sqrt(N_SITES), rel=0.1)


def test_the_interval_over_images_is_that_of_clusters_by_image_where_sites_are_alike() -> None:
    images, sites = _design()
    values = np.random.default_rng(4).normal(size=images.size) + np.random.default_rng(5).normal(size=N_IMAGES)[images]
    ours = bootstrap_mean(values, image_index=images, site_index=sites, seed=0, over="images")
    clustered = mean_over_pairs(values, image_index=images, site_index=sites)
    assert ours.mean == clustered.mean
    assert ours.standard_error == pytest.approx(clustered.standard_error, rel=0.1)


@pytest.mark.parametrize("over", get_args(Over))
def test_intervals_cover_in_95_of_100_where_sites_and_images_differ(over: Over) -> None:
    images, sites = _design()
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(100):
        site_effects = rng.normal(0, 0.5, N_SITES)
        values = rng.normal(size=images.size) + site_effects[sites] + rng.normal(0, 0.3, N_IMAGES)[images]
        truth = site_effects.mean() if over == "images" else 0.0
        low, high = bootstrap_mean(values, image_index=images, site_index=sites, seed=0, over=over).interval
        held += low < truth < high
    assert 88 <= held <= 100  # 95 of 100, with a binomial SD of 2.2


def test_the_interval_of_a_skewed_mean_reaches_further_to_the_long_side() -> None:
    images, sites = np.arange(15), np.zeros(15, int)
    values = np.random.default_rng(0).exponential(size=15) ** 2
    found = bootstrap_mean(values, image_index=images, site_index=sites, seed=0, over="images")
    assert found.interval[1] - found.mean > 1.1 * (found.mean - found.interval[0])


def test_a_ratio_of_two_means_has_the_delta_methods_error() -> None:
    images, sites = _design()
    rng = np.random.default_rng(7)
    below = rng.normal(4, 1, images.size)
    above = 0.5 * below + rng.normal(0, 1, images.size)
    found = bootstrap_ratio(above, below, image_index=images, site_index=sites, seed=0, over="images")
    residual = (above - found.mean * below) / below.mean()
    expected = bootstrap_mean(residual, image_index=images, site_index=sites, seed=0, over="images")
    assert found.mean == pytest.approx(above.mean() / below.mean())
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-4)


def test_a_ratio_to_what_may_be_nothing_has_no_interval() -> None:
    images, sites = _design()
    rng = np.random.default_rng(7)
    found = bootstrap_ratio(
        rng.normal(size=images.size), rng.normal(0, 1, images.size), image_index=images, site_index=sites, seed=0
    )
    assert np.isnan(found.interval).all()


def test_what_is_common_to_both_days_drops_out_of_their_difference() -> None:
    images, sites = _design()
    rng = np.random.default_rng(2)
    common, own = rng.normal(0, 10, N_IMAGES)[images], rng.normal(size=images.size)
    found = bootstrap_difference(common, common + own, image_index=images, site_index=sites, seed=0)
    assert found.mean == pytest.approx(own.mean())
    assert found.standard_error < 0.1


def test_a_column_may_be_about_some_of_the_pairs() -> None:
    images, sites = _design()
    columns = np.random.default_rng(2).normal(size=(images.size, 2))
    columns[::2, 0], columns[1::2, 1] = np.nan, np.nan
    found = bootstrap_function(
        columns, lambda means: means[..., 0] - means[..., 1], image_index=images, site_index=sites, seed=0
    )
    assert found.mean == pytest.approx(np.nanmean(columns[:, 0]) - np.nanmean(columns[:, 1]))
    assert found.standard_error == pytest.approx(np.sqrt(2 / 126), rel=0.3)


def test_the_seed_decides_all_and_the_names_of_images_nothing() -> None:
    images, sites = _design()
    values = np.random.default_rng(2).normal(size=images.size)
    first = bootstrap_mean(values, image_index=images, site_index=sites, seed=5)
    assert first == bootstrap_mean(values, image_index=images + 1000, site_index=sites * 3, seed=5)
    assert first.interval != bootstrap_mean(values, image_index=images, site_index=sites, seed=6).interval


def test_too_few_images_or_sites_have_a_mean_and_no_interval() -> None:
    one = bootstrap_mean(np.array([1.0]), image_index=np.array([0]), site_index=np.array([0]), seed=0, over="images")
    assert one.mean == 1.0
    assert np.isnan([one.standard_error, *one.interval]).all()
    one_site = bootstrap_mean(np.arange(5.0), image_index=np.arange(5), site_index=np.zeros(5, int), seed=0)
    assert np.isnan([one_site.standard_error, *one_site.interval]).all()
    nothing = bootstrap_mean(np.array([np.nan]), image_index=np.array([0]), site_index=np.array([0]), seed=0)
    assert np.isnan(nothing.mean)
    assert (nothing.n_pairs, nothing.n_left_out) == (0, 1)


def test_missing_responses_are_left_out_and_counted() -> None:
    images, sites = _design()
    values = np.random.default_rng(2).normal(size=images.size)
    values[:10] = np.nan
    found = bootstrap_mean(values, image_index=images, site_index=sites, seed=0)
    assert (found.n_pairs, found.n_left_out) == (images.size - 10, 10)
    assert found.mean == pytest.approx(np.nanmean(values))


def test_shapes_that_do_not_fit_are_the_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="expected columns"):
        bootstrap_mean(np.zeros(3), image_index=np.zeros(2, int), site_index=np.zeros(3, int), seed=0)
