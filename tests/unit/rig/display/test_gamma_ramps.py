"""Gamma ramps of a desktop with two screens: foreign ones are refused, ours is kept, and all is put back."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from tests.equipment.driven_display import driven_display
from tests.equipment.two_heads import OPERATOR, SUBJECT
from tests.unit.rig.display.second_screen import words

pytestmark = [pytest.mark.slow, pytest.mark.display]


@pytest.mark.parametrize("exponent", [0.5, 2.2])
def test_a_foreign_gamma_ramp_is_refused_and_left_as_it_is(two_heads, refused_with, exponent):
    two_heads.set_ramp(SUBJECT, exponent)
    before = two_heads.ramp(SUBJECT)
    said = refused_with()
    assert "expected the identity as gamma ramp, found another. Turn night light" in said
    assert np.array_equal(two_heads.ramp(SUBJECT), before)


def test_the_other_screen_s_ramp_is_its_own(two_heads, display, make_subject_session):
    two_heads.set_ramp(OPERATOR, 2.2)
    before = two_heads.ramp(OPERATOR)
    assert display.call("open", folder=str(make_subject_session()))["gamma"] == "identity"
    display.call("close")
    assert np.array_equal(two_heads.ramp(OPERATOR), before)


@pytest.mark.parametrize("whose", ["screen", "desktop"])
def test_a_ramp_that_changes_in_a_session_is_noticed_and_put_back(two_heads, display, make_subject_session, whose):
    session = make_subject_session()

    def spoil(display):
        if whose == "screen":
            two_heads.set_ramp(SUBJECT, 2.2)
        else:
            display.call("set_desktop_ramp", exponent=2.2)

    display.call("open", folder=str(session))
    spoil(display)
    display.call("prepare", images=[0])
    assert "the gamma ramp is another than at the start" in display.call("health")[0]
    display.call("bring_back")
    assert words(display) == []
    spoil(display)
    display.call("close")  # what came meanwhile is not left behind
    assert display.call("open", folder=str(session))["made_good"] == []
    display.call("close")


@pytest.mark.parametrize("whose", ["screen", "desktop"])
def test_a_ramp_that_changes_while_an_image_is_up_is_known_before_the_image_counts(opened, whose):
    desktop, display = opened
    display.call("prepare", images=[0, 1])
    display.call("show", pictures=[(0, True, 3)])
    assert display.call("health", flips=1) == []
    display.call("show", pictures=[(1, True, 1)])
    if whose == "screen":
        desktop.set_ramp(SUBJECT, 2.2)
    else:
        display.call("set_desktop_ramp", exponent=2.2)
    assert "the gamma ramp is another than at the start" in display.call("health", flips=1)[0]
    display.call("bring_back")
    assert words(display) == []


@pytest.mark.parametrize("whose", ["screen", "desktop"])
def test_the_ramp_that_a_killed_rig_left_is_put_right_by_the_next(two_heads, make_subject_session, whose):
    session = make_subject_session()
    with driven_display(two_heads.environment) as display:
        display.call("open", folder=str(session))
        if whose == "screen":
            two_heads.set_ramp(SUBJECT, 2.2)
        else:
            display.call("set_desktop_ramp", exponent=2.2)
        display.process.send_signal(signal.SIGKILL)
        display.process.wait()
    assert not two_heads.pixels(SUBJECT).any()
    with driven_display(two_heads.environment) as display:
        facts = display.call("open", folder=str(session))
        assert facts["gamma"] == "identity"
        assert "a rig that was killed" in facts["made_good"][0]
        display.call("close")
    assert np.abs(two_heads.ramp(SUBJECT) - np.linspace(0, 1, 256)).max() < 1 / 256
