"""sensitivity.csv byte for byte, truth.csv beside it, and the day table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from closedloop.artifacts.day.evaluation import SENSITIVITY
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import write_table
from closedloop.errors import DocumentError, StudyError
from closedloop.report.amended.comparable import day_table
from closedloop.report.numbers import CSV_COLUMNS, write_sensitivity_csv

UNKNOWN = dict.fromkeys(("standard_error", "interval_low", "interval_high"), float("nan"))
ROW = {"truth": False, "image_set": "anchors", "site": "", "n_images": 56, "n_sites": 21}


def _rewrite(paths: StudyPaths, day: int, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in SENSITIVITY.columns}
    write_table(paths.day(day).folder("evaluate") / "sensitivity.parquet", SENSITIVITY, columns, simulated=True)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_is_these_bytes(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=1, under_way=False)
    base = {**ROW, "day": 0, "standard_error": 0.5, "interval_low": 0.1, "interval_high": 0.9}
    _rewrite(
        paths,
        0,
        [
            {**base, "epsilon": 10.0, "estimate": "paper", "mean": 1 / 3},
            {**base, "epsilon": 1.0, "estimate": "true", "mean": 0.25, "truth": True},
            {**base, "epsilon": 1.0, "estimate": "gaussian", "mean": 0.125, "truth": True},
            {**base, "epsilon": 1.0, "estimate": "gaussian", "mean": -2e-9, "truth": False},
            {**base, "epsilon": 1.0, "estimate": "paper", "mean": 9.0, "site": "array1-e03"},
            {**base, "epsilon": 1.0, "estimate": "paper", "mean": 8.0, "image_set": "all"},
            {**base, "epsilon": 2.5, "estimate": "paper", "mean": -0.0123456789, **UNKNOWN},
        ],
    )
    assert write_sensitivity_csv(paths).read_bytes() == (
        b"day,epsilon,estimate,mean,standard_error,n_images,n_sites,interval_low,interval_high\n"
        b"0,2.500000,paper,-0.012346,nan,56,21,nan,nan\n"
        b"0,10.000000,paper,0.333333,0.500000,56,21,0.100000,0.900000\n"
        b"0,1.000000,gaussian,0.000000,0.500000,56,21,0.100000,0.900000\n"
        b"0,1.000000,true,0.250000,0.500000,56,21,0.100000,0.900000\n"
    )
    assert (paths.report / "truth.csv").read_bytes() == (
        b"day,epsilon,estimate,mean,standard_error,n_images,n_sites,interval_low,interval_high\n"
        b"0,1.000000,gaussian,0.125000,0.500000,56,21,0.100000,0.900000\n"
        b"0,1.000000,true,0.250000,0.500000,56,21,0.100000,0.900000\n"
    )


def test_rows_come_by_day_then_estimate_then_epsilon(study: StudyPaths) -> None:
    rows = _read(write_sensitivity_csv(study))
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)
    first_day = [(row["estimate"], float(row["epsilon"])) for row in rows if row["day"] == "0"]
    order = ["paper", "cross_fitted", "gaussian", "linear", "true", "white_box", "vanilla_units", "robust_units"]
    assert first_day == [(estimate, epsilon) for estimate in order for epsilon in (1.0, 2.5, 10.0)]
    assert {row["day"] for row in rows} == {"0", "1", "2", "3"}


def test_a_study_without_anchors_reports_all_images(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=1, anchors=False)
    rows = _read(write_sensitivity_csv(paths))
    assert {row["n_images"] for row in rows} == {"300"}
    assert rows[0]["mean"] == "-0.008000"


def test_a_real_study_has_no_truth_file(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=1, simulated=False)
    csv_path = write_sensitivity_csv(paths)
    assert {row["estimate"] for row in _read(csv_path)} >= {"paper", "vanilla_units"}
    assert not (paths.report / "truth.csv").exists()


def test_a_study_without_an_evaluated_day_has_only_the_header(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=0)
    assert write_sensitivity_csv(paths).read_text() == f"{','.join(CSV_COLUMNS)}\n"


def test_the_day_table_says_what_each_day_measured(study: StudyPaths) -> None:
    rows = day_table(study)[0]
    assert [row.day for row in rows] == [0, 1, 2, 3, 4]
    third = rows[3]
    assert [(c.epsilon, c.paper.mean, c.true.mean) for c in third.epsilons if c.paper and c.true] == [
        (1.0, 0.039, 0.046),
        (2.5, 0.115, 0.124),
        (10.0, 0.578, 0.595),
    ]
    assert third.sign_agreement_true == pytest.approx(0.96)
    # Measured: .5 + .46 (.2 + .08 eps), averaged over epsilons of 168 pairs each.
    assert third.sign_agreement_measured == pytest.approx(0.5 + 0.46 * (0.2 + 0.08 * 4.5))
    assert (third.n_used, third.n_presented) == (2491, 2504)


def test_a_day_that_has_only_been_ingested_has_presentations_and_nothing_else(study: StudyPaths) -> None:
    last = day_table(study)[0][-1]
    assert (last.n_used, last.r, last.sign_agreement_true, last.epsilons) == (2491, None, None, ())


def test_simulated_data_in_a_real_study_are_refused(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=1, simulated=False)
    _rewrite(paths, 0, [{**ROW, **UNKNOWN, "day": 0, "epsilon": 1.0, "estimate": "paper", "mean": 1.0}])
    with pytest.raises(StudyError, match=r"sensitivity\.parquet: expected real data .* found simulated data"):
        write_sensitivity_csv(paths)


def test_a_published_stage_without_its_file_is_an_error_and_not_an_empty_table(study: StudyPaths) -> None:
    (study.day(2).folder("evaluate") / "sensitivity.parquet").unlink()
    with pytest.raises(DocumentError, match="expected a table, found no file"):
        write_sensitivity_csv(study)


def test_a_day_evaluated_by_an_older_version_has_the_normal_interval(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=1, under_way=False)
    path = paths.day(0).folder("evaluate") / "sensitivity.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["interval_low", "interval_high"]), path)
    first = _read(write_sensitivity_csv(paths))[0]
    assert (first["mean"], first["standard_error"]) == ("-0.008000", "0.021000")
    assert (first["interval_low"], first["interval_high"]) == ("-0.049160", "0.033160")  # 1.96 standard errors
