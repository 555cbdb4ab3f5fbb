"""Correlation a site against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.predictivity import correlation


def test_it_is_pearsons_r_over_the_images_both_have() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(60, 3))
    measured = predicted + rng.normal(size=(60, 3))
    measured[7, 1] = predicted[9, 1] = np.nan
    both = np.isfinite(measured[:, 1]) & np.isfinite(predicted[:, 1])
    expected = [
        stats.pearsonr(predicted[:, 0], measured[:, 0])[0],
        stats.pearsonr(predicted[both, 1], measured[both, 1])[0],
        stats.pearsonr(predicted[:, 2], measured[:, 2])[0],
    ]
    assert correlation(predicted, measured) == pytest.approx(expected)


def test_too_few_images_or_no_variation_give_nan_without_a_warning() -> None:
    measured = np.array([[1.0, 1.0, np.nan], [2.0, 1.0, 1.0], [4.0, 1.0, 2.0]])
    predicted = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 4.0, 2.0]])
    assert np.isnan(correlation(predicted, measured)).tolist() == [False, True, True]


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        correlation(np.zeros((3, 2)), np.zeros((3, 1)))
