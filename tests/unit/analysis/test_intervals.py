"""Student's t at any number of degrees of freedom: scipy's, and at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.intervals import student_p


@pytest.mark.parametrize("degrees", [1, 2, 7, 60, 200, 201, 1000, 10**6, 27_746_249_236])
def test_p_is_scipys_at_few_and_at_very_many_degrees(degrees: int) -> None:
    for t in (0.0, 0.03, 0.7, -1.96, 2.5, 4.0, -5.5):
        assert student_p(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), rel=1e-7, abs=1e-14)


@pytest.mark.parametrize("t", [6.0, 8.0, -30.0, 1e200])
def test_small_p_of_many_degrees_are_not_lost_to_rounding(t: float) -> None:
    assert student_p(t, 5000) == pytest.approx(2 * stats.t.sf(abs(t), 5000), rel=1e-8)
    assert np.isnan(student_p(np.nan, 5000))
