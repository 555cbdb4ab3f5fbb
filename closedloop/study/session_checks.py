"""Whether what a person brings from the rig is the whole of this day's session, and of an animal."""

from __future__ import annotations

from closedloop.artifacts.catalog import JOURNAL, PRESENTATIONS, SESSION, SUMMARY
from closedloop.artifacts.day.doubts import doubts_of, refuse_rehearsal, taken_despite
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_checks import check_ended, check_journal, check_summary, planned_session
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, StudyError
from closedloop.plain_text.printed import quoted
from closedloop.storage import sha256_file
from closedloop.study.completeness.killed import is_closed_with, remedy_of_no_end


def check_session(paths: StudyPaths, study: StudyDocument, *, day: int) -> None:
    """Compare a day's journal with itself, its plan and its summary, and ask whether an animal saw the session.

    Parameters
    ----------
    paths, study
        The study.
    day
        Which.

    Raises
    ------
    DocumentError
        A file is missing or damaged; a line was lost, doubled, moved or edited.
    SessionError
        The journal is not that of this session, whole, or its summary is another's.
    StudyError
        The session is no data of an animal, and nobody took it nevertheless.
    """
    session = SESSION.read(SESSION.published(paths, day))
    place = JOURNAL.published(paths, day)
    journal = JOURNAL.read(place)
    refuse_rehearsal(journal, place)
    plan = planned_session(session, PRESENTATIONS.read(PRESENTATIONS.published(paths, day)))
    check_journal(journal, place, plan=plan)
    if not is_closed_with(paths, day=day, journal_sha256=sha256_file(place)):
        check_ended(journal, place, remedy=remedy_of_no_end(paths, day=day))
    summary = SUMMARY.published(paths, day)
    check_summary(SUMMARY.read(summary), summary, session=session, journal=journal)
    if not study.simulated:
        _refuse_what_no_animal_saw(paths, journal, day=day)


def refuse_at_once(paths: StudyPaths, *, day: int) -> None:
    """Refuse a session that no animal saw as soon as its journal is whole: waiting would not make it another.

    Parameters
    ----------
    paths
        The study.
    day
        Which.

    Raises
    ------
    StudyError
        The session is no data of an animal, and nobody took it nevertheless.
    SessionError
        It was a rehearsal.
    """
    place = JOURNAL.published(paths, day)
    if not place.is_file():
        return
    try:
        journal = JOURNAL.read(place)
        check_ended(journal, place)
    except ClosedLoopError:  # still being copied, perhaps: that is waited for, or said later
        return
    refuse_rehearsal(journal, place)
    if not StudyDocument.read(paths.study).simulated:
        _refuse_what_no_animal_saw(paths, journal, day=day)


def _refuse_what_no_animal_saw(paths: StudyPaths, journal: Journal, *, day: int) -> None:
    place = JOURNAL.published(paths, day)
    taken = taken_despite(read_amendments(paths.amendments), block=paths.block(day), journal_sha256=sha256_file(place))
    left = {name: words for name, words in doubts_of(journal).items() if name not in taken}
    if left:
        found = "; ".join(f"{words} ({name})" for name, words in left.items())
        despite = " ".join(f"--despite {name}" for name in left)
        study, options = quoted(paths.root), f"--day {day}{block_option(paths.block(day))}"
        raise StudyError(
            f"{place}: expected a session that an animal saw, found one that is no data of an animal: {found}. "
            f"To take it nevertheless: `closedloop accept-session {study} {options} {despite} --why TEXT`; "
            "every page of the report will say so."
        )
