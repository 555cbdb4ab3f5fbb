"""Rounds of the protocol: the loop goes from one to the next, and people add, drop and skip as with other sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.sequence import Block, readable_sequence, said_of_sessions
from closedloop.artifacts.study import StudyDocument
from closedloop.commands.status import read_status
from closedloop.errors import DocumentError, ProtocolError, StudyError
from closedloop.study.amending.sessions import add_block, drop_block
from closedloop.study.edits.protocol import check_protocol
from closedloop.study.loop import read_identity
from closedloop.study.process.state import NextStage, next_stage
from tests.unit.study.amending.decided_labs import published, skip, unskip
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring


def cut(root: Path, *, rounds: int = 2, days: int = 3, simulated: bool = False) -> Lab:
    """Return a study whose days are cut into rounds, which waits for its first session."""
    made = lab(root, days=days, simulated=simulated, rounds=rounds)
    made.run()
    return made


def record(made: Lab, *blocks: Block) -> None:
    for block in blocks:
        at = made.paths.at(block)
        bring(at, block.day)
        bring_recording(at, block.day)
        made.run()


def drop(made: Lab, day: int, *, was_shown: bool = False) -> None:
    study, _ = read_identity(made.paths)
    drop_block(made.paths, study, day=day, by="ada", why="it is tired", was_shown=was_shown)


def add(made: Lab, day: int) -> None:
    add_block(made.paths, *read_identity(made.paths), day=day, by="ada", why="it works on")


def following(made: Lab) -> NextStage | None:
    return next_stage(made.paths, 3)


def test_a_day_goes_from_round_to_round_by_itself(tmp_path: Path) -> None:
    made = cut(tmp_path, simulated=True)
    firsts = [name for name in made.ran if name.endswith("plan")]
    assert firsts == ["0 plan", "1 plan", "1.2 plan", "2 plan", "2.2 plan"]
    assert made.ran.index("1 refit") < made.ran.index("1 queue") < made.ran.index("1.2 plan")
    assert made.ran[-1] == "2.2 evaluate"
    made.run()
    assert made.ran == []


def test_a_round_waits_for_its_own_session(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0), Block(1))
    assert following(made) == NextStage(1, "present", 2)
    record(made, Block(1, 2))
    assert following(made) == NextStage(2, "present", 1)


def test_a_study_without_rounds_says_nothing_of_them(tmp_path: Path) -> None:
    plain, cut_once = lab(tmp_path / "plain"), lab(tmp_path / "one", rounds=1)
    assert plain.paths.study.read_bytes() == cut_once.paths.study.read_bytes()
    assert b"rounds" not in plain.paths.study.read_bytes()
    for made in (plain, cut_once):
        made.run()
    assert published(plain) == published(cut_once)


def test_a_round_that_is_dropped_unseen_is_gone_past_and_can_be_had_again(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0), Block(1))
    before = published(made)
    drop(made, 1)
    made.run()
    assert following(made) == NextStage(2, "present", 1)
    assert made.paths.sequence.blocks(3) == (Block(0), Block(1), Block(2), Block(2, 2))
    assert "day 1, session 2: dropped by ada" in "".join(read_status(made.paths.root).sessions)
    add(made, 1)
    made.run()
    assert following(made) == NextStage(1, "present", 2)
    assert read_status(made.paths.root).sessions == ()
    assert {name: published(made)[name] for name in before} == before


def test_a_day_s_first_round_cannot_be_dropped(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0))
    drop(made, 1)
    with pytest.raises(StudyError, match="expected a day with a second session"):
        drop(made, 1)


def test_a_further_session_comes_after_the_rounds(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0), Block(1), Block(1, 2))
    add(made, 1)
    made.run()
    assert following(made) == NextStage(1, "present", 3)


def test_a_day_of_rounds_is_skipped_whole_and_back(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0))
    skip(made, 1)
    made.run()
    assert following(made) == NextStage(2, "present", 1)
    unskip(made, 1)
    made.run()
    assert following(made) == NextStage(1, "present", 1)
    assert len(made.paths.sequence.of_day(1)) == 2


def test_a_day_whose_second_round_was_added_by_people_too_is_not_skipped_at_once(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0))
    add(made, 1)
    with pytest.raises(StudyError, match="day 1, session 3"):
        skip(made, 1)


@pytest.mark.parametrize("simulated", [True, False])
def test_other_rounds_in_protocol_yaml_are_refused(tmp_path: Path, *, simulated: bool) -> None:
    made = cut(tmp_path, simulated=simulated)
    made.edit_protocol("rounds: 2", "rounds: 3")
    with pytest.raises(ProtocolError, match="rounds: expected 2, as the study was made with, found 3"):
        made.run()


def test_a_study_json_of_other_rounds_is_found_by_who_verifies(tmp_path: Path) -> None:
    made = cut(tmp_path, simulated=True)
    study, protocol = read_identity(made.paths)
    check_protocol(study, protocol, made.paths)
    with pytest.raises(ProtocolError, match="rounds: expected 3, as the study was made with, found 2"):
        check_protocol(study.model_copy(update={"rounds": 3}), protocol, made.paths)


def test_who_looks_on_sees_the_rounds_that_the_loop_sees(tmp_path: Path) -> None:
    made = cut(tmp_path, rounds=3)
    assert readable_sequence(made.paths.root) == made.paths.sequence
    assert len(made.paths.sequence.of_day(2)) == 3


def test_a_study_json_that_is_damaged_is_said_by_the_loop_and_no_fault_of_who_looks_on(tmp_path: Path) -> None:
    made = cut(tmp_path)
    made.paths.study.write_text(made.paths.study.read_text().replace('"rounds": 2', '"rounds": 99'))
    with pytest.raises(DocumentError, match="rounds, a number from 1 to 24, found 99"):
        assert made.paths.sequence
    assert readable_sequence(made.paths.root).rounds == 1


def test_what_people_are_told_of_sessions_is_what_people_decided(tmp_path: Path) -> None:
    made = cut(tmp_path)
    assert said_of_sessions(()) == {}
    assert StudyDocument.read(made.paths.study).rounds == 2
    assert protocol_sha256(read_protocol(made.paths.protocol)) == read_identity(made.paths)[0].protocol_sha256


def shows_anchors(made: Lab, *blocks: Block) -> list[bool]:
    return [made.paths.sequence.measures(block) for block in blocks]


def test_a_round_takes_over_the_anchors_of_a_later_one_that_is_dropped_before_either_is_seen(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0))
    before = published(made)
    drop(made, 1)
    assert shows_anchors(made, Block(1), Block(2), Block(2, 2)) == [True, False, True]
    made.run()
    assert made.ran == ["1 plan", "1 synthesize", "1 schedule"]
    add(made, 1)
    assert shows_anchors(made, Block(1), Block(1, 2)) == [False, True]
    made.run()
    assert published(made) == before


def test_a_round_that_was_shown_keeps_what_it_showed(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0))
    drop(made, 1)
    made.run()
    record(made, Block(1))
    before = published(made)
    add(made, 1)
    made.run()
    assert shows_anchors(made, Block(1), Block(1, 2)) == [True, True]
    assert {name: published(made)[name] for name in before} == before


def test_rounds_dropped_one_after_the_other_leave_the_anchors_to_the_first(tmp_path: Path) -> None:
    made = cut(tmp_path, rounds=3)
    record(made, Block(0))
    drop(made, 1)
    drop(made, 1)
    assert made.paths.sequence.of_day(1) == (Block(1),)
    assert shows_anchors(made, Block(1), Block(2), Block(2, 2), Block(2, 3)) == [True, False, False, True]


def test_a_round_that_was_shown_without_anchors_does_not_take_them_over(tmp_path: Path) -> None:
    made = cut(tmp_path)
    record(made, Block(0), Block(1))
    drop(made, 1)
    assert shows_anchors(made, Block(1)) == [False]
    made.run()
    assert made.ran[0] == "2 plan"
