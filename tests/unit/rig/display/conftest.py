"""A display on a desktop with two screens, in a process of its own."""

from __future__ import annotations

import pytest

from tests.equipment.driven_display import DisplayRefusedError, driven_display
from tests.unit.rig.display.second_screen import SCALE, SIDE


@pytest.fixture
def make_subject_session(make_session):
    """Return a function that makes a session for the second screen; settings of the screen may differ."""

    def make(name="schedule", *, n_images=6, n_presentations=12, trial=None, **screen):
        planned = {"width_px": 800, "height_px": 600, "screen": 1, "full_screen": True, "image_scale": SCALE}
        return make_session(
            name,
            n_images=n_images,
            n_presentations=n_presentations,
            side_px=SIDE,
            screen=planned | screen,
            trial={"presentations_per_trial": 6} | (trial or {}),
            ignore=0.0,
            leave=0.0,
        )

    return make


@pytest.fixture(scope="session")
def display_process(two_heads_kept):
    """Return a process that opens one display after the other: importing PsychoPy takes seconds."""
    with driven_display(two_heads_kept.environment) as display:
        yield display


@pytest.fixture
def display(display_process):
    """Return the process for one test, which may open and close displays."""
    yield display_process
    display_process.call("close")


@pytest.fixture
def opened(any_two_heads, display, make_subject_session):
    """Return the desktop and a display that is open on its second screen."""
    display.call("open", folder=str(make_subject_session()), audit=6)
    return any_two_heads, display


@pytest.fixture
def refused_with(two_heads, display, make_subject_session):
    """Return a function that opens a display which has to refuse, and returns its words."""

    def refuse(**screen):
        with pytest.raises(DisplayRefusedError) as refused:
            display.call("open", folder=str(make_subject_session(**screen)))
        return str(refused.value)

    return refuse
