"""`closedloop status`: the study at a glance, as text and as JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.commands.status import Status, read_status, status_as_json, status_lines
from closedloop.errors import StudyError
from closedloop.study.ledger import StageRecord, open_ledger
from tests.unit.messages import refused
from tests.unit.study.labs import lab

DONE = StageRecord(
    day=-1, stage="start", state="done", input_hash="a", owner="lab:1", attempt=1, error=None, seconds=4.2
)
STATUS = Status(
    study="/data/monkey-a",
    subject="monkey-a",
    simulated=False,
    protocol="guo2022",
    holder=None,
    stages=(
        DONE,
        replace(DONE, day=0, stage="plan", seconds=1.0),
        replace(DONE, day=0, stage="synthesize", state="failed", seconds=None, error="image.png: it is missing."),
    ),
)


def test_a_line_for_each_day_and_the_error_below() -> None:
    assert status_lines(STATUS) == [
        "study of monkey-a, protocol guo2022, in /data/monkey-a",
        "  start   done: start  [4 s]",
        "  day  0  done: plan  synthesize (failed)  [1 s]",
        "  day 0 synthesize: image.png: it is missing.",
        "no loop is running",
    ]


def test_the_stages_of_a_day_stand_in_their_order_also_where_some_were_made_again() -> None:
    stages = [replace(DONE, day=0, stage=stage) for stage in ("ingest", "queue", "refit", "evaluate")]
    assert "  day  0  done: ingest refit evaluate queue  [17 s]" in status_lines(replace(STATUS, stages=tuple(stages)))


def test_a_loop_that_waits_is_one() -> None:
    lines = status_lines(replace(STATUS, waiter="lab:7", waiter_since="2026-12-03T17:05:11Z"))
    assert lines[-1] == "goes on by itself: lab:7 waits, since 2026-12-03T17:05:11Z"


def test_a_simulated_study_a_running_loop_and_no_stage_yet() -> None:
    lines = status_lines(replace(STATUS, simulated=True, holder="lab:7", stages=()))
    assert lines[0].startswith("SIMULATED study")
    assert lines[1:] == ["nothing done yet: `closedloop run /data/monkey-a` begins", "a loop is running: lab:7"]


def test_what_a_session_was_taken_despite_and_what_its_journal_lacks_are_said() -> None:
    lines = status_lines(
        replace(STATUS, despite={0: ("the mouse stood for the eye",)}, journal_notes={0: ("no checks",)})
    )
    assert lines[3:5] == ["  day 0: no data of an animal: the mouse stood for the eye", "  day 0: no checks"]


def test_json_has_the_same() -> None:
    content = json.loads(status_as_json(STATUS))
    assert content["subject"] == "monkey-a"
    assert [stage["state"] for stage in content["stages"]] == ["done", "done", "failed"]


def test_a_folder_that_is_no_study_is_one_line(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path, "found no study.json in it"):
        read_status(tmp_path)


def test_a_damaged_document_is_named_below_the_state_and_hides_nothing_of_it(tmp_path: Path) -> None:
    study = lab(tmp_path, days=1)
    study.run()
    whole = status_lines(read_status(tmp_path))
    QUALITY.published(study.paths, 0).write_text("{")
    study.paths.amendments.write_text("{")
    told = status_lines(read_status(tmp_path))
    damaged = [line for line in told if line not in whole]
    assert [line for line in told if line in whole] == whole
    assert [line.partition(": expected ")[0] for line in damaged] == [
        f"damaged: {QUALITY.published(study.paths, 0)}",
        f"damaged: {study.paths.amendments}, line 1",
    ]


@pytest.mark.parametrize("lost", ["manifest.json", "ingest.txt", ""])
def test_a_stage_that_is_no_longer_there_is_named_and_the_study_is_not_done(tmp_path: Path, lost: str) -> None:
    study = lab(tmp_path, days=1)
    study.run()
    assert read_status(tmp_path).days_done == 1
    folder = study.paths.folder("ingest", 0)
    for file in [folder / lost] if lost else list(folder.iterdir()):
        file.unlink()
    if not lost:
        folder.rmdir()
    told = read_status(tmp_path)
    assert told.days_done is None
    (line,) = told.damaged
    assert line.startswith(f"{folder}")
    assert "expected" in line
    assert "found none" in line


def test_without_its_ledger_a_study_is_told_from_its_folders(tmp_path: Path) -> None:
    study = lab(tmp_path, days=1)
    study.run()
    whole = read_status(tmp_path)
    for content in (b"SQLite format 3\0" + 4000 * b"x", b"", b"some text", None):
        if content is None:
            study.paths.ledger.unlink()
        else:
            study.paths.ledger.write_bytes(content)
        told = read_status(tmp_path)
        assert [(one.day, one.stage, one.state) for one in told.stages] == [
            (one.day, one.stage, one.state) for one in whole.stages
        ]
        assert [line.startswith(f"{study.paths.ledger}: expected ") for line in told.damaged] == [True]
        assert "nothing done yet" not in " ".join(status_lines(told))


def test_a_study_that_was_just_made_has_no_ledger_and_nothing_is_damaged(tmp_path: Path) -> None:
    lab(tmp_path, days=1)
    told = read_status(tmp_path)
    assert (told.stages, told.damaged) == ((), ())


def test_a_copy_of_a_study_speaks_of_the_copy(tmp_path: Path) -> None:
    first = lab(tmp_path / "first", days=1)
    root = first.paths.root
    with open_ledger(first.paths.ledger) as ledger:
        ledger.begin(0, "plan", "a")
        ledger.fail(0, "plan", "a", f"{root}/day-00/plan: expected room, found none; see {root}/report.")
        assert ledger.records()[-1].error == f"{root}/day-00/plan: expected room, found none; see {root}/report."
    copy = tmp_path / "a copy"
    shutil.copytree(root, copy)
    said = "\n".join(status_lines(read_status(copy)))
    assert f"{copy}/day-00/plan: expected room, found none; see {copy}/report." in said
    assert str(root) not in said


def test_a_study_of_which_some_days_are_done_says_how_many_and_how_it_goes_on(tmp_path: Path) -> None:
    one = lab(tmp_path)
    study = one.paths.root
    one.run(days=1)
    found = read_status(study)
    n_days = read_protocol(one.paths.protocol).days
    assert n_days > 1
    assert found.goes_on == f"1 of {n_days} days is done: `closedloop run {study}` goes on"
    assert found.goes_on in status_lines(found)
    assert json.loads(status_as_json(found))["goes_on"] == found.goes_on
