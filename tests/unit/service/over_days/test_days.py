"""PagePanel over days: its numbers are the report's, and a hidden truth is called one wherever it stands."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, noted
from closedloop.artifacts.day.evaluation import AttainedFraction
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.artifacts.study import StudyPaths
from closedloop.report.amended.comparable import day_table
from closedloop.report.numbers import write_sensitivity_csv
from closedloop.report.tables import NAMES, day_by_day
from closedloop.service.charts import Chart, ChartLine
from closedloop.service.panels import days
from closedloop.service.panels.days import HIDDEN_TRUTH, DaysPanel, read
from closedloop.service.web.render import StudyName, render_fragment, render_json
from tests.unit.report.conftest import SITES, evaluated_study, manifest_of
from tests.unit.service.over_days.stimuli import publish_sites, small_study


def sites_of(day: int) -> list[Site]:
    return [
        Site(
            neuroid_id=name,
            electrode_id=place + 1,
            reliability=0.905 - 0.01 * place - 0.1 * day,
            mean_rate_hz=100.0 + place + 10 * day,
            sigma_hz=20.0,
            site_index=place,
        )
        for place, name in enumerate(SITES)
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a simulated study and a real one, once; each test has its own copy."""
    folder = tmp_path_factory.mktemp("studies")
    for name, simulated in (("simulated", True), ("real", False)):
        paths = evaluated_study(folder / name, simulated=simulated)
        for day in range(5):
            publish_sites(paths, day, *sites_of(day), simulated=simulated)
    return folder


@pytest.fixture
def study(template: Path, tmp_path: Path) -> StudyPaths:
    return StudyPaths(shutil.copytree(template / "simulated", tmp_path / "study"))


@pytest.fixture
def real_study(template: Path, tmp_path: Path) -> StudyPaths:
    return StudyPaths(shutil.copytree(template / "real", tmp_path / "real"))


def leave_out(paths: StudyPaths, *names: str) -> None:
    """Leave sites out of both parts from day 2 on."""
    parts: tuple[LeftOutOf, ...] = ("fit", "evaluation")
    things = [Exclusion(part=part, thing="site", name=name, from_day=2) for name in names for part in parts]
    said = {"kind": "exclude", "simulated": True, "day": None, "utc": "2026-11-29T07:00:00+00:00", "why": "dead"}
    append_amendment(paths.amendments, Amendment.model_validate({**said, "who": "Ada", "after": noted(things)}))


def chart_of(panel: DaysPanel, name: str) -> Chart:
    return next(chart for chart in panel.charts if chart.name == name)


def line_of(chart: Chart, label: str) -> ChartLine:
    return next(line for line in chart.lines if line.label == label)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def csv_rows(paths: StudyPaths) -> list[dict[str, str]]:
    with write_sensitivity_csv(paths).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_sensitivity_on_the_page_is_that_of_sensitivity_csv(study: StudyPaths) -> None:
    panel = json.loads(render_json(read(study)))
    charts = {chart["name"]: chart for chart in panel["charts"]}
    names = {**NAMES, "true": f"sites, {HIDDEN_TRUTH}", "white_box": f"white-box bound, {HIDDEN_TRUTH}"}
    compared = 0
    for row in csv_rows(study):
        if row["estimate"].endswith("_units"):  # networks: in the table of every number
            continue
        chart = charts[f"sensitivity-{float(row['epsilon']):g}".replace(".", "_")]
        line = next(one for one in chart["lines"] if one["label"] == names[row["estimate"]])
        at = chart["x"].index(float(row["day"]))
        for name, of in (("mean", "y"), ("interval_low", "low"), ("interval_high", "high")):
            assert f"{line[of][at]:.6f}" == row[name], (row, name)
            compared += 1
    assert compared == 4 * 3 * 6 * 3


def test_the_day_by_day_table_is_the_reports(study: StudyPaths) -> None:
    section = next(one for one in read(study).sections if one.anchor == "sensitivity")
    (table,) = section.tables
    assert table.rows == day_by_day(day_table(study)[0]).rows
    assert len(table.rows) == 5


