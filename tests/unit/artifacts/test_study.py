"""Where the files of a study lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.catalog import MODEL, QUEUE
from closedloop.artifacts.study import STAGES, START, START_DAY, StudyPaths

PATHS = StudyPaths(Path("/lab/study"))


def test_the_folders_are_those_of_the_design() -> None:
    named = [PATHS.protocol, PATHS.study, PATHS.ledger, PATHS.start, PATHS.report]
    assert [path.name for path in named] == ["protocol.yaml", "study.json", "ledger.sqlite", "start", "report"]
    assert PATHS.day(3).folder("plan") == Path("/lab/study/day-03/plan")
    assert PATHS.day(12).root == Path("/lab/study/day-12")


def test_half_done_work_has_a_hidden_name_that_no_stage_has() -> None:
    working = [PATHS.day(0).working(stage) for stage in STAGES]
    assert all(path.name.startswith(".") for path in working)
    assert len({*working, *(PATHS.day(0).folder(stage) for stage in STAGES)}) == 2 * len(STAGES)


def test_the_start_is_asked_for_like_a_day() -> None:
    assert PATHS.folder(START, START_DAY) == PATHS.start
    assert PATHS.working(START, START_DAY) == Path("/lab/study/.start.partial")
    assert PATHS.folder("plan", 3) == PATHS.day(3).folder("plan")
    assert PATHS.working("plan", 3) == PATHS.day(3).working("plan")


def test_names_in_ledger_and_manifests_are_relative_to_the_study() -> None:
    assert PATHS.relative(PATHS.day(0).folder("plan") / "plan.json") == "day-00/plan/plan.json"
    with pytest.raises(ValueError, match="not in the subpath"):
        PATHS.relative(Path("/elsewhere/file"))


def test_day_0_starts_from_the_studys_start_and_others_from_the_day_before() -> None:
    assert QUEUE.published(PATHS, 0).parent == MODEL.published(PATHS, 0).parent == PATHS.start
    assert QUEUE.published(PATHS, 2).parent == PATHS.day(1).folder("queue")
    assert MODEL.published(PATHS, 2).parent == PATHS.day(1).folder("refit")
