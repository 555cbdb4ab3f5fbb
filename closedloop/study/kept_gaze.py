"""Whether the gaze that comes with a session is that session's, and can be read: asked before it is sealed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from closedloop.artifacts.catalog import GAZE, JOURNAL, SESSION
from closedloop.artifacts.day.gaze.header import REMEDY
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError, SessionError, StudyError
from closedloop.eyelink.edf import is_edf, read_edf


def check_kept_gaze(paths: StudyPaths, study: StudyDocument, *, day: int) -> None:
    """Read a day's gaze samples and its tracker's files, where it has any; many sessions have none.

    Parameters
    ----------
    paths, study
        The study.
    day
        Which.

    Raises
    ------
    DocumentError
        The samples are damaged.
    SessionError
        They are another session's.
    StudyError
        They are marked as simulated in a real study, or the other way round.
    RecordingError
        A tracker's file is damaged.
    """
    place = GAZE.published(paths, day)
    for file in (place, *tracker_files(place.parent)):
        _refuse_no_file(file)
    if place.is_file():
        _check_samples(place, paths, study, day=day)
    for file in tracker_files(place.parent):
        if not is_edf(file) or find_spec("eyelinkio") is not None:  # without it, whoever has it reads it one day
            read_edf(file)


def tracker_files(folder: Path) -> list[Path]:
    """Return a session's EDF files, in the order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".edf" and not file.name.startswith("."))


def _refuse_no_file(place: Path) -> None:
    """Refuse what has the name of a file and is none; what is not there at all is well."""
    if place.is_dir() or (place.is_symlink() and not place.exists()):
        found = "a folder" if place.is_dir() else "a link that leads nowhere"
        raise DocumentError(f"{place}: expected a file, found {found}. {REMEDY}")


def _check_samples(place: Path, paths: StudyPaths, study: StudyDocument, *, day: int) -> None:
    records = GAZE.read(place)
    session_id = SESSION.read(SESSION.published(paths, day)).session_id
    if records.header.simulated != study.simulated:
        names = {True: "simulated", False: "an animal's"}
        raise StudyError(
            f"{place}: expected gaze that is {names[study.simulated]}, found it marked as "
            f"{names[records.header.simulated]}. Move it out of the folder."
        )
    if records.header.session_id != session_id:
        raise SessionError(
            f"{place}: expected the gaze of {session_id}, found that of {records.header.session_id}. {REMEDY}"
        )
    known = {launch.segment for launch in JOURNAL.read(JOURNAL.published(paths, day)).launches}
    unknown = [launch.launch for launch in records.launches if launch.launch not in known]
    if unknown:
        raise DocumentError(
            f"{place}: expected launches of the journal beside it ({len(known)}), found launch {unknown[0]}. {REMEDY}"
        )
