"""What a session asks of the animal from trial to trial: the same each time, or what a training has come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from closedloop.artifacts.day.journal_rows import JournalRow, TrialAsks, TrialEnded, TrialOutcome
from closedloop.artifacts.day.session import TrialSettings


class Course(Protocol):
    """What trials ask for, one after the other."""

    @property
    def settings(self) -> TrialSettings:
        """What the next trial asks for: hold, window and reward may change, its frames of pictures and grey never."""
        ...

    @property
    def asks(self) -> TrialAsks | None:
        """The same as the journal says it of each trial; None where the session's document says it of all."""
        ...

    def end_trial(self, outcome: TrialOutcome) -> None:
        """Take how a trial ended."""
        ...


class SameTrials:
    """A session of a study: each trial asks for what session.json says.

    Parameters
    ----------
    settings
        Of the session.
    """

    asks = None

    def __init__(self, settings: TrialSettings) -> None:
        self.settings = settings

    def end_trial(self, outcome: TrialOutcome) -> None:
        """Change nothing."""


def follow_rows(course: Course, rows: Iterable[JournalRow]) -> None:
    """Bring a course to where the rows of a journal leave it: a trial that was cut, and has no end, changes nothing."""
    for row in rows:
        if isinstance(row, TrialEnded):
            course.end_trial(row.outcome)
