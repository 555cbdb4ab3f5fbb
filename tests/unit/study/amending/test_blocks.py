"""A second session on a day: where it lies, what it begins with, what follows from it, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.catalog import SESSION
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.sequence import Block, BlockSequence, block_of_folder
from closedloop.artifacts.study import STAGES, StudyPaths
from closedloop.errors import StudyError
from closedloop.study.amending.sessions import add_block, drop_block
from closedloop.study.ledger import read_records
from closedloop.study.loop import Outcome, read_identity
from closedloop.study.process.state import NextStage, next_stage
from tests.unit.messages import refused
from tests.unit.study.amending.decided_labs import BEFORE, inputs, published, record, scheduled, skip
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

SECOND = Block(1, 2)


def add(made: Lab, day: int, *, again: bool = False) -> None:
    add_block(made.paths, *read_identity(made.paths), day=day, by="ada", why="it works on", again=again)


def drop(made: Lab, day: int, *, was_shown: bool = False) -> None:
    study, _ = read_identity(made.paths)
    drop_block(made.paths, study, day=day, by="ada", why="it is tired", was_shown=was_shown)


def at(made: Lab, block: Block) -> StudyPaths:
    return made.paths.at(block)


def record_block(made: Lab, block: Block) -> None:
    bring(at(made, block), block.day)
    bring_recording(at(made, block), block.day)
    made.run()


def folders(made: Lab, block: Block, stage: str) -> set[str]:
    manifest = read_manifest(at(made, block).folder(stage, block.day))
    return {name.rpartition("/")[0] for name in manifest.inputs}


def with_second(root: Path, *, days: int = 3) -> Lab:
    """Return a study of an animal that waits for the second session of day 1."""
    made = scheduled(root, day=1, days=days)
    bring(made.paths, 1)
    bring_recording(made.paths, 1)
    add(made, 1)
    made.run()
    return made


def test_a_second_session_is_a_day_s_stages_again_in_a_folder_of_their_own(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    assert made.ran[-4:] == ["1 queue", *(f"1.2 {stage}" for stage in BEFORE)]
    assert next_stage(made.paths, 3) == NextStage(1, "present", 2)
    assert sorted(path.name for path in (tmp_path / "day-01.2").iterdir() if path.is_dir()) == [
        "gates",
        *sorted(BEFORE),
    ]
    assert SESSION.read(SESSION.published(at(made, SECOND), 1)).session_id == "abc-day-01.2"
    assert folders(made, SECOND, "plan") == {"day-01/queue", "day-00/ingest"}
    assert folders(made, SECOND, "synthesize") == {"day-01.2/plan", "day-01/refit"}
    assert folders(made, SECOND, "schedule") == {"day-01.2/synthesize"}


def test_what_follows_a_second_session_begins_with_its_model_and_its_images(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    record_block(made, SECOND)
    two = {f"{name}/{stage}" for name in ("day-01", "day-01.2") for stage in ("synthesize", "ingest")}
    assert folders(made, SECOND, "refit") == two | {"day-00/synthesize", "day-00/ingest", "day-01/refit"}
    assert folders(made, SECOND, "evaluate") == two | {"day-00/evaluate"}
    assert folders(made, SECOND, "queue") == {"day-01/queue", "day-01.2/plan", "day-01.2/evaluate"}
    assert inputs(made, "plan", 2) == {"day-01.2/queue", "day-00/ingest"}
    assert inputs(made, "synthesize", 2) == {"day-02/plan", "day-01.2/refit"}
    assert inputs(made, "evaluate", 1) == {"day-01/synthesize", "day-01/ingest", "day-00/evaluate"}


def test_manifests_and_ledger_name_the_session_where_it_is_not_the_days_first(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    first, second = (read_manifest(at(made, one).folder("plan", 1)) for one in (Block(1), SECOND))
    assert (first.day, first.block, second.day, second.block) == (1, 1, 1, 2)
    assert first.seed != second.seed
    assert '"block"' not in (made.paths.folder("plan", 1) / MANIFEST_NAME).read_text()
    rows = {(one.day, one.block): one.state for one in read_records(made.paths.ledger) if one.stage == "schedule"}
    assert rows == {(0, 1): "done", (1, 1): "done", (1, 2): "done"}


def test_a_second_session_may_be_had_on_day_0_where_sites_are_chosen_once(tmp_path: Path) -> None:
    made = lab(tmp_path, days=2, simulated=False)
    made.run()
    add(made, 0)
    record(made, 0)
    second = Block(0, 2)
    assert folders(made, second, "plan") == {"day-00/queue", "day-00/ingest"}
    record_block(made, second)
    assert "day-00/ingest" in folders(made, second, "ingest")
    assert inputs(made, "plan", 1) == {"day-00.2/queue", "day-00/ingest"}


def test_a_session_that_is_dropped_again_leaves_the_study_as_if_it_had_never_been(tmp_path: Path) -> None:
    made, other = with_second(tmp_path / "study"), scheduled(tmp_path / "other", day=2, days=3)
    drop(made, 1)
    made.run()
    assert next_stage(made.paths, 3) == NextStage(2, "present")
    for one in (made, other):
        record(one, 2)
    second = {name: found for name, found in published(made).items() if name.startswith("day-01.2/")}
    assert published(made) == published(other) | second


def test_a_day_that_was_planned_is_planned_anew_with_what_an_added_session_leaves(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=2, days=3)
    add(made, 1)
    made.run()
    assert made.ran == [f"1.2 {stage}" for stage in BEFORE]
    record_block(made, SECOND)
    assert made.ran[-4:] == ["1.2 queue", *(f"2 {stage}" for stage in BEFORE)]
    assert any(line.startswith("day-02 plan is stale") for line in made.listener.said)


def test_the_last_day_queues_images_where_it_has_a_second_session(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1, days=2)
    record(made, 1)
    assert made.run().waiting_for is None
    add(made, 1)
    made.run()
    assert made.ran == ["1 queue", *(f"1.2 {stage}" for stage in BEFORE)]
    record_block(made, SECOND)
    assert made.run().waiting_for is None
    assert not (at(made, SECOND).folder("queue", 1) / MANIFEST_NAME).exists()


def test_a_dropped_session_that_was_shown_keeps_its_number_and_its_images_count_as_used(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    bring(at(made, SECOND), 1)
    made.run()
    drop(made, 1)
    made.run()
    assert made.ran == ["1.2 queue", *(f"2 {stage}" for stage in BEFORE)]
    assert folders(made, SECOND, "queue") == {"day-01/queue", "day-01.2/plan"}
    add(made, 1, again=True)
    assert made.paths.sequence.of_day(1) == (Block(1), SECOND)
    drop(made, 1)
    add(made, 1)
    assert made.paths.sequence.of_day(1) == (Block(1), Block(1, 3))
    with refused(StudyError, "--again", "expected a session that was shown and dropped"):
        add(made, 1, again=True)


def test_a_session_that_was_shown_after_it_was_dropped_stops_the_loop(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    drop(made, 1)
    bring(at(made, SECOND), 1)
    with refused(StudyError, at(made, SECOND).day(1).root, "day 1, session 2, which was dropped", "add-block"):
        made.run()
    add(made, 1)
    drop(made, 1)  # as shown: its recording is lost
    made.run()
    assert made.ran == ["1.2 queue", *(f"2 {stage}" for stage in BEFORE)]


def test_what_comes_of_a_dropped_session_after_a_later_one_was_shown_is_moved_out(tmp_path: Path) -> None:
    made = with_second(tmp_path, days=4)
    drop(made, 1)
    made.run()
    record(made, 2)
    bring(at(made, SECOND), 1)
    with refused(StudyError, at(made, SECOND).day(1).root, "move the files out of the study"):
        made.run()
    at(made, SECOND).folder("present", 1).rename(tmp_path.with_name("moved out"))
    assert made.run() == Outcome(made.run().waiting_for, 3)


def test_some_sessions_cannot_be_added_or_dropped(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    with refused(StudyError, made.paths.root, "skip-day"):
        drop(made, 1)
    bring(made.paths, 1)
    with refused(StudyError, made.paths.folder("present", 1), "day 0 is over"):
        add(made, 0)
    skip(made, 2)
    with refused(StudyError, made.paths.root, "unskip-day"):
        add(made, 2)
    with refused(StudyError, made.paths.root, "day 2 skipped"):
        drop(made, 2)


def test_a_day_with_a_second_session_is_skipped_only_after_that_one_is_dropped(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    add(made, 1)
    with refused(StudyError, made.paths.root, "drop-block"):
        skip(made, 1)
    drop(made, 1)
    skip(made, 1)
    assert made.paths.sequence.blocks(3) == (Block(0), Block(2))


def test_a_session_from_which_something_was_computed_is_not_dropped(tmp_path: Path) -> None:
    made = with_second(tmp_path)
    record_block(made, SECOND)
    with refused(StudyError, at(made, SECOND).day(1).root, "ingested"):
        drop(made, 1)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("day-03", Block(3)),
        ("day-03.2", Block(3, 2)),
        ("day-12.10", Block(12, 10)),
        ("day-03.1", None),
        ("day-3", None),
        ("day-03.2.2", None),
        ("day-03.02", None),
        ("present", None),
    ],
)
def test_a_folder_s_name_tells_its_session(name: str, block: Block | None) -> None:
    assert block_of_folder(name) == block
    assert block is None or block.folder_name == name


def test_what_is_before_what() -> None:
    sequence = BlockSequence(
        skipped=frozenset({2, 4}), lost=frozenset({Block(2), Block(1, 2)}), added=frozenset({Block(1, 3), Block(5, 2)})
    )
    order = (Block(0), Block(1), Block(1, 3), Block(3), Block(5), Block(5, 2))
    assert sequence.blocks(6) == order
    assert [sequence.before(one) for one in order[1:]] == list(order[:-1])
    assert sequence.before_in_images(Block(3)) == Block(2)
    assert sequence.before_in_images(Block(1, 3)) == Block(1, 2)
    assert sequence.before_in_images(Block(5)) == Block(3)
    assert sequence.after(Block(3), 6) == Block(5)
    assert sequence.after(Block(5, 2), 6) is None
    assert [(tuple(one), stage) for one, stage in sequence.due(3, STAGES[-2:])] == [
        ((0, 1), "evaluate"),
        ((0, 1), "queue"),
        ((1, 1), "evaluate"),
        ((1, 1), "queue"),
        ((1, 2), "queue"),
        ((1, 3), "evaluate"),
    ]
