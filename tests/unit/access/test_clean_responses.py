"""Days on one scale: a site's gain and baseline are taken out where two days show enough images in common."""

from __future__ import annotations

import numpy as np

from closedloop.access.clean_responses import CleanResponses
from closedloop.analysis.normalizers import on_one_scale

TRUE = np.array([[10.0], [20.0], [40.0], [80.0], [30.0]])  # the last image is of the second day alone
GAIN, BASELINE = 1.5, 7.0


def two_days(n_shared: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rates, image and day of every presentation; the second day's rates have drifted."""
    second = [*range(n_shared), 4]
    index = np.array([0, 1, 2, 3, *second])
    day = np.repeat([2, 5], [4, len(second)])
    rates = np.where((day == 5)[:, None], GAIN * TRUE[index] + BASELINE, TRUE[index])
    return rates, index, day


def test_drift_of_gain_and_baseline_is_undone_by_the_images_that_both_days_show() -> None:
    rates, index, day = two_days(n_shared=4)
    scaled, unscaled = on_one_scale(rates, index, day, first=None, n_images=5)
    np.testing.assert_allclose(scaled, TRUE[index])
    assert unscaled == ()


def test_another_day_s_scale_may_be_asked_for() -> None:
    rates, index, day = two_days(n_shared=4)
    scaled, _ = on_one_scale(rates, index, day, first=5, n_images=5)
    np.testing.assert_allclose(scaled, GAIN * TRUE[index] + BASELINE)


def test_days_with_too_few_images_in_common_stay_as_recorded_and_are_told() -> None:
    rates, index, day = two_days(n_shared=2)
    scaled, unscaled = on_one_scale(rates, index, day, first=None, n_images=5)
    np.testing.assert_array_equal(scaled, rates)
    assert unscaled == (5,)
    said = CleanResponses((), (), (), (), scaled, index, day, unscaled).unscaled
    assert said.startswith("Days 5: fewer than 3 of their images")
