"""Days on one scale, by images that are shown every day."""

from __future__ import annotations

import numpy as np
from scipy import stats

from closedloop.analysis.normalizers import z_score

RANDOM = np.random.default_rng(0)
RATES = RANDOM.normal(40, 10, (60, 3))
REFERENCE = RANDOM.normal(30, 8, (25, 3))


def test_reference_images_scored_by_themselves_are_scipys_z_scores() -> None:
    np.testing.assert_allclose(z_score(REFERENCE, REFERENCE), stats.zscore(REFERENCE, ddof=1))


def test_other_images_are_scored_by_the_reference_images() -> None:
    np.testing.assert_allclose(z_score(RATES, REFERENCE), stats.zmap(RATES, REFERENCE, ddof=1))


def test_a_days_gain_and_offset_cancel_out() -> None:
    gain, offset = np.array([0.5, 1.0, 3.0]), np.array([-2.0, 0.0, 50.0])
    np.testing.assert_allclose(z_score(RATES * gain + offset, REFERENCE * gain + offset), z_score(RATES, REFERENCE))


def test_missing_reference_images_are_left_out_and_missing_responses_stay_missing() -> None:
    holed, rates = REFERENCE.copy(), RATES.copy()
    holed[:4, 1] = np.nan
    rates[7, 0] = np.nan
    scores = z_score(rates, holed)
    expected = stats.zmap(RATES[:, 1], REFERENCE[4:, 1], ddof=1)
    np.testing.assert_allclose(scores[:, 1], expected)
    assert np.argwhere(np.isnan(scores)).tolist() == [[7, 0]]


def test_a_site_without_a_scale_has_no_scores_and_the_others_keep_theirs() -> None:
    flat = REFERENCE.copy()
    flat[:, 0] = 5.0
    flat[1:, 1] = np.nan
    scores = z_score(RATES, flat)
    assert np.isnan(scores[:, :2]).all()
    np.testing.assert_allclose(scores[:, 2], z_score(RATES, REFERENCE)[:, 2])
    flat[0, 1] = np.nan
    assert np.isnan(z_score(RATES, flat)[:, :2]).all()
