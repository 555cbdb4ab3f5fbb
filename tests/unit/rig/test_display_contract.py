"""What every display promises; the headless one and the PsychoPy window both keep it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.display.display import BLANK, FIXATION, Picture
from rig.display.headless import HeadlessDisplay
from rig.display.pixel_audit import PixelAuditor
from rig.ports.clock import VirtualClock
from rig.session.folder import open_session
from rig.stop import HELD_S, StopRequest

# An even image in an odd window, three screen pixels an image pixel: the cases in which pixels go wrong unnoticed.
SCREEN = {"width_px": 321, "height_px": 241, "image_scale": 3, "refresh_hz": 50.0, "grey_level": 127}


@pytest.fixture
def session(make_session):
    return open_session(make_session(n_images=6, side_px=32, screen=SCREEN))


class DisplayContract:
    """Tests that any display passes; a subclass gives the fixture `display`."""

    def test_flips_are_reported_on_its_own_clock_and_move_forward(self, display):
        before_s = display.now_s()
        flips_s = [display.flip(BLANK).time_s for _ in range(5)]
        assert all(np.diff([before_s, *flips_s, display.now_s()]) >= 0)
        assert all(np.diff(flips_s) > 0)

    def test_a_call_at_the_flip_happens_once_and_only_at_its_flip(self, display):
        calls = []
        display.flip(FIXATION, at_flip=lambda: calls.append("code"))
        display.flip(FIXATION)
        assert calls == ["code"]

    def test_every_prepared_slot_can_be_shown(self, display):
        display.prepare([5, 0, 3])
        for slot in range(3):
            display.flip(Picture(slot=slot, fixation=True))

    def test_a_slot_that_was_not_prepared_is_refused(self, display):
        display.prepare([5, 0])
        with pytest.raises(ValueError, match="slot below 2, found 2"):
            display.flip(Picture(slot=2, fixation=True))

    def test_it_says_what_it_is(self, display):
        assert (display.facts.width_px, display.facts.height_px) == (321, 241)
        assert display.refresh_hz == pytest.approx(50.0, rel=0.02)
        assert (display.clock_kind == "virtual") == (display.utc() is None)


class TestHeadless(DisplayContract):
    @pytest.fixture
    def display(self):
        return HeadlessDisplay(VirtualClock(50.0), refresh_hz=50.0, width_px=321, height_px=241)

    def test_a_dropped_frame_makes_one_flip_last_two(self):
        display = HeadlessDisplay(VirtualClock(50.0), refresh_hz=50.0, width_px=1, height_px=1, dropped_frames=[2])
        assert [display.flip(BLANK).time_s for _ in range(4)] == [0.02, 0.04, 0.08, 0.10]


@pytest.fixture
def open_display(x_display, monkeypatch):
    """Open PsychoPy windows in this process."""
    for name in ("DISPLAY", "HOME", "PSYCHOPYNOPACKAGES"):
        monkeypatch.setenv(name, x_display[name])
    opened = []

    def open_one(session, **options):
        from rig.display.psychopy.display import PsychoPyDisplay

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PsychoPy's own, on import and in its window
            opened.append(PsychoPyDisplay(session, stop=options.pop("stop", StopRequest()), **options))
        return opened[-1]

    yield open_one
    for display in opened:
        display.close()


@pytest.mark.slow
@pytest.mark.display
class TestPsychoPy(DisplayContract):
    @pytest.fixture
    def display(self, open_display, session):
        return open_display(session)

    def test_every_pixel_of_an_even_image_in_an_odd_window_is_exact(self, open_display, session):
        auditor = PixelAuditor(session, 6)
        display = open_display(session, auditor=auditor)
        for trial in ((0, 1, 2), (3, 4, 5)):
            display.prepare(trial)
            for slot in range(3):
                display.flip(Picture(slot=slot, fixation=True))
        display.flip(BLANK)
        auditor.compare()
        report = auditor.report()
        assert report.read_back == "screen"
        assert (report.n_images, report.n_pixels, report.n_mismatched) == (6, 6 * 96 * 96, 0)

    def test_the_patch_is_white_with_an_image_and_black_without(self, open_display, session):
        from rig.display.psychopy.window import read_back

        display = open_display(session)
        display.prepare([0])
        levels = []
        for picture in (BLANK, Picture(slot=0, fixation=True), FIXATION):
            display.draw(picture)
            levels.append(set(read_back(0, 0, 24).ravel().tolist()))
            display.flip(picture)
        assert levels == [{0}, {255}, {0}]

    def test_the_background_has_the_planned_level_and_the_dot_lies_in_the_middle(self, open_display, session):
        from rig.display.psychopy.window import read_back

        display = open_display(session)
        display.draw(FIXATION)
        around = read_back(110, 70, 101)
        dot = np.argwhere((around != 127).any(axis=-1))
        assert around[dot[:, 0], dot[:, 1]].min() > 127
        assert np.abs(dot.mean(axis=0) - 50).max() <= 0.5
        assert np.ptp(dot, axis=0).max() + 1 in (4, 5)
        display.flip(FIXATION)

    def press(self, display, *names):
        from pyglet.window import key

        for name in names:
            display.window.winHandle.dispatch_event("on_key_press", getattr(key, name), 0)
        display.flip(BLANK)

    def lift_finger(self, display):
        until_s = display.now_s() + HELD_S
        while display.now_s() <= until_s:
            display.flip(BLANK)

    @pytest.mark.parametrize(("again", "is_stopped"), [("ESCAPE", True), ("Q", True), ("X", False)])
    def test_escape_is_confirmed_before_anybody_asks_for_keys_too(
        self, open_display, session, capsys, again, is_stopped
    ):
        stop = StopRequest()
        display = open_display(session, stop=stop)
        capsys.readouterr()
        self.press(display, "ESCAPE")
        assert not stop.requested
        assert capsys.readouterr().err == "Quit? Press q once more, or any other key to go on.\n"
        self.lift_finger(display)
        self.press(display, again)
        assert stop.requested == is_stopped
        assert display.keys() == ()

    def test_an_escape_that_waits_for_its_answer_is_the_operator_s_once_the_session_begins(self, open_display, session):
        stop = StopRequest()
        display = open_display(session, stop=stop)
        self.press(display, "R", "ESCAPE")
        assert display.keys() == ("escape",)  # the reward asked for before there was a session is none of it
        self.press(display, "ESCAPE")  # whoever reads these tells a finger from a key that is held down
        assert display.keys() == ("escape",)
        assert not stop.requested

    def test_a_screen_that_is_not_there_is_an_error(self, open_display, make_session):
        with pytest.raises(SessionError, match="expected screen 3, found 1 screens"):
            open_display(open_session(make_session("far", screen={"screen": 3})))

    def test_a_full_screen_of_another_size_is_an_error(self, open_display, make_session):
        with pytest.raises(SessionError, match=r"expected 320 x 240 pixels, found \d+ x \d+"):
            open_display(open_session(make_session("full", screen={"full_screen": True})))
