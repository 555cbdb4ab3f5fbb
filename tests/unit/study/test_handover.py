"""Taking over what a person brings back from the rig: this day's session, whole, of an animal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError, SessionError, StudyError
from closedloop.study.handover import adopt
from tests.unit.messages import refused
from tests.unit.study.sessions import STUDY_ID, bring, schedule, session_id

STUDY = StudyDocument(
    simulated=False,
    study_id=STUDY_ID,
    subject="monkey",
    protocol_name="guo2022",
    protocol_sha256="p",
    code_version="0",
    arrays=("array1",),
    pool=PoolDescription(kind="flat_folder", side_px=32, folder="/images"),
    base_model="none",
)
SESSION_ID = session_id(2)


def scheduled(root: Path) -> StudyPaths:
    schedule(StudyPaths(root), 2)
    return StudyPaths(root)


def brought(root: Path, **values: Any) -> StudyPaths:
    paths = scheduled(root)
    bring(paths, 2, **values)
    return paths


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
