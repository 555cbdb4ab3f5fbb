"""Slopes over epsilon: scipy's line, Student's t, Holm's correction, and no false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from closedloop.analysis.slopes import PairSlopes, holm, pair_slopes, slopes_by_image, slopes_by_site

Floats = NDArray[np.float64]
EPSILONS = np.array([1.0, 2.5, 10.0])


def _pairs(slope: float, *, noise: float, seed: int, n_repetitions: int = 2) -> PairSlopes:
    """Return the slopes of 21 sites on 12 images each that share them by threes; clean images noisy, but shared."""
    rng = np.random.default_rng(seed)
    site, place = np.divmod(np.arange(252), 12)
    image = (site * 12 + place) % 84
    sign = np.repeat(rng.choice([-1, 1], 252), 3)
    epsilon = np.tile(EPSILONS, 252)
    clean = np.repeat(rng.normal(0, noise, (252, n_repetitions)), 3, axis=0)
    changed = (sign * slope * epsilon)[:, None] + rng.normal(0, noise, (756, n_repetitions))
    return pair_slopes(clean, changed, sign, epsilon, image_index=np.repeat(image, 3), site_index=np.repeat(site, 3))


def test_a_pairs_slope_is_scipys_line() -> None:
    slopes = _pairs(0.05, noise=0.5, seed=3)
    rng = np.random.default_rng(3)
    sign = rng.choice([-1, 1], 252)
    rng.normal(0, 0.5, (252, 2))
    changed = (np.repeat(sign, 3) * 0.05 * np.tile(EPSILONS, 252))[:, None] + rng.normal(0, 0.5, (756, 2))
    first = stats.linregress(EPSILONS, sign[0] * changed[:3].mean(axis=1)).slope
    own = slopes.slope[(slopes.site_index == 0) & (slopes.image_index == 0)]
    assert own == pytest.approx([first])


def test_the_noise_of_a_slope_is_what_its_repetitions_give() -> None:
    slopes = _pairs(0.05, noise=0.5, seed=3, n_repetitions=40)
    expected = 0.5**2 / 40 / ((EPSILONS - EPSILONS.mean()) ** 2).sum()
    assert slopes.noise.mean() == pytest.approx(expected, rel=0.05)
    assert slopes.slope.var() == pytest.approx(expected, rel=0.3)


def test_a_sites_test_is_scipys_and_an_images_has_its_repetitions_degrees() -> None:
    slopes = _pairs(0.05, noise=0.5, seed=1)
    by_site, by_image = slopes_by_site(slopes), slopes_by_image(slopes)
    assert (len(by_site), len(by_image)) == (21, 84)
    own = slopes.slope[slopes.site_index == 4]
    assert by_site[4].p == pytest.approx(stats.ttest_1samp(own, 0.0).pvalue, rel=1e-6)
    assert {one.degrees for one in by_site} == {11}
    assert all(1 <= one.degrees <= 9 for one in by_image)


def test_slopes_are_found_where_there_are_some_and_seldom_where_there_are_none() -> None:
    found = slopes_by_site(_pairs(0.1, noise=0.3, seed=0))
    assert sum(one.is_sure for one in found) > 18
    days = [_pairs(0.0, noise=0.3, seed=seed) for seed in range(60)]
    for test in (slopes_by_site, slopes_by_image):
        assert sum(any(one.is_sure for one in test(day)) for day in days) <= 9  # 5 % of 60 are 3


def test_holms_correction_is_the_books() -> None:
    p = np.array([0.02, 0.001, 0.04, 0.03, 0.9])
    assert holm(p) == pytest.approx([0.08, 0.005, 0.09, 0.09, 0.9])
    assert holm(np.array([0.6, np.nan])) == pytest.approx([0.6, np.nan], nan_ok=True)


def test_images_shown_once_and_single_pairs_have_a_slope_without_a_test() -> None:
    slopes = pair_slopes(
        np.zeros((3, 1)),
        EPSILONS[:, None] * 0.2,
        np.ones(3, int),
        EPSILONS,
        image_index=np.zeros(3, int),
        site_index=np.zeros(3, int),
    )
    assert slopes.slope == pytest.approx([0.2])
    for (test,) in (slopes_by_site(slopes), slopes_by_image(slopes)):
        assert np.isnan([test.p, test.p_corrected, test.standard_error]).all()
        assert not test.is_sure
