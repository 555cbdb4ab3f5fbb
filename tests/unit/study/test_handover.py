"""Taking over what a person brings back from the rig: this day's session, whole, of an animal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.day.journal import LaunchOpened, SessionSummary
from closedloop.artifacts.day.session import CodeSettings, SessionDocument
from closedloop.artifacts.study import PoolDescription, StudyDocument, StudyPaths
from closedloop.errors import DocumentError, SessionError, StudyError
from closedloop.study.handover import adopt, awaited
from tests.unit.artifacts.day.test_session import SCREEN, TRIAL
from tests.unit.messages import refused

STUDY = StudyDocument(
    simulated=False,
    study_id="abc",
    subject="monkey",
    protocol_name="guo2022",
    protocol_sha256="p",
    code_version="0",
    arrays=("array1",),
    pool=PoolDescription(kind="flat_folder", side_px=32, folder="/images"),
    base_model="none",
)
SESSION_ID = "abc-day-02"


def scheduled(root: Path) -> StudyPaths:
    paths = StudyPaths(root)
    SessionDocument(
        simulated=False,
        session_id=SESSION_ID,
        study_id="abc",
        subject="monkey",
        day=2,
        seed=1,
        n_presentations=10,
        n_images=5,
        image_side_px=32,
        screen=SCREEN,
        trial=TRIAL,
        codes=CodeSettings(),
        monkey=None,
    ).write(paths.day(2).folder("schedule") / "session.json")
    return paths


def brought(root: Path, *, segments: tuple[str, ...] = (SESSION_ID,), **values: Any) -> StudyPaths:
    """Lay down what the rig writes, with some values of its summary changed."""
    paths = scheduled(root)
    usual: dict[str, Any] = {
        "simulated": False,
        "session_id": SESSION_ID,
        "display": "psychopy",
        "outcome": "complete",
        "n_segments": 1,
        "n_trials": 2,
        "n_trials_completed": 2,
        "n_trials_broken": 0,
        "n_trials_ignored": 0,
        "n_presentations": 10,
        "n_accepted": 10,
        "n_rejected": {},
        "n_remaining": 0,
        "n_time_outs": 0,
        "duration_s": 60.0,
        "reward_ms": 240.0,
    }
    folder = paths.day(2).folder("present")
    SessionSummary(**usual | values).write(folder / "summary.json")
    rows = [
        LaunchOpened(
            segment=number,
            session_id=session_id,
            simulated=False,
            display="psychopy",
            clock="real",
            refresh_hz=60,
            first_ordinal=10 * number,
            first_trial=2 * number,
            time_s=0,
            utc="2022-01-03T09:00:00Z",
        )
        for number, session_id in enumerate(segments)
    ]
    (folder / "journal.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return paths


def test_before_the_session_the_operator_is_told_what_to_run(tmp_path: Path) -> None:
    paths = scheduled(tmp_path)
    said = awaited(paths, 2, "present")
    assert said is not None
    assert said.startswith("day 2:")
    assert f"rig present {tmp_path}/day-02/schedule --out {tmp_path}/day-02/present" in said


def test_a_journal_without_a_summary_is_of_a_session_still_running(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    (paths.day(2).folder("present") / "summary.json").unlink()
    assert awaited(paths, 2, "present") is not None


def test_the_recording_is_waited_for_until_a_nev_file_is_there(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    assert awaited(paths, 2, "present") is None
    folder = paths.day(2).folder("recording")
    folder.mkdir()
    (folder / "array1.ns6").touch()
    said = awaited(paths, 2, "recording")
    assert said is not None
    assert str(folder) in said
    (folder / "array1.nev").touch()
    assert awaited(paths, 2, "recording") is None


def test_this_days_session_presented_to_its_end_is_adopted(tmp_path: Path) -> None:
    adopt(brought(tmp_path), STUDY, day=2, stage="present")


def test_a_session_in_two_pieces_is_adopted(tmp_path: Path) -> None:
    adopt(brought(tmp_path, segments=(SESSION_ID, SESSION_ID), n_segments=2), STUDY, day=2, stage="present")


@pytest.mark.parametrize(
    ("segments", "summary"),
    [(("abc-day-01",), "abc-day-01"), ((SESSION_ID,), "abc-day-01"), ((SESSION_ID, "abc-day-01"), SESSION_ID)],
)
def test_another_days_session_is_refused_wherever_it_shows(
    tmp_path: Path, segments: tuple[str, ...], summary: str
) -> None:
    paths = brought(tmp_path, segments=segments, session_id=summary)
    with refused(SessionError, paths.day(2).folder("present"), f"expected session {SESSION_ID}", "abc-day-01"):
        adopt(paths, STUDY, day=2, stage="present")


def test_a_simulated_session_never_enters_a_real_study(tmp_path: Path) -> None:
    paths = brought(tmp_path, simulated=True)
    with refused(StudyError, paths.day(2).folder("present") / "summary.json", "found a simulated one"):
        adopt(paths, STUDY, day=2, stage="present")


def test_a_stopped_session_is_resumed_before_it_is_adopted(tmp_path: Path) -> None:
    paths = brought(tmp_path, outcome="stopped", n_remaining=3)
    with refused(SessionError, paths.day(2).folder("present"), "stopped with 3 presentations left", "--resume"):
        adopt(paths, STUDY, day=2, stage="present")


def test_a_summary_without_its_journal_is_refused(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    (paths.day(2).folder("present") / "journal.jsonl").unlink()
    with refused(DocumentError, paths.day(2).folder("present") / "journal.jsonl"):
        adopt(paths, STUDY, day=2, stage="present")
