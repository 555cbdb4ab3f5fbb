"""Tables of intervals and slopes of a day, the file of all days, and the alarm of another map."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import INTERVALS, SLOPES, MapFit
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.report.controls.alarms import alarms
from closedloop.report.controls.interval_tables import (
    intervals_table,
    sections_of_intervals,
    slopes_tables,
    write_intervals_csv,
)


def interval(unit: str, over: str, mean: float, *, site: str = "") -> dict[str, Any]:
    """Return a row of the paper's estimate at epsilon 10, its interval a tenth to either side."""
    return {
        "day": 2,
        "epsilon": 10.0,
        "estimate": "paper",
        "truth": False,
        "image_set": "anchors",
        "site": site,
        "unit": unit,
        "over": over,
        "mean": mean,
        "standard_error": 0.05,
        "interval_low": mean - 0.1,
        "interval_high": mean + 0.1,
        "n_images": 12,
        "n_sites": 1 if site else 3,
    }


def intervals() -> Columns:
    rows = [
        interval(unit, over, mean, site=site)
        for unit, mean in (("sigma", 0.5), ("sigma_corrected", 0.6), ("hz", 7.0))
        for site, overs in (("", ("images_and_sites", "images")), ("array1-007", ("images",)))
        for over in overs
    ]
    return {name: np.array([row[name] for row in rows]) for name in INTERVALS.columns}


def slopes() -> Columns:
    rows = [("site", "array1-003", 0.2, 1e-6), ("site", "array1-007", 0.0, 0.7), ("image", "disc", 0.1, np.nan)]
    columns = {"of": 0, "name": 1, "slope": 2, "p_corrected": 3}
    table = {name: np.array([row[place] for row in rows]) for name, place in columns.items()}
    rest = {"day": np.full(3, 2), "standard_error": np.full(3, 0.01), "degrees": np.full(3, 11)}
    return {**rest, **table, "p": table["p_corrected"]}


def test_a_mean_over_sites_is_a_line_with_all_its_units() -> None:
    table = intervals_table(intervals())
    (line,) = table.rows
    assert len(line) == len(table.columns)
    assert line[2:] == ("10", "0.500", "0.400 to 0.600", "0.400 to 0.600", "0.600", "7.000", "6.900 to 7.100")


def test_sites_are_listed_with_their_slopes_and_how_many_are_sure() -> None:
    assert set(slopes()) == set(SLOPES.columns)
    (table,) = slopes_tables(slopes())
    assert [line[0] for line in table.rows] == ["array1-003", "array1-007"]
    assert [line[4] for line in table.rows] == ["< 0.0001", "0.7000"]
    assert "1 of 2 are below .05" in table.caption
    assert "0 of 1." in table.caption


def test_a_day_of_an_older_version_has_neither() -> None:
    day: Any = SimpleNamespace(intervals=None, slopes=None)
    assert list(sections_of_intervals(day)) == []


def test_the_file_has_every_row_of_every_day_and_is_not_there_without_any(tmp_path: Path) -> None:
    paths, old = StudyPaths(tmp_path), SimpleNamespace(intervals=None)
    write_intervals_csv(paths, [old])  # type: ignore[list-item]
    assert not (paths.report / "intervals.csv").exists()
    write_intervals_csv(paths, [old, SimpleNamespace(intervals=intervals())])  # type: ignore[list-item]
    rows = list(csv.DictReader((paths.report / "intervals.csv").read_text().splitlines()))
    assert len(rows) == len(intervals()["day"])
    assert rows[0]["mean"] == "0.500000"
    assert {row["site"] for row in rows} == {"", "array1-007"}


@pytest.mark.parametrize(("day", "rings", "n_alarms"), [(1, True, 1), (1, False, 0), (0, True, 0)])
def test_another_map_is_an_alarm_from_day_1_on(day: int, rings: bool, n_alarms: int) -> None:
    fit = MapFit(r_own=0.02, r_other=0.01, p=0.4, n_sites=21, rings=rings)
    told: Any = SimpleNamespace(
        day=day, session=Block(day), evaluation=SimpleNamespace(map_fit=fit), sensitivity=(), block=1
    )
    found = alarms(told, ())
    assert len(found) == n_alarms
    assert all("check the channel map" in line and "0.400" in line for line in found)
