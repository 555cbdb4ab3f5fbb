"""Which screen may be the animal's: each silent substitution is refused with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closedloop.errors import SessionError
from rig.display.screens import FoundScreen, Rectangle, choose_screen

OPERATOR = FoundScreen(
    number=0, outputs=("DP-1",), place=Rectangle(0, 0, 1920, 1080), refresh_hz=60.0, scale=1.0, width_cm=53.0
)
SUBJECT = replace(OPERATOR, number=1, outputs=("HDMI-1",), place=Rectangle(1920, 0, 800, 600), refresh_hz=59.94)


def choose(*screens, number=1, size=(800, 600), full_screen=True):
    return choose_screen(screens, number, width_px=size[0], height_px=size[1], full_screen=full_screen)


def test_the_screen_that_was_named_is_taken():
    assert choose(OPERATOR, SUBJECT) is SUBJECT
    assert choose(OPERATOR, SUBJECT, number=0, size=(1920, 1080)) is OPERATOR
    assert choose(OPERATOR, replace(SUBJECT, scale=None, refresh_hz=None)).number == 1


def test_screens_that_only_touch_share_nothing():
    assert choose(OPERATOR, replace(SUBJECT, place=Rectangle(0, 1080, 800, 600))).number == 1


@pytest.mark.parametrize(
    ("screens", "said"),
    [
        ([OPERATOR], r"expected screen 1, found 1 screens\. Connect it"),
        (
            [OPERATOR, replace(SUBJECT, place=Rectangle(0, 0, 800, 600))],
            r"HDMI-1 .* and DP-1 .* same part of the desktop\. Separate them \(`xrandr --output DP-1 --right-of HDMI-1",
        ),
        ([OPERATOR, replace(SUBJECT, place=Rectangle(1919, 500, 800, 600))], "same part of the desktop"),
        ([OPERATOR, replace(SUBJECT, outputs=("HDMI-1", "DP-2"))], r"one picture on HDMI-1 and DP-2\. Separate them"),
        ([OPERATOR, replace(SUBJECT, scale=2.0)], r"one pixel of HDMI-1 for one .* found 2\. Turn its scaling off"),
        ([OPERATOR, replace(SUBJECT, scale=0.5)], r"found 0\.5\. Turn its scaling off"),
        (
            [OPERATOR, replace(SUBJECT, place=Rectangle(1920, 0, 1024, 768))],
            r"expected 800 x 600 pixels, found 1024 x 768 \(HDMI-1\)\. Set the screen's mode",
        ),
    ],
)
def test_a_screen_that_would_be_taken_in_silence_is_refused(screens, said):
    with pytest.raises(SessionError, match=said):
        choose(*screens)


def test_a_window_has_to_fit_its_screen():
    larger = replace(SUBJECT, place=Rectangle(1920, 0, 1024, 768))
    assert choose(OPERATOR, larger, full_screen=False) is larger
    with pytest.raises(SessionError, match="expected 800 x 601 pixels, found 800 x 600"):
        choose(OPERATOR, SUBJECT, size=(800, 601), full_screen=False)
