"""Take over what a person brings back from the rig of a real study, if it is all there and belongs to this day."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.catalog import JOURNAL, SESSION, SUMMARY
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.errors import RecordingError, SessionError, StudyError
from closedloop.plain_text.printed import quoted
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.storage import sha256_file
from closedloop.study.completeness.killed import is_closed_with
from closedloop.study.kept_gaze import check_kept_gaze
from closedloop.study.session_checks import check_session


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
        What `check_session` and `check_kept_gaze` find.
    """
    if stage != "present":
        if not study.simulated:
            refuse_simulated(paths.folder(stage, day))
        refuse_another_session(paths, paths.folder(stage, day), day=day)
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
        _refuse_unless_closed(paths, day=day, summary=summary)
    check_session(paths, study, day=day)
    check_kept_gaze(paths, study, day=day)


def _refuse_unless_closed(paths: StudyPaths, *, day: int, summary: SessionSummary) -> None:
    """Refuse a session that was stopped, unless somebody decided that this is all of it."""
    place = JOURNAL.published(paths, day)
    if is_closed_with(paths, day=day, journal_sha256=sha256_file(place)):
        return
    closed = closed_day(read_amendments(paths.amendments), paths.block(day))
    by = f" ({summary.stopped_by.removesuffix('.')})" if summary.stopped_by else ""
    found = f"found it stopped with {summary.n_remaining} presentations left{by}"
    again = " and another journal than the one it was closed with" if closed else ""
    options = f"--day {day}{block_option(paths.block(day))}"
    raise SessionError(
        f"{place.parent}: expected a session presented to its end, {found}{again}. Go on with it by `rig present "
        f"--resume`, and bring the output again; where it ended for good: `closedloop close-day {quoted(paths.root)} "
        f"{options} --why TEXT`."
    )


def refuse_simulated(folder: Path) -> None:
    """Refuse the simulated array's files before they are sealed as an animal's.

    Raises
    ------
    StudyError
        One is there.
    """
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() == ".nev"):
        if read_nev_header(file).application.startswith(SIMULATED_APPLICATION):
            raise StudyError(
                f"{file}: expected a recorded file, found a simulated one. The two never mix: move it out of the study."
            )


def refuse_another_session(paths: StudyPaths, folder: Path, *, day: int) -> None:
    """Refuse a recording whose comments name another day's session, before it is sealed.

    Parameters
    ----------
    paths
        The study.
    folder
        Where the recorder's files lie.
    day
        Which day's they are to be.

    Raises
    ------
    RecordingError
        A .nev names another.
    """
    from closedloop.blackrock.nev.events import read_nev  # noqa: PLC0415 - once there is a recording
    from closedloop.stages.ingest.named_session import refuse_unsealed  # noqa: PLC0415

    session_id = SESSION.read(SESSION.published(paths, day)).session_id
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() == ".nev"):
        try:
            comments = read_nev(file, spikes=False).comments.text
        except RecordingError:  # somebody took it as it is: ingest says what cannot be read
            continue
        refuse_unsealed(file, comments, session_id)
