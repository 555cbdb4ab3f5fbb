"""What the rig hands back from a session of a real study, as documents alone."""

from __future__ import annotations

from typing import Any

from closedloop.artifacts.catalog import JOURNAL, SESSION, SUMMARY
from closedloop.artifacts.day.journal import LaunchOpened, SessionSummary
from closedloop.artifacts.day.session import CodeSettings, SessionDocument
from closedloop.artifacts.study import StudyPaths
from tests.unit.artifacts.day.test_session import SCREEN, TRIAL

STUDY_ID = "abc"


def session_id(day: int) -> str:
    """Return the name of a day's session."""
    return f"{STUDY_ID}-day-{day:02d}"


def session_document(day: int) -> SessionDocument:
    """Return what schedule says of a day's session with an animal."""
    return SessionDocument(
        simulated=False,
        session_id=session_id(day),
        study_id=STUDY_ID,
        subject="monkey",
        day=day,
        seed=1,
        n_presentations=10,
        n_images=5,
        image_side_px=32,
        screen=SCREEN,
        trial=TRIAL,
        codes=CodeSettings(),
        monkey=None,
    )


def schedule(paths: StudyPaths, day: int) -> None:
    """Write a day's session.json where schedule would."""
    session_document(day).write(SESSION.published(paths, day))


def bring(paths: StudyPaths, day: int, *, segments: tuple[str, ...] | None = None, **values: Any) -> None:
    """Write what the rig writes, with some values of its summary changed.

    Parameters
    ----------
    paths, day
        Whose.
    segments
        The session that each start of the rig says; the day's own, once, by default.
    values
        Of the summary.
    """
    usual: dict[str, Any] = {
        "simulated": False,
        "session_id": session_id(day),
        "display": "psychopy",
        "outcome": "complete",
        "n_segments": 1,
        "n_trials": 2,
        "n_trials_completed": 2,
        "n_trials_broken": 0,
        "n_trials_ignored": 0,
        "n_presentations": 10,
        "n_accepted": 10,
        "n_rejected": {},
        "n_remaining": 0,
        "n_time_outs": 0,
        "duration_s": 60.0,
        "reward_ms": 240.0,
    }
    SessionSummary(**usual | values).write(SUMMARY.published(paths, day))
    rows = [
        LaunchOpened(
            segment=number,
            session_id=name,
            simulated=False,
            display="psychopy",
            clock="real",
            refresh_hz=60,
            first_ordinal=10 * number,
            first_trial=2 * number,
            time_s=0,
            utc="2022-01-03T09:00:00Z",
        )
        for number, name in enumerate(segments or (session_id(day),))
    ]
    JOURNAL.published(paths, day).write_text("".join(row.model_dump_json() + "\n" for row in rows))
