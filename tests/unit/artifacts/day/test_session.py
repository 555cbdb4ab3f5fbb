"""The session folder's words and its mark."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from closedloop.artifacts.day.session import (
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)

SCREEN = ScreenSettings(
    refresh_hz=60, width_px=800, height_px=600, cm_per_px=0.05, image_scale=8, visual_angle_deg=8, grey_level=128
)
TRIAL = TrialSettings(
    on_frames=6,
    off_frames=6,
    presentations_per_trial=6,
    acquire_timeout_ms=2000,
    hold_ms=160,
    fixation_window_deg=2,
    saccade_boxcar_samples=5,
    intertrial_ms=500,
    reward_ms=120,
    misses_before_time_out=5,
    time_out_ms=2500,
    fixation_dot_px=4,
)
MONKEY = ScriptedMonkey(seed=1, ignore_probability=0.1, leave_early_probability=0.2)


def session(**values: Any) -> SessionDocument:
    usual: dict[str, Any] = {
        "simulated": True,
        "session_id": "s",
        "study_id": "s",
        "subject": "s",
        "day": 0,
        "seed": 1,
        "n_presentations": 1,
        "n_images": 1,
        "image_side_px": 32,
        "screen": SCREEN,
        "trial": TRIAL,
        "codes": CodeSettings(),
        "monkey": MONKEY,
    }
    return SessionDocument(**usual | values)


def test_words_of_presentations_and_trials_fill_eight_bits_and_never_meet() -> None:
    codes = CodeSettings()
    presentations = {codes.presentation(ordinal) for ordinal in range(10_000)}
    trials = {codes.trial(trial) for trial in range(10_000)}
    assert presentations == set(range(1, 200))
    assert trials == set(range(200, 250))


def test_words_count_up_by_ordinal_and_start_again() -> None:
    codes = CodeSettings(first_presentation=10, n_presentation=20, first_trial=100, n_trial=3)
    assert [codes.presentation(ordinal) for ordinal in (0, 1, 19, 20, 41)] == [10, 11, 29, 10, 11]
    assert [codes.trial(trial) for trial in (0, 2, 3)] == [100, 102, 100]


@pytest.mark.parametrize(
    "values",
    [
        {"first_presentation": 57, "n_presentation": 199, "first_trial": 2, "n_trial": 50},
        {"first_trial": 206, "n_trial": 50},
    ],
)
def test_255_is_the_last_word(values: dict[str, int]) -> None:
    CodeSettings(**values)
    one_more = values | ({"n_trial": 51} if values["first_trial"] > 200 else {"n_presentation": 200})
    with pytest.raises(ValidationError, match="eight bits"):
        CodeSettings(**one_more)


@pytest.mark.parametrize("first_trial", [199, 150, 1])
def test_overlapping_words_are_refused(first_trial: int) -> None:
    with pytest.raises(ValidationError, match="overlap"):
        CodeSettings(first_trial=first_trial)


def test_zero_is_no_word() -> None:
    with pytest.raises(ValidationError, match="first_presentation"):
        CodeSettings(first_presentation=0)


def test_a_scripted_monkey_sits_in_simulated_sessions_and_in_no_other() -> None:
    assert session().monkey == MONKEY
    assert session(simulated=False, monkey=None).monkey is None
    for values in ({"monkey": None}, {"simulated": False}):
        with pytest.raises(ValidationError, match="scripted monkey exactly in a simulated session"):
            session(**values)
