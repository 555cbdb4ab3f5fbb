"""What of a day may be used: by role, and by what people left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.amended.exclusions import Exclusion
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import fitted_rows, held_out_rows, leave_out, scaling_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.study import StudyPaths
from tests.unit.days import stimulus, write_responses, write_stimuli

ROWS = [
    stimulus("clean", "clean", 0),
    stimulus("clean", "anchor", 1),
    stimulus("clean", "normalizer", 2),
    stimulus("attacked", "clean", 0, site_index=0, epsilon=1.0),
    stimulus("attacked", "anchor", 1, site_index=0, epsilon=1.0),
    stimulus("gaussian", "anchor", 1, epsilon=1.0),
]


@pytest.fixture
def day(tmp_path: Path) -> DayResponses:
    """Six images shown once, sites 003 and 005 of array1."""
    paths = StudyPaths(tmp_path)
    write_stimuli(paths, 2, ROWS)
    counts = np.arange(12.0).reshape(6, 2)
    counts[5, 1] = np.nan
    write_responses(paths, 2, image_index=list(range(6)), counts=counts, index_of={3: 0, 5: 1})
    return read_day_responses(reader_of(paths), 2, window_s=1.0)


def test_what_is_fitted_held_out_and_scaled_by_does_not_overlap(day: DayResponses) -> None:
    assert fitted_rows(day.stimuli).tolist() == [0, 3]
    assert (held_out_rows(day.stimuli)[0].tolist(), held_out_rows(day.stimuli)[1]) == ([1], "anchors")
    assert scaling_rows(day.stimuli).tolist() == [2]


@pytest.mark.parametrize(
    ("values", "taken", "n"),
    [
        ({"thing": "site", "name": "array1-005"}, np.s_[:, 1], 5),
        ({"thing": "site", "name": "array1-005", "from_day": 2, "to_day": 2}, np.s_[:, 1], 5),
        ({"thing": "array", "name": "array1"}, np.s_[:, :], 11),
        ({"thing": "day", "from_day": 2, "to_day": 2}, np.s_[:, :], 11),
        ({"thing": "presentations", "from_day": 2, "to_day": 2, "first": 1, "last": 3}, np.s_[1:4, :], 6),
    ],
)
def test_what_is_left_out_has_no_response_and_the_rest_stays(
    day: DayResponses, values: dict[str, Any], taken: Any, n: int
) -> None:
    without, n_taken = leave_out(
        day, [Exclusion.model_validate({"part": "fit", "from_day": 0} | values)], recording_day=2
    )
    expected = day.rates_hz.copy()
    expected[taken] = np.nan
    np.testing.assert_array_equal(without.rates_hz, expected)
    assert list(n_taken.values()) == [n]


def test_another_days_exclusions_and_other_sites_take_nothing(day: DayResponses) -> None:
    other = Exclusion(part="fit", thing="site", name="array1-005", from_day=3)
    assert leave_out(day, [other], recording_day=2) == (day, {})
    strange = Exclusion(part="fit", thing="array", name="array", from_day=0)
    without, n_taken = leave_out(day, [strange], recording_day=2)
    np.testing.assert_array_equal(without.rates_hz, day.rates_hz)
    assert n_taken == {"array array": 0}
