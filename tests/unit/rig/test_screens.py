"""Which screen may be the animal's: each silent substitution is refused with what to do."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from closedloop.errors import SessionError
from rig.display.screens import FoundScreen, Rectangle, choose_screen
from rig.display.x11.heads import list_heads

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


class RandR:
    """An X server with one monitor, as RandR describes it; dummy drivers cannot scale or turn."""

    def __init__(self, *, width_px=1920, height_px=1080, rotation=1, outputs=("DP-1",)):
        self.lit = SimpleNamespace(mode=7, rotation=rotation, width=width_px, height=height_px, x=0, y=0)
        self.outputs = outputs
        self.xrandr_get_crtc_info = lambda crtc, stamp: self.lit
        self.xrandr_get_output_info = lambda output, stamp: SimpleNamespace(name=outputs[output], crtc=3)
        mode = {"id": 7, "width": 1920, "height": 1080, "h_total": 2200, "v_total": 1125, "dot_clock": 148_352_000}
        monitor = {"x": 0, "y": 0, "width_in_pixels": width_px, "height_in_pixels": height_px}
        monitor |= {"width_in_millimeters": 520, "crtcs": list(range(len(outputs)))}
        root = SimpleNamespace(
            xrandr_get_screen_resources_current=lambda: SimpleNamespace(modes=[mode]),
            xrandr_get_monitors=lambda is_active: SimpleNamespace(monitors=[monitor]),
        )
        self.screen = lambda: SimpleNamespace(root=root)

    def has_extension(self, name):
        return name == "RANDR"


def test_a_screen_is_described_by_its_mode():
    (found,) = list_heads(RandR())
    assert found.refresh_hz == pytest.approx(59.94, abs=0.001)
    assert (found.name, found.scale, found.width_cm) == ("DP-1", 1.0, 52.0)


def test_a_desktop_larger_or_smaller_than_the_panel_is_scaled():
    assert list_heads(RandR(width_px=3840, height_px=2160))[0].scale == 0.5
    assert list_heads(RandR(width_px=960, height_px=540))[0].scale == 2.0


def test_a_turned_screen_is_not_scaled():
    assert list_heads(RandR(width_px=1080, height_px=1920, rotation=2))[0].scale == 1.0


def test_one_picture_on_two_outputs_is_told_as_such():
    assert list_heads(RandR(outputs=("DP-1", "HDMI-1")))[0].name == "DP-1 and HDMI-1"
