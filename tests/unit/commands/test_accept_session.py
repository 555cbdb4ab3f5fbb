"""`closedloop accept-session`: by name, with a reason, for one journal."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts.catalog import JOURNAL, SUMMARY
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.accept_session import accept_session
from closedloop.errors import DocumentError, OptionError, StudyError
from closedloop.storage import sha256_file
from closedloop.study.session_checks import check_session
from tests.unit.messages import refused
from tests.unit.study.labs import lab
from tests.unit.study.sessions import bring, launch, rows_of, schedule, session_id, write_journal

WHY = "a pilot without the tracker"


def brought(root: Path, *, simulated: bool = False, **says: Any) -> StudyPaths:
    """Return a study whose session of day 0 says what is given of its launch."""
    made = lab(root, simulated=simulated)
    schedule(made.paths, 0)
    bring(made.paths, 0)
    say(made.paths, **says)
    return made.paths


def say(paths: StudyPaths, **says: Any) -> None:
    rows = list(rows_of((session_id(0),)))
    write_journal(paths, 0, [launch(0, session_id(0), **says), *rows[1:]])


def accept(paths: StudyPaths, *names: str, why: str = WHY, who: str | None = None) -> str:
    return accept_session(paths.root, day=0, despite=names, why=why, who=who)


def check(paths: StudyPaths) -> None:
    check_session(paths, StudyDocument.read(paths.study), day=0)


def test_a_session_by_mouse_is_refused_by_name_and_taken_by_name(tmp_path: Path) -> None:
    paths = brought(tmp_path, gaze="mouse", codes="file")
    place = JOURNAL.published(paths, 0)
    with refused(StudyError, place, "the mouse stood for the eye (mouse-gaze)", "(file-codes)") as caught:
        check(paths)
    assert f"accept-session {paths.root} --day 0 --despite mouse-gaze --despite file-codes --why TEXT" in str(
        caught.value
    )
    said = accept(paths, "mouse-gaze", "file-codes")
    assert "the mouse stood for the eye; digital codes never left the rig" in said
    check(paths)
    (amendment,) = read_amendments(paths.amendments)
    assert (amendment.kind, amendment.day, amendment.subject) == ("accept_session", 0, ("mouse-gaze", "file-codes"))
    assert (amendment.who, amendment.why, amendment.simulated) == (getpass.getuser(), WHY, False)
    assert amendment.after == {"journal_sha256": sha256_file(place)}


def test_one_name_does_not_stand_for_another(tmp_path: Path) -> None:
    paths = brought(tmp_path, gaze="mouse", codes="file")
    accept(paths, "file-codes", who="Ada")
    with refused(StudyError, JOURNAL.published(paths, 0), "mouse-gaze") as caught:
        check(paths)
    assert "file-codes" not in str(caught.value)


def test_another_journal_is_accepted_anew(tmp_path: Path) -> None:
    paths = brought(tmp_path, gaze="mouse")
    accept(paths, "mouse-gaze")
    say(paths, gaze="mouse", pacing="timer")
    with refused(StudyError, JOURNAL.published(paths, 0), "mouse-gaze"):
        check(paths)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("headless-display",), ("expected one of mouse-gaze", "found headless-display")),
        (("mouse",), ("expected one of mouse-gaze", "found mouse")),
        ((), ("expected one of mouse-gaze", "found none")),
    ],
)
def test_a_name_that_the_journal_does_not_say_is_refused(
    tmp_path: Path, names: tuple[str, ...], words: tuple[str, ...]
) -> None:
    paths = brought(tmp_path, gaze="mouse")
    with refused(StudyError, "--despite", *words):
        accept(paths, *names)
    assert not paths.amendments.exists()


def test_where_nothing_stands_against_a_session_nothing_is_accepted(tmp_path: Path) -> None:
    with refused(StudyError, "--despite", "nothing stands against this session"):
        accept(brought(tmp_path), "mouse-gaze")


def test_a_reason_is_asked_for(tmp_path: Path) -> None:
    with refused(OptionError, "--why", "expected a reason"):
        accept(brought(tmp_path, gaze="mouse"), "mouse-gaze", why="  ")


def test_a_simulated_study_needs_no_acceptance(tmp_path: Path) -> None:
    paths = brought(tmp_path, simulated=True, gaze="mouse")
    with refused(StudyError, paths.root, "found a simulated one"):
        accept(paths, "mouse-gaze")


def test_a_session_that_is_not_there_is_named(tmp_path: Path) -> None:
    paths = brought(tmp_path, gaze="mouse")
    JOURNAL.published(paths, 0).unlink()
    with refused(DocumentError, JOURNAL.published(paths, 0), "found no file"):
        accept(paths, "mouse-gaze")


def test_a_session_that_was_taken_over_is_left(tmp_path: Path) -> None:
    paths = brought(tmp_path, gaze="mouse")
    (SUMMARY.published(paths, 0).parent / "manifest.json").touch()
    with refused(StudyError, paths.folder("present", 0), "found one that was"):
        accept(paths, "mouse-gaze")
