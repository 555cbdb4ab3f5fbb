"""Days side by side are of the same sites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.report.amended.comparable import comparable
from closedloop.report.numbers import day_rows
from closedloop.report.reading import DayRecord, StudyRecord, read_study
from tests.unit.report.conftest import EPSILONS, SITES, evaluated_study


@pytest.fixture
def record(tmp_path: Path) -> StudyRecord:
    return read_study(evaluated_study(tmp_path / "study", n_evaluated=3))


def without(day: DayRecord, sites: list[str]) -> DayRecord:
    assert day.pairs is not None
    lost = np.isin(day.pairs["neuroid_id"], sites)
    return replace(day, pairs=day.pairs | {"change": np.where(lost, np.nan, day.pairs["change"])})


def with_day(record: StudyRecord, number: int, sites: list[str]) -> StudyRecord:
    return replace(record, days=tuple(without(day, sites) if day.day == number else day for day in record.days))


def test_days_of_the_same_sites_are_as_they_are(record: StudyRecord) -> None:
    compared = comparable(record)
    assert compared.record is record
    assert compared.said == ""


def test_a_site_that_a_day_lacks_is_left_out_of_all_days_and_said(record: StudyRecord) -> None:
    compared = comparable(with_day(record, 1, SITES[:3]))
    assert f"over the {len(SITES) - 3} sites that all of them have" in compared.said
    assert compared.said_shortly == (
        f"over {len(SITES) - 3} of {len(SITES)} sites: {', '.join(sorted(SITES[:3]))} left out"
    )
    assert all(f"{name} (not on day 1)" in compared.said for name in SITES[:3])
    for day, whole in zip(compared.record.evaluated, record.evaluated, strict=True):
        rows = {row.epsilon: row for row in day.sensitivity if row.estimate == "paper" and row.site == ""}
        assert set(rows) == set(EPSILONS)
        assert whole.pairs is not None
        for epsilon, row in rows.items():
            own = (whole.pairs["epsilon"] == epsilon) & ~np.isin(whole.pairs["neuroid_id"], SITES[:3])
            sign, change = whole.pairs["predicted_sign"][own], whole.pairs["change"][own]
            assert row.mean == pytest.approx(float((sign * change).mean()))
            assert row.n_sites == len(SITES) - 3
        assert day.evaluation is not None
        assert not set(SITES[:3]) & set(day.evaluation.r_predicted)
    assert len(day_rows(compared.record)) == len(day_rows(record))


def test_a_day_without_any_site_is_left_out_as_a_whole(record: StudyRecord) -> None:
    compared = comparable(with_day(record, 2, SITES))
    assert "left out of the comparison: day 2, which has no site" in compared.said
    assert f"over the {len(SITES)} sites" in compared.said
    assert compared.said_shortly == f"over {len(SITES)} of {len(SITES)} sites: day 2 left out"
