"""How far a stage is: noted beside its working folder, told by `status`, also where nothing moves any more."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from closedloop.artifacts.study import StudyPaths
from closedloop.commands.status import read_status, status_as_json, status_lines
from closedloop.stages.context import StageContext
from closedloop.study.process.lock import study_lock
from closedloop.study.process.notes import Noting, ProgressNote, note_file, read_note
from closedloop.study.process.running import STILL_S, running_stage
from tests.unit.study.labs import Lab, lab


class Stop(BaseException):
    """What ends a loop without a word."""


def stopped_in(root: Path, stage: str, *, done: int) -> Lab:
    """Run a study until the process ends within a stage of day 0."""

    def stop(context: StageContext) -> None:
        context.progress(done, 40)
        raise Stop

    made = lab(root, days=1)
    made.at[f"0 {stage}"] = stop
    with pytest.raises(Stop):
        made.run()
    return made


def heard_of(paths: StudyPaths, seconds: list[float]) -> list[ProgressNote | None]:
    """Say, at each of these times, that so many are done; return what the note was then."""
    clock, heard, notes = iter([100.0, *seconds]), [], []
    paths.day(0).root.mkdir(parents=True)
    advance = Noting(lambda done, _: heard.append(done), paths, day=0, stage="plan", now=lambda: next(clock))
    for number in range(1, len(seconds) + 1):
        advance(number, 10)
        notes.append(read_note(paths, 0, "plan"))
    assert heard == list(range(1, len(seconds) + 1))  # who shows it hears of everything
    return notes


def test_a_note_is_written_at_most_every_two_seconds(tmp_path: Path) -> None:
    notes = heard_of(StudyPaths(tmp_path), [101.0, 102.0, 103.9, 104.5, 110.0])
    assert [(note.done, note.moved) for note in notes if note] == [(0, 100), (2, 102), (2, 102), (4, 104.5), (5, 110)]
    assert {note.began for note in notes if note} == {100.0}


def test_a_clock_that_is_set_back_does_not_silence_the_notes(tmp_path: Path) -> None:
    assert [note and note.done for note in heard_of(StudyPaths(tmp_path), [103.0, 50.0])] == [1, 2]


def test_a_published_stage_has_no_note(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    assert not list(tmp_path.rglob(".*progress*"))


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "none")
    Noting(lambda _done, _total: None, paths, day=0, stage="plan")(1, 2)
    assert read_note(paths, 0, "plan") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"done": "x"}', b"\xff"])
def test_half_a_note_is_none(tmp_path: Path, content: bytes) -> None:
    paths = StudyPaths(tmp_path)
    paths.day(0).root.mkdir()
    note_file(paths, 0, "plan").write_bytes(content)
    assert read_note(paths, 0, "plan") is None


def test_a_stage_whose_process_is_gone_is_said_to_have_stopped_with_the_command_that_resumes_it(tmp_path: Path) -> None:
    made = stopped_in(tmp_path / "a study", "synthesize", done=0)
    status = read_status(made.paths.root)
    assert status.running is not None
    assert (status.running.day, status.running.stage, status.running.state) == (0, "synthesize", "stopped")
    lines = status_lines(status)
    said = f"(no process holds the study): `closedloop run '{made.paths.root}'` resumes it"
    assert [line for line in lines if line.startswith("day 0 synthesize stopped") and line.endswith(said)]
    assert "synthesize (stopped)" in "\n".join(lines)


@pytest.mark.parametrize(
    ("still_s", "is_held", "state", "said"),
    [
        (12.0, True, "moving", "day 0 plan is running at 25 %, moved 12 s ago"),
        (STILL_S, True, "moving", "moved 10 min ago"),
        (STILL_S + 240, True, "not moving", "day 0 plan has not moved for 14 min, it stands at 25 %"),
        (STILL_S + 240, False, "stopped", "day 0 plan stopped at 25 % (no process holds the study)"),
    ],
)
def test_what_is_said_of_a_stage_that_was_begun(
    tmp_path: Path, still_s: float, is_held: bool, state: str, said: str
) -> None:
    made = stopped_in(tmp_path, "plan", done=10)
    note = ProgressNote(0, "plan", done=10, total=40, began=1000.0, moved=2000.0)
    note_file(made.paths, 0, "plan").write_text(json.dumps(vars(note)))
    records = read_status(made.paths.root).stages
    running = running_stage(made.paths, records, is_held=is_held, now=lambda: 2000.0 + still_s)
    assert running is not None
    assert (running.state, running.still_s, running.moved) == (state, still_s, "1970-01-01T00:33:20Z")
    assert said in running.line("study")


@pytest.mark.parametrize("is_held", [False, True])
def test_the_json_has_it_as_well_and_who_holds_the_study_since_when(tmp_path: Path, is_held: bool) -> None:
    made = stopped_in(tmp_path, "plan", done=10)
    with study_lock(tmp_path) if is_held else nullcontext():
        said = json.loads(status_as_json(read_status(made.paths.root)))
    assert said["running"]["stage"] == "plan"
    assert said["running"]["state"] == ("moving" if is_held else "stopped")
    assert bool(said["holder_since"]) is is_held


def test_a_study_that_is_done_runs_nothing(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    assert read_status(tmp_path).running is None


def test_what_a_killed_process_left_beside_the_folders_goes_when_the_next_loop_begins(tmp_path: Path) -> None:
    made = stopped_in(tmp_path, "plan", done=10)
    gone = 2**22 + 1  # no process has a number so high
    left = [f".study.json.{gone}.tmp", f"report/.index.html.{gone}.tmp", f"day-00/.recording.look.json.{gone}.tmp"]
    (tmp_path / "report").mkdir()
    for name in left:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "day-00" / ".plan.retired").mkdir()
    (tmp_path / "day-00" / ".plan.retired" / "plan.txt").write_bytes(b"older")
    made.at.clear()
    made.run()
    hidden = {path.name for path in tmp_path.rglob(".*")}
    assert hidden == {".loop.lock"}


def test_a_note_tells_the_reading_of_inputs_from_the_work_and_one_count_from_the_next(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    paths.day(0).root.mkdir(parents=True)
    clock = iter([100.0, 110.0, 120.0, 130.0, 140.0, 150.0])
    note = Noting(lambda _done, _total: None, paths, day=0, stage="plan", now=lambda: next(clock))
    seen = []
    for step in (lambda: note(5, 9), note.begin_work, lambda: note(20, 40), lambda: note(30, 40), lambda: note(1, 40)):
        step()
        read = read_note(paths, 0, "plan")
        assert read is not None
        seen.append((read.is_working, read.counting_since, read.counted_from, read.done))
    assert seen == [(False, 110, 5, 5), (True, 120, 0, 0), (True, 130, 20, 20), (True, 130, 20, 30), (True, 150, 1, 1)]


def test_the_status_tells_the_time_left_of_a_stage_at_work_by_the_days_before_it(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3)
    said = []

    def look(context: StageContext) -> None:
        with closing(sqlite3.connect(StudyPaths(tmp_path).ledger)) as ledger, ledger:
            ledger.execute("UPDATE stages SET seconds = 3600 WHERE state = 'done'")  # here they take no time at all
        context.progress(10, 40)
        said.append(json.loads(status_as_json(read_status(tmp_path)))["progress"])

    made.at["1 synthesize"] = made.at["0 synthesize"] = look
    made.run()
    first, second = said
    assert (first["day"], first["stage"], first["done"], first["total"]) == (0, "synthesize", 0, 0)  # noted since then
    assert first["time_left_s"] is first["day_time_left_s"] is None
    assert second["day_time_left_s"] is not None
    assert [one["stage"] for one in second["to_come"]][:2] == ["schedule", "present"]
    assert {one["basis"] for one in second["to_come"]} == {"earlier days"}
