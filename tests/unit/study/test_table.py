"""The table of the day: its order, and that every stage reads what is there when its turn comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import FIRST, Block, BlockSequence
from closedloop.artifacts.study import STAGES, START, START_DAY, StudyPaths
from closedloop.study.table import STAGE_TABLE, Stage
from tests.unit.days import protocol

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


READS_ON_DAY_2 = {
    "plan": {"day-01/queue", "day-00/ingest"},
    "synthesize": {"day-02/plan", "day-01/refit"},
    "schedule": {"day-02/synthesize"},
    "present": {"day-02/schedule"},
    "recording": {"day-02/schedule", "day-02/present"},
    "ingest": {f"day-02/{name}" for name in ("synthesize", "schedule", "present", "recording")} | {"day-00/ingest"},
    "refit": {"day-01/refit"} | {f"day-{day:02d}/{name}" for day in range(3) for name in ("synthesize", "ingest")},
    "evaluate": {"day-02/synthesize", "day-02/ingest", "day-00/evaluate"},
    "queue": {"day-01/queue", "day-02/plan", "day-02/evaluate"},
}


@pytest.mark.parametrize("stage", STAGE_TABLE.day, ids=lambda stage: stage.name)
def test_a_later_day_reads_its_own_files_the_day_before_and_what_was_settled_on_day_0(stage: Stage) -> None:
    """The refit is on all days so far; sites were chosen, and artificial units attacked, on day 0."""
    assert {PATHS.relative(folder) for folder in stage.inputs(PATHS, 2)} == READS_ON_DAY_2[stage.name]


DECIDES = {
    "images": {"start", "plan", "schedule", "evaluate", "queue"},
    "procedural": {"start"},
    "rounds": {"plan", "queue"},
    "sites": {"start", "plan", "ingest"},
    "base_model": {"start"},
    "ensemble": {"start", "plan"},
    "image_sensitivity": {"plan", "queue"},
    "plane": {"plan", "synthesize", "queue"},
    "objectives": {"plan", "synthesize"},
    "evolution": {"plan", "synthesize"},
    "arms": {"start", "plan", "synthesize", "refit"},
    "probes": {"start", "plan", "synthesize", "queue"},
    "population": {"plan", "synthesize"},
    "preference": {"start", "plan", "evaluate", "queue"},
    "attack": {"plan", "synthesize", "evaluate"},
    "controls": {"plan"},
    "presentation": {"plan", "schedule"},
    "trial": {"plan", "schedule"},
    "recording": {"recording", "ingest", "refit", "evaluate"},
    "fit": {"refit"},
    "evaluation": {"evaluate"},
    "simulation": {"schedule", "recording", "evaluate"},
}


def test_every_section_of_the_protocol_decides_some_stages_and_these() -> None:
    of_no_stage = {"name", "seed", "days", "gates"}  # gates hold what is next, and change no file of a stage
    assert set(Protocol.model_fields) - of_no_stage == set(DECIDES)
    assert {name: {stage.name for stage in ALL if name in stage.sections} for name in DECIDES} == DECIDES


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_sections_are_the_protocols_each_once_and_what_was_undeclared_is_declared_now(stage: Stage) -> None:
    assert set(stage.sections) <= set(DECIDES)
    assert len(set(stage.sections)) == len(stage.sections)
    assert set(stage.undeclared) <= set(stage.sections)


def test_the_animal_comes_between_what_it_is_shown_and_what_is_made_of_its_answers() -> None:
    places = [stage.place for stage in ALL]
    assert places == ["before the session"] * 4 + ["in the session"] * 2 + ["after the session"] * 4


def test_the_attacks_of_the_day_before_are_read_where_they_are_shown_again_and_nowhere_else() -> None:
    plain, again = protocol(), protocol(controls={"yesterday": True})
    more = {
        stage.name: [
            PATHS.relative(folder)
            for folder in stage.reads(PATHS, 2, protocol=again, decided=False)
            if folder not in stage.reads(PATHS, 2, protocol=plain, decided=False)
        ]
        for stage in STAGE_TABLE.day
    }
    wanted = {"plan": ["day-01/synthesize"], "synthesize": ["day-01/synthesize"]}
    assert {name: folders for name, folders in more.items() if folders} == wanted
    for stage in STAGE_TABLE.day:
        assert stage.reads(PATHS, 0, protocol=again, decided=False) == stage.inputs(PATHS, 0)


def test_the_day_before_is_the_last_one_that_had_a_session_with_all_of_its_sessions() -> None:
    sequence = BlockSequence(skipped=frozenset({2}), added=frozenset({Block(1, 2)}))
    assert sequence.of_day_before(Block(3)) == (Block(1), Block(1, 2))
    assert sequence.of_day_before(Block(1, 2)) == (Block(0),)
    assert sequence.of_day_before(FIRST) == ()


def test_a_decoder_is_fitted_to_all_days_before_where_there_are_attacks_on_it_and_nothing_else_reads_them() -> None:
    plain, asked = protocol(), protocol(population={"n_images": 1, "first_day": 2})
    for stage in STAGE_TABLE.day:
        for day in (0, 1):
            usual = stage.reads(PATHS, day, protocol=plain, decided=False)
            assert stage.reads(PATHS, day, protocol=asked, decided=False) == usual
        more = set(stage.reads(PATHS, 2, protocol=asked, decided=False))
        more -= set(stage.reads(PATHS, 2, protocol=plain, decided=False))
        earlier = {f"day-{day:02d}/{of}" for day in (0, 1) for of in ("synthesize", "ingest")}
        assert {PATHS.relative(folder) for folder in more} == (earlier if stage.name == "synthesize" else set())