def test_what_attacks_attained_is_a_table_that_is_called_hidden_truth(study: StudyPaths) -> None:
    place = catalog.EVALUATION.published(study, 2)
    evaluation = catalog.EVALUATION.read(place)
    cell = {"epsilon": 1.0, "fraction": 0.3124, "interval_low": 0.2711, "interval_high": 0.3546, "image_set": "anchors"}
    cell |= {"true": 0.3124, "white_box": 1.0, "n_pairs": 168, "n_images": 56, "n_sites": 21}
    attained = (AttainedFraction.model_validate(cell),)
    evaluation.model_copy(update={"attained": attained}).write(place)
    manifest_of(study, 2, "evaluate", simulated=True)
    section = next(one for one in read(study).sections if one.anchor == "sensitivity")
    _, table = section.tables
    assert table.rows == (("day 2", "0.312 (0.271 to 0.355)", "1.000"),)
    assert table.caption.startswith(f"By {HIDDEN_TRUTH}, which no real study has. Attained:")


def test_days_are_set_side_by_side_by_the_sites_that_all_have_as_in_the_report(study: StudyPaths) -> None:
    lost = SITES[:2]
    before = read(study)
    place = study.day(2).folder("evaluate") / "pairs.parquet"
    pairs = catalog.PAIRS.read(place)
    pairs["change"] = np.where(np.isin(pairs["neuroid_id"], lost), np.nan, pairs["change"])
    catalog.PAIRS.write(place, pairs, simulated=True)
    manifest_of(study, 2, "evaluate", simulated=True)
    leave_out(study, *lost)
    panel = read(study)
    section = next(one for one in panel.sections if one.anchor == "sensitivity")
    assert f"{lost[0]} (not on day 2)" in section.intro
    assert section.tables[0].rows == day_by_day(day_table(study)[0]).rows
    assert section.tables[0].rows != next(one for one in before.sections if one.anchor == "sensitivity").tables[0].rows
    predictions = chart_of(panel, "predictions")
    assert not {line.label for line in predictions.lines} & set(lost)
    sites = next(one for one in panel.sections if one.anchor == "sites")
    assert "2 left out by Ada on day 2." in sites.intro
    recorded = line_of(chart_of(panel, "yield"), "recorded")
    assert [recorded.y[day] for day in (1, 2)] == [len(SITES), len(SITES) - 2]
    of_lost = line_of(chart_of(panel, "rates"), lost[0])
    assert [value is None for value in of_lost.y] == [False, False, True, True, True]


def test_the_numbers_behind_a_chart_are_the_numbers_of_the_chart(study: StudyPaths) -> None:
    chart = chart_of(read(study), "sensitivity-10")
    rows = {row[0]: row[1:] for row in chart.table.rows}
    wanted = ("3", "10.000000", "paper")
    (at_3,) = (row for row in csv_rows(study) if (row["day"], row["epsilon"], row["estimate"]) == wanted)
    assert rows["sites, the paper's estimator"][3] == (
        f"{float(at_3['mean']):.3f} [{float(at_3['interval_low']):.3f} to {float(at_3['interval_high']):.3f}]"
    )


def test_days_stand_against_the_first_one(study: StudyPaths) -> None:
    panel = read(study)
    (table,) = next(one for one in panel.sections if one.anchor == "sites").tables
    assert table.rows[0] == ("day 0", "21 of 21", "21 of 21", "0.805", "0.000", "110.0 Hz", "100.0 %", "2,491 / 2,504")
    # day 4: .4 less reliable, 40 Hz faster; electrode 10 of 21 is the median, .4 the least: sites 0 to 10 reach it
    assert table.rows[4] == ("day 4", "21 of 21", "11 of 21", "0.405", "−0.400", "150.0 Hz", "136.4 %", "2,491 / 2,504")
    reliability = chart_of(panel, "reliability")
    assert line_of(reliability, "median over sites").y == pytest.approx((0.805, 0.705, 0.605, 0.505, 0.405))
    assert line_of(reliability, SITES[4]).y == pytest.approx((0.865, 0.765, 0.665, 0.565, 0.465))
    assert line_of(chart_of(panel, "yield"), "reliable enough").y == (21, 21, 21, 21, 11)


