"""A day of a real dry run is planned from the days before it, and its measured standard errors stand beside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.plan_expectations import compare_fitted, compare_subject, power_of_growth
from closedloop.artifacts.catalog import PAIRS, SENSITIVITY
from closedloop.artifacts.study import StudyPaths
from tests.loop.studies import closedloop


def numbers(study: Path, *words: str) -> dict[str, object]:
    finished = closedloop("plan", study, "--json", *words)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, object] = json.loads(finished.stdout)
    return found


@pytest.mark.slow  # it waits for a whole study
def test_a_finished_day_is_planned_from_those_before_it_alone(study_copy: Callable[[], Path]) -> None:
    study = study_copy()
    paths = StudyPaths(study)
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    plan = numbers(study)
    assert (plan["day"], plan["days"], plan["simulated"]) == (1, [0], True)
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before
    pairs = PAIRS.read(PAIRS.published(paths, 1))
    attacked = (pairs["kind"] == "attacked") & (pairs["epsilon"] == 10.0)
    (of_all,) = [one for one in plan["epsilons"][1]["means"] if one["image_set"] == "all"]
    assert of_all["n_pairs"] == attacked.sum()
    rows = SENSITIVITY.read(SENSITIVITY.published(paths, 1))
    chosen = (
        (rows["estimate"] == "paper") & (rows["site"] == "") & (rows["image_set"] == "all") & (rows["epsilon"] == 10.0)
    )
    (measured,) = [one for one in plan["measured"] if one["epsilon"] == 10.0 and one["image_set"] == "all"]
    assert measured["standard_error"] == rows["standard_error"][chosen].item()
    for path in study.glob("day-01/*"):  # nothing that was recorded on the day decides what was expected of it
        if path.name not in ("synthesize", "evaluate"):
            path.rename(path.with_name(f"away-{path.name}"))
    again = numbers(study, "--day", "1")
    assert again["epsilons"] == plan["epsilons"]
    assert "of what their model predicts of them on average" in str(plan["assumptions"])
    (study / "day-01" / "synthesize").rename(study / "day-01" / "away-synthesize")
    assert "the simulated subject's size on day 5" in str(numbers(study, "--day", "1")["assumptions"])
    assert numbers(study, "--day", "0")["days"] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_days_of_fitted_models_are_as_sure_as_planned_from_the_first_on() -> None:
    found = [one for one in compare_fitted(3, n_days=3) if one.day > 0 and one.image_set.startswith("all")]
    for name in ("all", "all, single sites"):
        for day in (1, 2):
            planned, measured = np.mean(
                [(one.planned, one.measured) for one in found if (one.image_set, one.day) == (name, day)], axis=0
            )
            assert planned == pytest.approx(measured, rel=0.2)  # one day's own is known within a tenth


@pytest.mark.slow
def test_standard_errors_and_power_of_simulated_days_are_those_that_were_planned() -> None:
    found = [one for one in compare_subject(3) if one.day > 1 and one.image_set == "all"]
    assert len(found) == 12
    for epsilon in (1.0, 2.5, 10.0):
        ratios = [one.ratio for one in found if one.epsilon == epsilon]
        assert np.mean(ratios) == pytest.approx(1, abs=0.15)
    for one in power_of_growth(seed=3, n=60, epsilons=(10.0,), grown=(1.0, 1.3)):
        assert one.seen == pytest.approx(one.planned, abs=0.16)  # 60 know it within .065
