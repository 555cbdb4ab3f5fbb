"""From experiments to tables and a page: coverage of intervals that are made by hand, and the same bytes anyhow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from closedloop.analysis.intervals import part_interval
from closedloop.artifacts.tables import Columns, read_table
from closedloop.cli import app
from closedloop.execution.workers import HERE
from closedloop.studies.coverage.documents import COVERAGE_ALARMS, COVERAGE_INTERVALS
from closedloop.studies.coverage.run import run_coverage
from closedloop.studies.coverage.settings import CoverageFiles, CoverageStudy
from closedloop.studies.coverage.shards import coverage_shards, leave_shard
from closedloop.studies.coverage.tables import alarms_table, intervals_table

SMALL = CoverageStudy(
    n_experiments=3, repetitions=(2,), n_sites=6, images_per_site=3, n_anchors=6, n_clean=30, n_controls=3,
    experiments_a_subject=2,
)  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def run(folder: Path) -> list[str]:
    return run_coverage(SMALL, folder, workers=HERE, command="closedloop studies coverage", progress=lambda *_: None)


def _judged(n: int, **columns: NDArray[np.float64]) -> Columns:
    subject = np.arange(n)
    same = {
        "quantity": "growth",
        "over": "images",
        "epsilon": 1.0,
        "repetitions": 2,
        "standard_error": 1.0,
        "weight": 1.0,
    }
    return {
        **{name: np.full(n, value) for name, value in same.items()},
        **{"subject": subject, "experiment": subject},
        **columns,
    }


def test_coverage_and_bias_are_counted_on_either_side() -> None:
    estimate = np.array([0.0, 0.5, 3.0, -4.0])
    table = intervals_table(_judged(4, estimate=estimate, low=estimate - 1, high=estimate + 1, truth=np.zeros(4)))
    assert (table["covered"][0], table["below"][0], table["above"][0]) == (0.5, 0.25, 0.25)
    assert table["bias"][0] == pytest.approx(-0.125)
    assert table["spread"][0] == pytest.approx(np.sqrt((0.25 + 9 + 16) / 4))


def test_an_interval_over_sites_has_to_cover_the_mean_over_subjects() -> None:
    truth = np.array([0.0, 2.0])
    judged = _judged(2, estimate=truth, low=truth - 0.5, high=truth + 0.5, truth=truth)
    assert intervals_table(judged)["covered"][0] == 1.0
    both = intervals_table(judged | {"over": np.full(2, "images and sites")})
    assert both["covered"][0] == 0.0
    assert both["truth"][0] == 1.0


def test_the_interval_of_a_part_is_wilsons_and_wider_where_subjects_agree() -> None:
    held = np.repeat([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0], 10)
    alone, together = part_interval(held, np.arange(80)), part_interval(held, np.repeat(np.arange(8), 10))
    assert alone == pytest.approx((0.645, 0.832), abs=0.002)  # Wilson, 60 of 80
    assert together[0] < alone[0] - 0.1


def test_an_alarm_is_counted_over_experiments() -> None:
    rang = {
        "test": np.full(4, "map"),
        "repetitions": np.full(4, 2),
        "experiment": np.arange(4),
        "subject": np.arange(4),
    }
    table = alarms_table(rang | {"rate": np.array([1.0, 0.0, 0.0, 0.0])})
    assert (table["rate"][0], table["n_experiments"][0]) == (0.25, 4)


def test_interrupted_and_run_again_it_leaves_the_same_bytes(tmp_path: Path) -> None:
    leave_shard(coverage_shards(SMALL, tmp_path / "killed" / "shards")[1])
    lines = [run(tmp_path / name) for name in ("whole", "killed")]
    assert contents(tmp_path / "whole") == contents(tmp_path / "killed")
    assert lines[0][:-1] == lines[1][:-1]
    files = CoverageFiles(tmp_path / "whole")
    intervals, alarms = read_table(files.intervals, COVERAGE_INTERVALS), read_table(files.alarms, COVERAGE_ALARMS)
    assert {"paper's", "cross-fitted", "attained", "growth", "gaussian control"} <= set(intervals["quantity"].tolist())
    assert {"late day, permuted map: map", "sham control: measurable"} <= set(alarms["test"].tolist())
    page = files.page.read_text()
    assert "What covers" in page
    assert "closedloop studies coverage" in page


def test_more_experiments_use_the_shards_that_are_there(tmp_path: Path) -> None:
    few, more = ([shard.path for shard in coverage_shards(CoverageStudy(n_experiments=n), tmp_path)] for n in (10, 400))
    assert more[:2] == few
    assert len(set(more)) == 80


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--repetitions", "two"], "--repetitions: expected whole numbers"),
        (["--repetitions", "1"], "at least 2, found (1,)"),
        (["--images-per-site", "90"], "as many images a site as there are anchors, 84, found 90"),
        (["--workers", "many"], "many"),
    ],
)
def test_wrong_options_are_told_in_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    shown = CliRunner().invoke(app, ["studies", "coverage", "--out", str(tmp_path / "new"), *options])
    assert shown.exit_code == 1
    assert words in str(shown.exception)
    assert not (tmp_path / "new").exists()
