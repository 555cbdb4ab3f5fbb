"""What people do with a day's files by mistake, and whether what they are told leads out of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.commands.accept_session import accept_session
from closedloop.commands.brought import accept_recording, replace_recording
from closedloop.commands.status import read_status, status_lines
from closedloop.errors import RecordingError, StudyError
from closedloop.storage import sha256_file
from closedloop.study.completeness.looks import Patience
from closedloop.study.loop import Outcome
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring, launch, rows_of, session_id, write_journal


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A study of two days that waits for day 0's session."""
    study = lab(tmp_path / "study", simulated=False)
    study.run()
    return study


def waits(made: Lab) -> str:
    return str(read_status(made.paths.root).waiting_for)


def brought(made: Lab, *, comment: str = "") -> Path:
    bring(made.paths, 0)
    bring_recording(made.paths, 0, comment=comment)
    return made.paths.folder("recording", 0)


def overwrite(folder: Path, name: str) -> None:
    """Write other bytes of the same size, as another day's file is copied over this one."""
    (folder / name).write_bytes((folder / name).read_bytes()[:-4] + b"else")


@pytest.mark.parametrize("accepted", [False, True])
def test_another_day_s_recording_is_refused_before_it_is_sealed(made: Lab, accepted: bool) -> None:
    folder = brought(made, comment=session_id(1))
    if accepted:  # nor is it taken as it is
        with refused(RecordingError, folder / "array1.nev", f"found a comment of session {session_id(1)}"):
            accept_recording(made.paths.root, day=0, why="it is all there is", who=None)
    with refused(RecordingError, folder / "array1.nev", f"expected session {session_id(0)}", "move its files out"):
        made.run()
    assert not (folder / MANIFEST_NAME).exists()
    shutil.rmtree(folder)  # what it says is done
    bring_recording(made.paths, 0, comment=session_id(0))
    assert made.run().day == 1


def test_sealed_files_that_were_overwritten_are_replaced_and_noted_as_found(made: Lab, tmp_path: Path) -> None:
    folder = brought(made)
    shutil.copytree(folder, tmp_path / "good")
    made.at["0 ingest"] = stop
    with pytest.raises(KeyboardInterrupt):
        made.run()
    made.at.clear()
    sealed = read_manifest(folder).outputs["array1.ns6"].sha256
    overwrite(folder, "array1.ns6")
    found = sha256_file(folder / "array1.ns6")
    replace_recording(
        made.paths.root, day=0, source=tmp_path / "good", why="mixed up", who=None, as_it_is=False, settle_s=0
    )
    (noted,) = read_amendments(made.paths.amendments)
    assert noted.before["array1.ns6"] == found != sealed
    assert noted.why == "mixed up (closedloop: not as they were sealed: array1.ns6; kept as found)"
    made.run()
    assert [one.message for one in verify_study(made.paths).faults if "replaced" in one.message] == []


def stop(_context: object) -> None:
    raise KeyboardInterrupt


