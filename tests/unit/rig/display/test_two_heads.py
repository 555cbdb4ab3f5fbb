"""The PsychoPy display on a desktop with two screens: where it opens, what it shows, what it notices, what it leaves.

What is expected of the screen is read here over a connection of the test's own and from the bytes of the session.
"""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.session import PixelAudit
from rig.display.desktop import open_desktop
from rig.display.listing import list_screens
from rig.display.screens import Rectangle
from tests.equipment.driven_display import DisplayRefusedError, driven_display
from tests.equipment.processes import Child
from tests.equipment.two_heads import OPERATOR, SUBJECT
from tests.unit.rig.display.second_screen import (
    BESIDE_IT,
    GREY,
    IMAGE,
    LOWER_LEFT,
    N_IMAGES,
    N_PRESENTATIONS,
    OVER_IT,
    PATCH,
    SCALE,
    SIDE,
    planned_pixels,
    words,
)

pytestmark = [pytest.mark.slow, pytest.mark.display]


def test_the_window_is_on_the_second_screen_and_the_first_is_left_alone(opened):
    desktop, display = opened
    display.call("prepare", images=[0])
    display.call("show", pictures=[(None, True, 2)])
    desktop.keep_picture(f"grey, {'openbox' if desktop.has_manager() else 'no manager'}")
    subject = desktop.pixels(SUBJECT)
    assert not desktop.pixels(OPERATOR).any()
    assert (subject[:, -1] == GREY).all()
    assert not desktop.pixels(LOWER_LEFT).any()
    assert {tuple(pixel) for pixel in subject[:-PATCH].reshape(-1, 3).tolist()} == {(GREY,) * 3, (255,) * 3}
    assert (subject == 255).all(axis=-1).sum() == 12  # a disc of 4 px
    assert words(display) == []


def test_a_display_that_is_closed_leaves_no_window_behind(any_two_heads, display, make_subject_session):
    session = str(make_subject_session())
    for _ in range(2):
        display.call("open", folder=session)
        any_two_heads.window_of_rig()
        display.call("close")
        assert any_two_heads.named("PsychoPy") == []


def test_what_is_on_the_screen_is_what_was_planned_pixel_for_pixel(opened, make_subject_session):
    desktop, display = opened
    images = np.load(make_subject_session("the same") / "images.npy")
    display.call("prepare", images=[3, 1, 5])
    for slot, index in enumerate((3, 1, 5)):
        display.call("show", pictures=[(slot, True, 2)])
        desktop.keep_picture(f"image {index}")
        assert np.array_equal(desktop.pixels(IMAGE), planned_pixels(images[index]))
        assert (desktop.pixels(LOWER_LEFT) == 255).all()
    display.call("show", pictures=[(0, False, 2)])
    assert np.array_equal(desktop.pixels(IMAGE), images[3].repeat(SCALE, 0).repeat(SCALE, 1))
    report = display.call("audit")
    assert (report["read_back"], report["n_images"], report["n_mismatched"]) == ("screen", 3, 0)


def test_a_window_that_no_buffer_knows_of_fails_the_audit_of_the_screen(opened):
    desktop, display = opened
    display.call("prepare", images=[2])
    display.call("show", pictures=[(0, True, 1)])
    desktop.open_stranger(OVER_IT, bypasses_manager=True)
    with pytest.raises(DisplayRefusedError, match=r"found 20000 of 50176 different"):  # 200 columns of 100 rows
        display.call("audit")


@pytest.mark.parametrize("bypasses_manager", [False, True])
def test_a_window_over_it_is_noticed_and_when_it_is_gone_all_is_well(opened, bypasses_manager):
    desktop, display = opened
    assert words(display) == []
    desktop.open_stranger(OVER_IT, bypasses_manager=bypasses_manager, title="Updates are ready")
    found = display.call("health")
    desktop.keep_picture(f"covered, {'bypassing' if bypasses_manager else 'a window'}")
    assert 'covered by "Updates are ready"' in found[0]
    desktop.close_strangers()
    display.call("bring_back")
    assert words(display) == []


def test_a_window_on_the_other_screen_is_no_matter_until_it_takes_the_keyboard(opened):
    desktop, display = opened
    stranger = desktop.open_stranger(BESIDE_IT, bypasses_manager=True, title="a terminal")
    assert words(display) == []
    desktop.focus(stranger)
    assert display.call("health") == ['the keyboard writes into "a terminal": click into the rig\'s window']
    desktop.keep_picture("keyboard elsewhere")
    display.call("bring_back")
    assert words(display) == []


