"""The animal has a screen of its own, of the planned size and rate, as the desktop says before a window is opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closedloop.artifacts.rig.description import read_rig
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check.inspection import Inspection
from rig.check.screen import judge_operator_window
from rig.check.table import CHECKS, check_before, look
from rig.display.screens import FoundScreen, Rectangle
from rig.operator.opening import PanelChoice, settle_panel
from rig.session.folder import open_session

RIG = """
name: rig 2
subject_screen: {screen: 1, width_px: 320, height_px: 240, refresh_hz: 60, width_cm: 160, distance_cm: 57.2}
operator_screen: {screen: 0}
photodiode: {corner: lower_left, side_px: 20}
codes: {transport: none}
gaze: {source: mouse}
reward: {device: none}
recorder: {kind: by_hand}
"""
OPERATOR = FoundScreen(0, ("DVI-0",), Rectangle(0, 0, 800, 600), 60.0, 1.0, None)


def subject(**changes):
    fields = {
        "number": 1,
        "outputs": ("HDMI-1",),
        "place": Rectangle(800, 0, 320, 240),
        "refresh_hz": 59.95,
        "scale": 1.0,
        "width_cm": None,
    }
    return FoundScreen(**fields | changes)


@pytest.fixture
def screens_row(make_session, tmp_path):
    """Return what the table says of screens."""
    rig = tmp_path / "rig.yaml"
    rig.write_text(RIG)
    folder = make_session(screen={"cm_per_px": 0.5, "full_screen": True})

    def say(*screens):
        at = Inspection(Launch(session=folder, out=tmp_path, display="psychopy", rig=rig), list_screens=lambda: screens)
        check_before(at)
        return look(next(one for one in CHECKS if one.name == "screens"), at)

    return say


def test_the_screen_that_the_rig_names_is_taken(screens_row):
    found = screens_row(OPERATOR, subject())
    assert (found.status, found.found) == (
        "PASS",
        "2 found; the animal's: 1 (HDMI-1), 320 x 240 at (800, 0), 59.95 Hz",
    )


@pytest.mark.parametrize(
    ("screens", "said"),
    [
        ((OPERATOR,), "expected screen 1, found 1 screens"),
        ((OPERATOR, subject(outputs=("HDMI-1", "DP-1"))), "found one picture on HDMI-1 and DP-1"),
        ((OPERATOR, subject(place=Rectangle(0, 0, 320, 240))), "showing the same part of the desktop"),
        ((OPERATOR, subject(scale=2.0)), "expected one pixel of HDMI-1 for one pixel of the picture, found 2"),
        ((OPERATOR, subject(place=Rectangle(800, 0, 640, 480))), "expected 320 x 240 pixels, found 640 x 480"),
        ((OPERATOR, subject(refresh_hz=75.0)), "expected a mode of 60 Hz, found 75.00 Hz"),
    ],
)
def test_another_screen_is_never_taken_in_silence(screens_row, screens, said):
    found = screens_row(*screens)
    assert (found.status, found.can_be_overridden) == ("FAIL", False)
    assert said in found.found
    assert found.fix


def test_what_the_desktop_does_not_say_is_a_doubt(screens_row):
    assert screens_row(OPERATOR, subject(scale=None)).status == "WARN"


def without_operator_screen(text):
    return text.replace("operator_screen: {screen: 0}", "operator_screen: null")


@pytest.mark.parametrize(
    ("changed", "screens", "has_tkinter", "judged"),
    [
        (str, (OPERATOR, subject()), True, ("PASS", "screen 0, 800 x 600 at (0, 0), drawn by Tk")),
        (str, (OPERATOR, subject()), False, ("FAIL", "expected tkinter for your window on screen 0")),
        (str, (subject(),), True, ("FAIL", "expected screen 0 for your window, found none beside the animal's")),
        (without_operator_screen, (OPERATOR, subject()), True, ("WARN", "beside the animal's there is 0")),
        (without_operator_screen, (OPERATOR, subject()), False, ("WARN", "beside the animal's there is 0")),
        (without_operator_screen, (subject(),), False, ("WARN", "no screen but the animal's")),
    ],
)
def test_the_operator_s_window_is_asked_for_where_rig_yaml_asks_for_it(tmp_path, changed, screens, has_tkinter, judged):
    (tmp_path / "rig.yaml").write_text(changed(RIG))
    status, said = judged
    found = judge_operator_window(read_rig(tmp_path / "rig.yaml")[0], screens, has_tkinter=has_tkinter)
    if status == "PASS":
        assert found == said
        return
    assert (found.status, said in found.found) == (status, True)
    assert "--panel terminal" in found.fix


def test_the_table_has_the_operator_s_window_unless_the_operator_chose_a_page(make_session, tmp_path):
    rig = tmp_path / "rig.yaml"
    rig.write_text(RIG)
    launch = Launch(session=make_session(), out=tmp_path, display="psychopy", rig=rig)
    row = next(one for one in CHECKS if one.name == "operator-window")

    def found(panel, **options):
        at = Inspection(replace(launch, panel=panel), list_screens=lambda: (subject(),), **options)
        check_before(at)
        return look(row, at)

    checked = found(PanelChoice(), only_checks=True)
    assert (checked.status, checked.can_be_overridden) == ("FAIL", True)
    assert found(PanelChoice("window", 0)).status == "FAIL"
    assert found(PanelChoice("terminal")) is None
    assert row.name not in [one.name for one in check_before(Inspection(replace(launch, rig=None)))]


def test_no_window_opens_over_the_animal_s_picture_whoever_names_its_screen(make_session):
    screen = open_session(make_session()).document.screen
    with pytest.raises(SessionError, match="expected a screen of its own, found the animal's, screen 0"):
        settle_panel(PanelChoice("auto", 0), "psychopy", screen, None)
