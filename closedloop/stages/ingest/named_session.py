"""Which session a recording says that it is of: the rig's operator, or the rig, sent its name as a comment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from closedloop.errors import RecordingError

_DAY_MARK = "-day-"


def another_session(comments: Iterable[str], session_id: str) -> str:
    """Return the first comment that names another session; one without any is judged by its codes, and empty here.

    Parameters
    ----------
    comments
        Of a recording.
    session_id
        The session that was to be recorded.
    """
    return next((text for text in comments if _DAY_MARK in text and session_id not in text), "")


def refuse_unsealed(file: Path, comments: Iterable[str], session_id: str) -> None:
    """Refuse a file that names another session while it can still be moved: nothing is sealed yet.

    Parameters
    ----------
    file
        Of the recording.
    comments
        In it.
    session_id
        The session that was to be recorded.

    Raises
    ------
    RecordingError
        A comment names another session.
    """
    other = another_session(comments, session_id)
    if other:
        raise RecordingError(
            f"{file}: expected session {session_id}, found a comment of session {other}: another day's recording. "
            f"Nothing is sealed: move its files out of {file.parent}, and copy this day's there."
        )