def test_a_site_that_was_not_recorded_is_a_gap_and_not_a_zero(study: StudyPaths) -> None:
    lost = sites_of(3)
    lost[2] = lost[2].model_copy(update={"mean_rate_hz": None, "reliability": None, "sigma_hz": None})
    publish_sites(study, 3, *lost)
    panel = read(study)
    assert line_of(chart_of(panel, "rates"), SITES[2]).y == (102.0, 112.0, 122.0, None, 142.0)
    assert line_of(chart_of(panel, "yield"), "recorded").y == (21, 21, 21, 20, 21)


def test_a_real_study_shows_no_truth(real_study: StudyPaths) -> None:
    panel = read(real_study)
    assert not panel.simulated
    assert len(panel.charts) == 8
    for text in (*texts(asdict(panel)), *texts([list(chart.table.rows) for chart in panel.charts])):
        assert HIDDEN_TRUTH not in text
    shown = render_fragment(days, panel, StudyName("one"))
    assert "SIMULATED" not in shown
    assert "hidden truth" not in shown.replace("by the hidden truth", "")  # a column of the report's, and empty


def test_a_simulated_study_says_whose_truth_it_is_wherever_it_shows_one(study: StudyPaths) -> None:
    panel = read(study)
    for chart in panel.charts:
        for line in chart.lines:
            assert (HIDDEN_TRUTH in line.label) == (line.look in ("truth", "bound"))
    every = next(one for one in panel.sections if one.anchor == "sensitivity").folded[0].table
    truths = [row for row in every.rows if row[1] == "truth" and not row[0].startswith("units")]
    assert len(truths) == 3 * 4 * 2  # 3 epsilons, of true, white box and two controls, on anchors and on all images
    assert all(HIDDEN_TRUTH in row[0] for row in truths)
    shown = render_fragment(days, panel, StudyName("one"))
    assert shown.index("SIMULATED") < shown.index("Sites and recording")


def test_lines_are_told_apart_without_their_colour(study: StudyPaths) -> None:
    for chart in read(study).charts:
        looks = [(line.mark, line.dash) for line in chart.lines if line.look != "faint"]
        assert len(set(looks)) == len(looks), chart.name
        assert all(mark for mark, _ in looks)


@pytest.mark.parametrize(
    "name",
    [
        *("ingest/quality.json", "ingest/sites.json", "refit/fit.json"),
        *("evaluate/evaluation.json", "evaluate/sensitivity.parquet"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{", b"PAR1 and no more"])
def test_a_damaged_file_is_said_and_the_other_days_stay(study: StudyPaths, name: str, content: bytes) -> None:
    place = study.day(2).root / name
    place.write_bytes(content)
    panel = read(study)
    assert len(panel.damaged) == 1
    assert str(place) in panel.damaged[0]
    assert panel.days == (0, 1, 2, 3, 4)
    assert place.name in render_fragment(days, panel, StudyName("one"))


def test_a_study_that_cannot_be_read_at_all_says_why(study: StudyPaths) -> None:
    study.study.write_bytes(b"{")
    assert read(study).sections == ()
    assert str(study.study) in read(study).damaged[0]


def test_a_new_study_has_no_numbers(tmp_path: Path) -> None:
    panel = read(small_study(tmp_path / "study"))
    assert (panel.days, panel.sections, panel.damaged) == ((), (), ())
    assert "No day has been recorded yet." in render_fragment(days, panel, StudyName("one"))


def test_a_look_at_a_study_that_rests_reads_no_file_again(study: StudyPaths) -> None:
    first = read(study)
    for place in study.root.rglob("*.*"):
        if place.is_file():
            status = place.stat()
            place.write_bytes(bytes(status.st_size))  # other bytes, and nothing that a look could tell them by
            os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(study) == first
