"""A session as exports take it: all electrodes, on whichever processor, and spikes in bins by the recorder's ticks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import closedloop
from closedloop.access.recorded import NOT_THERE, binned_counts, recorded_sessions
from closedloop.errors import StudyError
from tests.unit.access.studies import COUNTS, ELECTRODES, MISSING_ON_DAY_1, REJECTED, SITES, make_study


def test_spikes_of_every_processor_are_counted_on_its_own_clock(tmp_path: Path) -> None:
    first, _ = recorded_sessions(closedloop.open_study(make_study(tmp_path / "study")))
    bins = binned_counts(first, [0.0, 100.0, 200.0])
    of_site = dict(zip(SITES, range(len(SITES)), strict=True))
    assert bins[0, of_site["array1-001"]].tolist() == [0.0, 1.0]  # at 100 ms, and at 200 ms, which is no more in it
    assert bins[0, of_site["array1-005"]].tolist() == [0.0, 1.0]
    assert bins[1, of_site["array2-001"]].tolist() == [0.0, 1.0]  # 100 ms after its own onset
    assert np.isnan(bins[0, of_site["array2-001"]]).all()  # no onset on that clock
    assert np.isnan(bins[REJECTED]).all()


def test_the_models_outputs_come_first_and_the_other_electrodes_after_them(tmp_path: Path) -> None:
    first, second = recorded_sessions(closedloop.open_study(make_study(tmp_path / "study")))
    names = first.electrodes["neuroid_id"].tolist()
    assert names[: len(SITES)] == list(SITES)
    assert first.electrodes["site_index"].tolist() == [0, 1, 2, NOT_THERE]
    np.testing.assert_array_equal(first.counts, COUNTS[:, [ELECTRODES.index(name) for name in names]])
    assert MISSING_ON_DAY_1 not in second.electrodes["neuroid_id"]
    assert first.reliability_seed != second.reliability_seed
    assert [(one.day, one.number, one.window_ms) for one in (first, second)] == [(0, 1, (70, 170)), (1, 1, (70, 170))]


def test_a_day_that_is_not_recorded_is_named_with_those_that_are(tmp_path: Path) -> None:
    study = closedloop.open_study(make_study(tmp_path / "study"))
    assert [one.day for one in recorded_sessions(study, 1)] == [1]
    with pytest.raises(StudyError, match=r"expected a day whose responses are there \(0, 1\), found day 2"):
        list(recorded_sessions(study, 2))
