from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.objectives.followed import mean_over_images, slope_over_images, slopes_of_images

RNG = np.random.default_rng(3)


def test_the_interval_of_a_mean_is_students_over_images() -> None:
    image = np.repeat(np.arange(5), 4)
    values = RNG.standard_normal(20)

    found = mean_over_images(values, image)

    each = values.reshape(5, 4).mean(axis=1)
    low, high = stats.t.interval(0.95, 4, loc=each.mean(), scale=stats.sem(each))
    assert found == pytest.approx((each.mean(), low, high, 5))


def test_the_slope_of_an_image_is_the_least_squares_slope_with_a_level_for_each_site() -> None:
    target, site = np.tile([-1.0, 0.0, 1.0, 3.0], 3), np.repeat([0, 1, 2], 4)
    response = 0.4 * target + 5.0 * site + RNG.standard_normal(12)

    found = slope_over_images(response, target, image=np.zeros(12), site=site)

    design = np.column_stack([target, *(site == one for one in range(3))])
    assert found.value == pytest.approx(np.linalg.lstsq(design, response, rcond=None)[0][0])
    assert np.isnan(found.low)


def test_a_row_without_a_response_is_left_out_and_an_image_without_any_too() -> None:
    target, image = np.tile([0.0, 1.0, 2.0], 3), np.repeat([0, 1, 2], 3)
    response = np.array([0.0, 1.0, np.nan, 0.0, 3.0, 6.0, np.nan, np.nan, np.nan])

    found = slope_over_images(response, target, image=image, site=np.zeros(9))

    assert (found.value, found.n_images) == (2.0, 2)


def test_of_nothing_nothing_is_known() -> None:
    assert np.isnan(mean_over_images(np.array([np.nan]), np.array([0])).value)


def test_slopes_of_images_are_what_the_mean_is_of_and_images_at_one_level_have_none() -> None:
    target, image = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 1.0, 1.0]), np.array([*"aaabbbcc"])
    response, site = np.array([0.0, 1.0, 2.0, 5.0, 8.0, 11.0, 0.0, 9.0]), np.zeros(8)

    found = slopes_of_images(response, target, image=image, site=site)

    assert found == pytest.approx({"a": 1.0, "b": 3.0})
    assert slope_over_images(response, target, image=image, site=site)[0] == pytest.approx(2.0)
