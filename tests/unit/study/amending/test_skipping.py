"""Days that are skipped: what the loop goes on with, what is refused, and the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.access.opening import open_study
from closedloop.artifacts.gates.held import held_in_its_study
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.amending.sessions import change_sessions
from closedloop.errors import OptionError, StudyError
from closedloop.study.amending.sessions import skip_day
from closedloop.study.loop import Outcome, read_identity, run_study
from closedloop.study.process.state import NextStage, next_stage
from closedloop.study.table import STAGE_TABLE
from tests.unit.days import protocol
from tests.unit.messages import refused
from tests.unit.study.amending.decided_labs import BEFORE, inputs, published, record, scheduled, skip, unskip
from tests.unit.study.labs import bring_recording
from tests.unit.study.sessions import bring


def test_the_next_day_has_the_model_and_the_images_of_a_day_that_nobody_saw(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    skip(made, 1)
    assert made.run() == Outcome(made.run().waiting_for, 2)
    assert inputs(made, "plan", 2) == {"day-00/queue", "day-00/ingest"}
    assert inputs(made, "synthesize", 2) == {"day-02/plan", "day-00/refit"}
    record(made, 2)
    assert inputs(made, "refit", 2) == {
        f"{day}/{stage}" for day in ("day-00", "day-02") for stage in ("synthesize", "ingest")
    } | {"day-00/refit"}
    assert inputs(made, "queue", 2) == {"day-00/queue", "day-02/plan", "day-02/evaluate"}
    assert not (made.paths.day(1).root / "queue").exists()


def test_what_was_planned_of_a_skipped_day_stays_and_is_not_stale(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    before = published(made)
    skip(made, 1)
    made.run()
    assert made.ran == [f"2 {stage}" for stage in BEFORE]
    assert not any("stale" in line for line in made.listener.said)
    assert published(made) == before | published(made)


def test_images_of_a_session_that_was_shown_count_as_used_though_its_recording_is_lost(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    bring(made.paths, 1)
    made.run()
    skip(made, 1)
    made.run()
    assert made.ran == ["1 queue", *(f"2 {stage}" for stage in BEFORE)]
    assert inputs(made, "queue", 1) == {"day-00/queue", "day-01/plan"}
    assert inputs(made, "plan", 2) == {"day-01/queue", "day-00/ingest"}
    assert inputs(made, "synthesize", 2) == {"day-02/plan", "day-00/refit"}


def test_a_session_counts_as_shown_where_somebody_says_so_though_its_journal_is_lost_too(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    skip(made, 1, was_shown=True)
    assert Block(1) in made.paths.sequence.lost
    with refused(StudyError, made.paths.folder("schedule", 2), "--was-shown"):
        skip(made, 2, was_shown=True)


def test_the_last_days_may_be_skipped_and_the_study_ends_before_them(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=2)
    skip(made, 3)
    record(made, 2)
    assert not (made.paths.folder("queue", 2) / MANIFEST_NAME).exists()
    assert next_stage(made.paths, 4) is None
    assert made.run().waiting_for is None
    skip_again = scheduled(tmp_path / "another", day=1)
    for day in (1, 2, 3):
        skip(skip_again, day)
    assert skip_again.run().waiting_for is None


@pytest.mark.parametrize("was_shown", [False, True])
def test_a_day_that_is_had_after_all_leaves_the_study_as_if_nobody_had_skipped_it(
    tmp_path: Path, was_shown: bool
) -> None:
    made, other = scheduled(tmp_path / "study", day=1), scheduled(tmp_path / "other", day=1)
    if was_shown:
        bring(made.paths, 1)
    skip(made, 1)
    made.run()
    assert next_stage(made.paths, 4) == NextStage(2, "present")
    assert made.paths.folder("queue", 1).is_dir() == was_shown
    unskip(made, 1)
    assert not made.paths.folder("queue", 1).exists()
    assert next_stage(made.paths, 4) == NextStage(1, "present")
    assert made.run().day == 1
    for one in (made, other):
        if not was_shown or one is other:
            bring(one.paths, 1)
        bring_recording(one.paths, 1)
        one.run()
        record(one, 2)
    assert published(made) == published(other)
    assert {one.kind for one in read_amendments(made.paths.amendments)} == {"skip_day", "unskip_day"}


def test_a_day_is_not_put_into_a_past_that_was_recorded_without_it(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    skip(made, 1)
    made.run()
    bring(made.paths, 2)
    with refused(StudyError, made.paths.folder("present", 2), "day 1 cannot come before it any more"):
        unskip(made, 1)


@pytest.mark.parametrize(("day", "message"), [(0, "sites are chosen on it"), (1, "exclude"), (2, "skipped already")])
def test_some_days_cannot_be_skipped(tmp_path: Path, day: int, message: str) -> None:
    made = scheduled(tmp_path, day=2)
    skip(made, 2)
    before = made.paths.amendments.read_bytes()
    with refused(StudyError, made.paths.root, message):
        skip(made, day)
    assert made.paths.amendments.read_bytes() == before


def test_a_decision_has_a_reason_and_a_skipped_day(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    with refused(StudyError, made.paths.root, "No day is skipped"):
        unskip(made, 1)
    study, _ = read_identity(made.paths)
    with refused(OptionError, "--why"):
        skip_day(made.paths, study, day=1, by=None, why=" ")
    assert not made.paths.amendments.exists()


def test_images_are_offered_only_where_a_session_is_to_come(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1, days=3)
    skipped = {day: change_sessions(made.paths.root, "skip-day", day=day, by="ada", why="ill") for day in (1, 2)}
    assert "its images are offered to the next session" in skipped[1]
    assert "nobody saw it, and none comes after it" in skipped[2]


def test_the_rig_shows_no_session_of_a_skipped_day(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    skip(made, 1)
    held = held_in_its_study(made.paths.folder("schedule", 1))
    assert held is not None
    ((one,), root) = (held[1], held[0])
    assert root == made.paths.root.resolve()
    assert "skipped by ada" in one.line
    assert one.approval(root).startswith("closedloop unskip-day ")


def test_a_session_that_was_shown_after_it_was_skipped_stops_the_loop(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    skip(made, 1)
    bring(made.paths, 1)
    with refused(StudyError, made.paths.day(1).root, "unskip-day"):
        made.run()
    unskip(made, 1)
    skip(made, 1)
    made.run()
    assert made.ran[-3:] == [f"2 {stage}" for stage in BEFORE]


def test_a_day_that_is_skipped_while_the_pages_are_drawn_is_not_waited_for(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)

    def draw(_paths: StudyPaths, _outdated: object) -> None:
        if not made.paths.sequence.skipped:
            skip(made, 1)

    outcome = run_study(made.paths, made.listener, table=replace(made.small_table, report=draw), patience=made.patience)
    assert outcome.day == 2
    assert outcome.waiting_for is not None


def test_a_day_that_is_skipped_while_a_stage_of_it_is_at_work_is_left_after_that_stage(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    made.at = {"2 synthesize": lambda _context: skip(made, 2)}
    record(made, 1)
    assert made.ran[-6:] == ["1 queue", "2 plan", "2 synthesize", *(f"3 {stage}" for stage in BEFORE)]


def test_a_skipped_day_is_in_no_table_of_all_days_until_it_is_had_after_all(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "study", day=1)
    assert open_study(made.paths.root).days == (0, 1)
    skip(made, 1)
    made.run()
    assert open_study(made.paths.root).days == (0, 2)
    unskip(made, 1)
    assert open_study(made.paths.root).days == (0, 1, 2)


def test_after_a_lost_session_images_evolve_by_what_it_showed_and_a_decoder_is_fitted_to_the_others(
    tmp_path: Path,
) -> None:
    """Its images are not made again, and nothing was answered to them."""
    made = scheduled(tmp_path, day=1)
    bring(made.paths, 1)
    skip(made, 1)
    assert made.paths.sequence.lost == {Block(1)}
    (synthesize,) = (stage for stage in STAGE_TABLE.day if stage.name == "synthesize")
    plain = synthesize.reads(made.paths, 3, protocol=protocol(), decided=False)

    def more(**sections: dict[str, int]) -> set[str]:
        asked = synthesize.reads(made.paths, 3, protocol=protocol(**sections), decided=False)
        return {made.paths.relative(folder) for folder in asked if folder not in plain}

    of_both = {f"day-{day:02d}/{of}" for day in (0, 2) for of in ("synthesize", "ingest")}
    assert more(population={"n_images": 1, "first_day": 1}) == of_both
    assert more(evolution={"n_sites": 1}) == of_both | {"day-01/synthesize"}
