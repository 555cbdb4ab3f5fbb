"""The sessions of a study's days: of a day of rounds, or with a session that people added, there are several."""

from __future__ import annotations

from collections.abc import Iterator

from closedloop.access.opening import open_study
from closedloop.access.study import Study
from closedloop.errors import StudyError


def each_session(study: Study) -> Iterator[tuple[int, Study]]:
    """Yield the day of every session that is recorded, in order, and the study seen from it."""
    for day, number in study.sessions:
        yield day, open_study(study.path, session=(day, number))


def sessions_showing(study: Study, day: int, kind: str) -> list[Study]:
    """Return the study seen from each session of a day that shows changed images of a kind, in order.

    Parameters
    ----------
    study
        A study.
    day
        Which.
    kind
        Of the stimuli.

    Raises
    ------
    StudyError
        No session of the day is recorded that shows any.
    """
    own = [seen for one, seen in each_session(study) if one == day and (seen.stimuli(day)["kind"] == kind).any()]
    if not own:
        raise StudyError(
            f"{study.path}: expected a recorded session of day {day} with images of the kind {kind}, found none. "
            "Choose another day."
        )
    return own