def test_the_status_says_what_is_waited_for_now_whatever_the_last_run_waited_for(
    made: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(made.paths, 0)
    summary = made.paths.folder("present", 0) / "summary.json"
    summary.rename(summary.with_name("elsewhere"))
    assert "summary.json is not there" in str(made.run().waiting_for)
    summary.with_name("elsewhere").rename(summary)
    monkeypatch.setattr("closedloop.study.completeness.now.Patience", lambda: Patience(settle_s=0))
    lines = status_lines(read_status(made.paths.root))
    assert f"waiting for you: day 0 present: all is there; run `closedloop run {made.paths.root}`." in lines
    assert "summary.json" not in " ".join(lines)


def by_mouse(made: Lab, **says: str) -> None:
    bring(made.paths, 0)
    rows = list(rows_of((session_id(0),)))
    write_journal(made.paths, 0, [launch(0, session_id(0), gaze="mouse", **says), *rows[1:]])


def test_the_status_repeats_a_refusal_while_files_and_decisions_are_as_they_were(made: Lab) -> None:
    by_mouse(made)
    with refused(StudyError, JOURNAL.published(made.paths, 0), "mouse-gaze"):
        made.run()
    assert "day 0 present was refused as it is: " in waits(made)
    assert "closedloop accept-session" in waits(made)
    accept_session(made.paths.root, day=0, despite=["mouse-gaze"], why="a pilot", who=None)
    assert waits(made).startswith("day 0 present: all is there")
    made.run()
    assert waits(made).startswith("day 0: copy the session's .nev")


def test_a_refused_recording_is_told_until_other_files_are_there(made: Lab) -> None:
    folder = brought(made, comment=session_id(1))
    with pytest.raises(RecordingError):
        made.run()
    assert f"found a comment of session {session_id(1)}" in waits(made)
    overwrite(folder, "note.txt")
    assert waits(made).startswith("day 0 recording: all is there")


def test_a_session_by_mouse_is_refused_without_a_wait(made: Lab) -> None:
    by_mouse(made)

    def sleep(_seconds: float) -> None:
        raise AssertionError("waited")

    made = replace(made, patience=Patience(settle_s=60, sleep=sleep))
    with refused(StudyError, JOURNAL.published(made.paths, 0), "mouse-gaze"):
        made.run()


def test_an_acceptance_says_what_is_missing_and_of_a_copy_under_way_there_is_none(made: Lab) -> None:
    folder = brought(made)
    (folder / "array1.ns6").rename(folder / "array1.ns6.part")
    with refused(StudyError, folder / "array1.ns6.part", "found one that is not"):
        accept_recording(made.paths.root, day=0, why="the disk was full", who=None)
    content = (folder / "array1.ns6.part").read_bytes()
    (folder / "array1.ns6.part").unlink()
    (folder / "array1.ns6").write_bytes(content[:-10])
    said = accept_recording(made.paths.root, day=0, why="the disk was full", who=None)
    assert "will be taken as it is, although array1.ns6 is not whole" in said


def test_an_acceptance_ends_when_another_file_comes(made: Lab) -> None:
    folder = brought(made)
    (folder / "array1.ns6").write_bytes((folder / "array1.ns6").read_bytes()[:-10])
    accept_recording(made.paths.root, day=0, why="the disk was full", who=None)
    shutil.copy(folder / "array1.nev", folder / "array2.nev")
    assert "array1.ns6 is not whole" in str(made.run().waiting_for)


def test_a_finished_study_says_so(made: Lab) -> None:
    for day in (0, 1):
        bring(made.paths, day)
        bring_recording(made.paths, day)
        assert "All 2 days are done." not in status_lines(read_status(made.paths.root))
        outcome = made.run()
    assert outcome == Outcome(None, 1)
    assert "All 2 days are done." in status_lines(read_status(made.paths.root))


def test_a_day_that_the_study_has_not_is_named_with_those_it_has(made: Lab) -> None:
    with refused(StudyError, "--day", "found 9; the study has days 0 and 1"):
        accept_session(made.paths.root, day=9, despite=["mouse-gaze"], why="x", who=None)
    with refused(StudyError, "--day", "found 9; the study has days 0 and 1"):
        accept_recording(made.paths.root, day=9, why="x", who=None)


def test_what_still_stands_against_a_session_is_said(made: Lab) -> None:
    by_mouse(made, codes="file")
    said = accept_session(made.paths.root, day=0, despite=["mouse-gaze"], why="a pilot", who=None)
    assert "Still against it: file-codes; " in said
    said = accept_session(made.paths.root, day=0, despite=["file-codes"], why="a pilot", who=None)
    assert "Go on with" in said


def test_replacing_names_its_own_way_alone(made: Lab, tmp_path: Path) -> None:
    folder = brought(made)
    shutil.copytree(folder, tmp_path / "good")
    (tmp_path / "good" / "array1.ns6").unlink()
    (tmp_path / "good" / "array1.nev").write_bytes((folder / "array1.nev").read_bytes()[:-7])
    with refused(RecordingError, "day 0", "pass --as-it-is") as caught:
        replace_recording(
            made.paths.root, day=0, source=tmp_path / "good", why="x", who=None, as_it_is=False, settle_s=0
        )
    assert "accept-recording" not in str(caught.value)
