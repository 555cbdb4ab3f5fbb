"""The table of the day: its order, and that every stage reads what is there when its turn comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import STAGES, START, START_DAY, StudyPaths
from closedloop.study.table import STAGE_TABLE, Stage

PATHS = StudyPaths(Path("/lab/study"))
ALL = (STAGE_TABLE.start, *STAGE_TABLE.day)


def test_the_stages_and_their_order_are_those_of_the_studys_folders() -> None:
    assert STAGE_TABLE.start.name == START
    assert tuple(stage.name for stage in STAGE_TABLE.day) == STAGES


@pytest.mark.parametrize("day", [0, 1, 4])
def test_a_stage_reads_folders_of_stages_before_it_and_none_twice(day: int) -> None:
    published = {PATHS.folder(START, START_DAY)}
    published |= {PATHS.folder(stage, past) for past in range(day) for stage in STAGES}
    for stage in STAGE_TABLE.day:
        folders = stage.inputs(PATHS, day)
        assert len(set(folders)) == len(folders) > 0, stage.name
        assert set(folders) <= published, stage.name
        published.add(PATHS.folder(stage.name, day))


def test_the_start_reads_nothing() -> None:
    assert STAGE_TABLE.start.inputs(PATHS, START_DAY) == []


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_sections_are_the_protocols_each_once_and_what_was_undeclared_is_declared_now(stage: Stage) -> None:
    assert set(stage.sections) <= set(Protocol.model_fields) - {"name", "seed", "days"}
    assert len(set(stage.sections)) == len(stage.sections)
    assert set(stage.undeclared) <= set(stage.sections)


def test_the_animal_comes_between_what_it_is_shown_and_what_is_made_of_its_answers() -> None:
    places = [stage.place for stage in ALL]
    assert places == ["before the session"] * 4 + ["in the session"] * 2 + ["after the session"] * 4
