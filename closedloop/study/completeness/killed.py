"""What is made of a session whose rig was killed: its journal has no end, and somebody may close the day with it."""

from __future__ import annotations

from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyPaths
from closedloop.plain_text.printed import quoted


def is_closed_with(paths: StudyPaths, *, day: int, journal_sha256: str) -> bool:
    """Return whether somebody closed a day's session with this very journal, whether it has an end or not.

    Parameters
    ----------
    paths
        The study.
    day
        Which.
    journal_sha256
        Of the journal that is there now.
    """
    closed = closed_day(read_amendments(paths.amendments), paths.block(day))
    return closed is not None and closed.journal_sha256 == journal_sha256


def remedy_of_no_end(paths: StudyPaths, *, day: int) -> str:
    """Return what to do about a journal that stops before the session's end.

    Parameters
    ----------
    paths
        The study.
    day
        Which.
    """
    options = f"--day {day}{block_option(paths.block(day))}"
    return (
        "Bring the session's output from the rig again, whole; where the rig was killed: go on by `rig present "
        "--resume`, or, if the session ended for good, take what was shown by "
        f"`closedloop close-day {quoted(paths.root)} {options} --killed --why TEXT`."
    )
