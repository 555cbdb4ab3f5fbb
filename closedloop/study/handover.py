"""Take over what a person brings back from the rig of a real study, if it is all there and belongs to this day."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL, SESSION, SUMMARY
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import SessionError, StudyError
from closedloop.study.session_checks import check_session


def awaited(paths: StudyPaths, day: int, stage: str) -> str | None:
    """Return in one line what a person still has to do for a stage; None when its files are there.

    Parameters
    ----------
    paths
        The study.
    day, stage
        Which stage of which day: `present` or `recording`.
    """
    folders = paths.day(day)
    if stage == "present":
        if SUMMARY.published(paths, day).is_file():
            return None
        return (
            f"day {day}: the session is ready. Record, and present it with "
            f"`rig present {folders.folder('schedule')} --out {folders.folder('present')}` "
            "(copy the folder to the rig and its output back)."
        )
    if _recordings(folders.folder("recording")):
        return None
    return f"day {day}: copy the session's .nev (and .nsx) files into {folders.folder('recording')}."


def _recordings(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.nev"))


def adopt(paths: StudyPaths, study: StudyDocument, *, day: int, stage: str) -> None:
    """Check that what a person brought belongs to this day of this study.

    Parameters
    ----------
    paths, study
        The study.
    day, stage
        Which stage of which day.

    Raises
    ------
    SessionError
        The journal is of another session, or the session was stopped before its end.
    StudyError
        Simulated data were brought into a real study.
    ClosedLoopError
        What `check_session` finds.
    """
    if stage != "present":
        return
    folder = paths.day(day).folder("present")
    summary = SUMMARY.read(SUMMARY.published(paths, day))
    session = SESSION.read(SESSION.published(paths, day))
    if summary.simulated != study.simulated:
        raise StudyError(
            f"{SUMMARY.published(paths, day)}: expected a session with an animal, found a simulated one. "
            "Simulated data never enter a real study: move the files out of it, and bring the animal's session."
        )
    sessions = {launch.session_id for launch in JOURNAL.read(JOURNAL.published(paths, day)).launches}
    if sessions | {summary.session_id} != {session.session_id}:
        raise SessionError(
            f"{folder}: expected session {session.session_id}, "
            f"found {', '.join(sorted(sessions | {summary.session_id}))}. Bring the output of this day's session."
        )
    if summary.outcome == "stopped":
        raise SessionError(
            f"{folder}: expected a session presented to its end, found it stopped with {summary.n_remaining} "
            "presentations left. Go on with it by `rig present --resume`, and bring the output again."
        )
    check_session(paths, study, day=day)