def test_the_operator_s_window_may_have_the_keyboard(opened, monkeypatch):
    desktop, display = opened
    monkeypatch.setenv("DISPLAY", desktop.environment["DISPLAY"])
    operators = desktop.open_stranger(BESIDE_IT, bypasses_manager=True, title="rig: operator")
    own = open_desktop()
    own.mark_as_ours(operators.id)
    own.close()
    desktop.focus(operators)
    assert words(display) == []
    desktop.open_stranger(OVER_IT, bypasses_manager=True, title="a dialog")
    assert display.call("health") == ['the window is covered by "a dialog": close or move that']


def test_an_iconified_window_is_noticed_and_can_be_brought_back(opened):
    desktop, display = opened
    desktop.iconify(desktop.window_of_rig())
    assert display.call("health") == ["the window is iconified or on another workspace: bring it back"]
    desktop.keep_picture("iconified")
    display.call("bring_back")
    assert words(display) == []


def test_a_window_that_was_moved_to_the_other_screen_is_noticed(two_heads, display, make_subject_session):
    display.call("open", folder=str(make_subject_session()))
    window = two_heads.window_of_rig()
    window.configure(x=0, y=0)
    two_heads.connection.sync()
    assert "the window is 800 x 600 at (0, 0), expected 800 x 600 at (800, 0)" in display.call("health")[0]
    two_heads.keep_picture("moved")
    display.call("bring_back")
    assert words(display) == []


def test_keys_reach_the_rig_and_each_is_told_once(opened):
    desktop, display = opened
    assert display.call("keys") == []  # from here on somebody asks: what was pressed before was for nobody
    for letter in "pr":
        desktop.press(letter)
    assert display.call("keys") == ["p", "r"]
    assert display.call("keys") == []


