"""Rows of a session that the operator's tests tell to what counts them."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal_rows import (
    LaunchOpened,
    Presentation,
    PresentationBegun,
    TrialEnded,
    TrialStarted,
)
from rig.session.folder import open_session


@pytest.fixture
def document(make_session):
    return open_session(make_session(n_presentations=30)).document


def opened(*, time_s=0.0, segment=0, **changes):
    facts = {
        "segment": segment,
        "session_id": "study/day-00",
        "simulated": True,
        "display": "psychopy",
        "clock": "real",
        "refresh_hz": 60.0,
        "first_ordinal": 0,
        "first_trial": 0,
        "time_s": time_s,
        "utc": None,
        "pacing": "vblank",
        "gaze": "scripted",
        "codes": "parallel",
        "reward": "none",
    }
    return LaunchOpened.model_validate(facts | changes)


def begun(ordinal, time_s):
    return PresentationBegun(ordinal=ordinal, trial=0, position=0, presentation_index=0, code=1, time_s=time_s)


def shown(ordinal, time_s, *, reason=None):
    return Presentation(
        ordinal=ordinal,
        trial=0,
        position=0,
        presentation_index=ordinal,
        image_index=ordinal % 6,
        stimulus_id="a",
        repetition=0,
        code=1,
        onset_s=time_s - 0.1,
        offset_s=time_s,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="rejected" if reason else "accepted",
        reason=reason,
    )


def trial(number, start_s, *, reasons=(), outcome="completed", reward_ms=0.0, first=0, length_s=2.0):
    """Yield the rows of a trial, each image with the reason that it is rejected for, or None."""
    yield TrialStarted(trial=number, code=200, time_s=start_s)
    for k, reason in enumerate(reasons):
        yield begun(first + k, start_s + 0.5 + 0.2 * k)
        yield shown(first + k, start_s + 0.6 + 0.2 * k, reason=reason)
    yield TrialEnded(trial=number, outcome=outcome, reward_ms=reward_ms, time_s=start_s + length_s)


def told(tally, *rows):
    for row in rows:
        tally.note(row)
    return tally
