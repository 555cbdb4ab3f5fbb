"""What people decided stands on the pages, and days are compared at the epsilons that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import SENSITIVITY
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import write_table
from closedloop.report.numbers import day_rows
from closedloop.report.pages import write_report
from closedloop.report.reading import read_study
from tests.unit.report.conftest import manifest_of, sensitivity_columns
from tests.unit.report.test_pages import _parse


def words(paths: StudyPaths, name: str = "index.html") -> str:
    return " ".join(_parse(paths.report / name).words)


def decide(paths: StudyPaths, kind: str, day: int | None, **values: Any) -> None:
    line = {"kind": kind, "simulated": True, "day": day, "utc": "2026-12-01T09:00:00+00:00", "who": "ada", "why": "so"}
    append_amendment(paths.amendments, Amendment.model_validate(line | values))


@pytest.fixture
def other_epsilons(tmp_path: Path, build_study: Any) -> StudyPaths:
    """A study of three days, whose last one shows epsilon 2.5 and 10 alone."""
    paths: StudyPaths = build_study(tmp_path / "study", n_evaluated=3, under_way=False)
    columns = sensitivity_columns(2, anchors=True, simulated=True)
    kept = [at for at, epsilon in enumerate(columns["epsilon"]) if epsilon > 1]
    rows = {name: [values[at] for at in kept] for name, values in columns.items()}
    write_table(paths.folder("evaluate", 2) / "sensitivity.parquet", SENSITIVITY, rows, simulated=True)
    place = catalog.EVALUATION.published(paths, 2)
    evaluation = catalog.EVALUATION.read(place)
    evaluation.model_copy(update={"epsilons": evaluation.epsilons[1:]}).write(place)
    manifest_of(paths, 2, "evaluate", simulated=True)
    return paths


def test_two_days_are_compared_at_the_epsilons_of_both_and_the_others_are_named(other_epsilons: StudyPaths) -> None:
    write_report(other_epsilons)
    page = words(other_epsilons)
    assert "Left out, since one of the days has none: ε = 1." in page
    assert "Signs are counted at the ε that all days have (2.5, 10)" in page


def test_signs_are_counted_alike_on_all_days(other_epsilons: StudyPaths) -> None:
    record = read_study(other_epsilons)
    first = day_rows(record)[0]
    assert first.signs_of == (2.5, 10)
    shared = [one for one in record.days[0].evaluation.epsilons if one.epsilon > 1]  # type: ignore[union-attr]
    mean = sum(one.sign_agreement_measured * one.n_pairs for one in shared) / sum(one.n_pairs for one in shared)  # type: ignore[operator]
    assert first.sign_agreement_measured == pytest.approx(mean)


def test_days_of_the_same_epsilons_leave_nothing_out(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=3, under_way=False)
    write_report(paths)
    assert "Left out, since" not in words(paths)
    assert "Signs are counted at" not in words(paths)
    assert "What was decided" not in words(paths)
    assert all(row.signs_of == () for row in day_rows(read_study(paths)))


def test_every_decision_is_told_on_the_study_s_page_and_on_those_of_its_days(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=3, under_way=False)
    values = {"subject": ("trial.reward_ms",), "before": {"trial.reward_ms": "120.0"}}
    decide(paths, "amend_protocol", 1, **values, after={"trial.reward_ms": "90.0"})
    decide(paths, "replace_recording", 0)
    decide(paths, "withdraw", 1, subject=("1", "amend_protocol"))
    write_report(paths)
    said = "amended the protocol from day 1 on: trial.reward_ms 120.0 -> 90.0 (taken back by line 3)"
    assert all(text in words(paths) for text in ("What was decided", said, "replaced the recording", "line 3"))
    assert said in words(paths, "day-02.html")
    assert said not in words(paths, "day-00.html")
    assert "replaced the recording" in words(paths, "day-00.html")


def test_a_session_that_was_made_from_what_was_made_again_says_so_on_its_page(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=2, under_way=False)
    folder = paths.folder("synthesize", 1)
    manifest = read_manifest(folder)
    manifest.model_copy(update={"inputs": {"day-00/refit/a.json": "1" * 64}}).write(folder / MANIFEST_NAME)
    write_report(paths)
    said = (
        "The session of day 1 stands as it was shown: it was made with the model of day 0 as it was before a decision"
    )
    assert said in words(paths)
    assert said in words(paths, "day-01.html")
    assert said not in words(paths, "day-00.html")


def test_which_rig_showed_which_day_is_told(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=2, under_way=False)
    rigs = ({"rig": "lab-1", "rig_sha256": "a" * 64}, {"rig": "lab-2", "rig_sha256": "b" * 64})
    decide(paths, "change_rig", 1, subject=("lab-2",), before=rigs[0], after=rigs[1])
    write_report(paths)
    assert "From day 1 on they were shown by rig lab-2 (rig.yaml bbbbbbbbbbbb)." in words(paths)