def test_frames_are_counted_whole_over_three_hundred_images(opened):
    """Whatever the machine is busy with, counted frames and time agree: none is hidden, none invented."""
    _, display = opened
    flips = []
    for _ in range(50):
        display.call("prepare", images=list(range(6)))
        flips += display.call("show", pictures=[(None, True, 1), *[(k // 2, True, 4 - k % 2) for k in range(12)]])
        flips += display.call("show", pictures=[(None, False, 2)])
    frames, times_s = (np.array(column) for column in zip(*flips, strict=True))
    assert frames.min() == 1
    elapsed = (times_s[-1] - times_s[0]) * 60.0
    # Between trials the machine waits for the next call: those frames are counted by the first flip after it.
    assert abs(frames[1:].sum() - elapsed) <= 1.0
    assert (frames == 1).mean() > 0.5


def test_three_hundred_presentations_have_their_frames_and_only_planned_pixels_are_ever_on_the_screen(
    any_two_heads, make_subject_session, tmp_path
):
    session = make_subject_session(
        n_images=N_IMAGES,
        n_presentations=N_PRESENTATIONS,
        trial={"on_frames": 4, "off_frames": 3, "hold_ms": 50.0, "intertrial_ms": 100.0},
    )
    images, out = np.load(session / "images.npy"), tmp_path / "present"
    pictures = {planned_pixels(image).tobytes(): index for index, image in enumerate(images)}
    command = [sys.executable, "-m", "rig", "present", str(session), "--out", str(out), "--audit-pixels", str(N_IMAGES)]
    seen, greys, others = set(), 0, 0
    with Child(command, env=any_two_heads.environment, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            subject = any_two_heads.pixels(SUBJECT)
            square = subject[IMAGE.top_px : IMAGE.top_px + IMAGE.height_px, IMAGE.left_px - 800 :][:, : IMAGE.width_px]
            patch = subject[-PATCH:, :PATCH]
            if (index := pictures.get(square.tobytes())) is not None:
                seen.add(index)
                assert (patch == 255).all()
            elif (subject[:, -1] == GREY).all() and (square[0] == GREY).all():
                greys += 1
                assert not patch.any()
            else:  # before the window is up, and after it is gone
                others += 1
                assert not square.any()
        said = process.stderr.read()
    assert process.returncode == 0, said
    journal = read_journal(out / "journal.jsonl")
    shown = accepted(journal.rows)
    assert sorted(row.presentation_index for row in shown) == list(range(N_PRESENTATIONS))
    assert {(row.on_frames, row.planned_on_frames) for row in shown} == {(4, 4)}
    audit = PixelAudit.read(out / "pixel_audit.json")
    assert (audit.read_back, audit.n_images, audit.n_mismatched) == ("screen", N_IMAGES, 0)
    assert audit.n_pixels == N_IMAGES * (SIDE * SCALE) ** 2
    assert seen
    assert greys


@pytest.mark.parametrize("corner", ["lower_right", "upper_left", "upper_right"])
def test_the_rig_says_which_screen_and_where_the_photodiode_is(
    two_heads, display, make_subject_session, tmp_path, corner
):
    path = tmp_path / "rig.yaml"
    path.write_text(
        "name: rig 2\n"
        "subject_screen: {screen: 1, width_px: 800, height_px: 600, refresh_hz: 60, width_cm: 40, distance_cm: 57}\n"
        f"photodiode: {{corner: {corner}, side_px: 40}}\n"
        "codes: {transport: none}\ngaze: {source: none}\nreward: {device: none}\nrecorder: {kind: none}\n"
    )
    session = make_subject_session(screen=0, width_px=1024, height_px=768)  # what it was planned for is another rig
    facts = display.call("open", folder=str(session), rig=str(path))
    assert facts["output"] == "DUMMY1"
    display.call("prepare", images=[0])
    display.call("show", pictures=[(0, True, 2)])
    two_heads.keep_picture(f"patch {corner}")
    left_px = 1560 if corner.endswith("right") else 800
    top_px = 0 if corner.startswith("upper") else 560
    assert (two_heads.pixels(Rectangle(left_px, top_px, 40, 40)) == 255).all()
    white = (two_heads.pixels(SUBJECT) == 255).all(axis=-1)
    display.call("show", pictures=[(None, False, 2)])
    assert white.sum() >= 1600
    assert not two_heads.pixels(Rectangle(left_px, top_px, 40, 40)).any()
    display.call("close")


def test_a_screen_that_is_not_there_is_refused(refused_with):
    assert "expected screen 2, found 2 screens. Connect it" in refused_with(screen=2)


def test_a_screen_of_another_size_is_refused(refused_with):
    assert "expected 1024 x 768 pixels, found 800 x 600 (DUMMY1)" in refused_with(width_px=1024, height_px=768)


def test_screens_that_show_the_same_are_refused(two_heads, refused_with):
    two_heads.move_crtc(two_heads.crtc_at(SUBJECT), 0, 0)
    said = refused_with()
    two_heads.keep_picture("mirrored")
    assert "DUMMY1 (800 x 600 at (0, 0)) and DUMMY0 (800 x 600 at (0, 0)) showing the same part" in said
    assert "xrandr --output DUMMY0 --right-of DUMMY1" in said


def test_the_screens_are_listed_without_a_window(two_heads, monkeypatch):
    monkeypatch.setenv("DISPLAY", two_heads.environment["DISPLAY"])
    operator, subject = list_screens()
    assert (operator.number, operator.name, operator.place) == (0, "DUMMY0", OPERATOR)
    assert (subject.number, subject.name, subject.place) == (1, "DUMMY1", SUBJECT)
    assert subject.refresh_hz == pytest.approx(38.25e6 / (1024 * 624))  # of the mode line that the server was given
    assert (operator.scale, subject.scale) == (1.0, 1.0)


def test_the_screen_saver_is_off_for_the_session_and_as_it_was_afterwards(two_heads, make_subject_session):
    session = str(make_subject_session())

    def timeout_s():
        return two_heads.connection.get_screen_saver().timeout

    two_heads.connection.set_screen_saver(300, 600, 1, 1)
    assert timeout_s() == 300
    with driven_display(two_heads.environment) as display:
        display.call("open", folder=session)
        assert timeout_s() == 0
        two_heads.connection.set_screen_saver(60, 600, 1, 1)  # some program turns it on again
        assert timeout_s() == 60
        display.call("prepare", images=[0])
        assert timeout_s() == 0
        display.call("close")
    assert timeout_s() == 300
    with driven_display(two_heads.environment) as display:
        display.call("open", folder=session)
        display.process.send_signal(signal.SIGKILL)
        display.process.wait()
    assert timeout_s() == 0
    with driven_display(two_heads.environment) as display:
        display.call("open", folder=session)
        display.call("close")
    assert timeout_s() == 300


def test_a_desktop_that_draws_windows_anew_is_told_of(two_heads, display, make_subject_session):
    session = str(make_subject_session())
    assert not display.call("open", folder=session)["has_compositor"]
    display.call("close")
    owner = two_heads.open_stranger(BESIDE_IT, bypasses_manager=True)
    owner.set_selection_owner(two_heads.connection.intern_atom("_NET_WM_CM_S0"), 0)
    two_heads.connection.sync()
    assert display.call("open", folder=session)["has_compositor"]
    display.call("close")


def test_no_count_of_blanks_is_believed_where_there_is_none(opened):
    _, display = opened
    assert display.call("facts")["frame_counter"] == "timer"


def test_evenness_is_measured_over_the_time_asked_for(opened):
    _, display = opened
    found = display.call("evenness", duration_s=2.0)
    assert found["duration_s"] >= 2.0
    assert found["n_intervals"] >= 0.5 * 120
