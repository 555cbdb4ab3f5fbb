"""Flashes of the patch, as the rig shows and keeps them."""

from __future__ import annotations

import itertools

import pytest

from closedloop.artifacts.rig.light import FLASHES_NAME, FlashesDocument
from closedloop.errors import SessionError
from rig.calibration.flashing import flash_and_keep
from rig.calibration.patch_session import patch_session
from rig.display.headless import HeadlessDisplay
from rig.display.placement import place
from rig.ports.clock import VirtualClock
from rig.stop import StopRequest


class Film(HeadlessDisplay):
    """Remembers what each frame showed."""

    def __init__(self, *, dropped=(), covered_at=None):
        super().__init__(VirtualClock(60.0), refresh_hz=60.0, width_px=800, height_px=600, dropped_frames=dropped)
        self.frames, self._covered_at = [], covered_at

    def flip(self, picture, *, at_flip=None):
        shown = super().flip(picture, at_flip=at_flip)
        self.frames += [picture.slot is not None] * shown.n_frames
        return shown

    def health(self):
        return ("a window covers it",) if self._covered_at and len(self.frames) > self._covered_at else ()


class TimedCodes:
    """Remembers which code left when."""

    transport = "parallel"

    def __init__(self, display, fails_at=None):
        self._display, self._fails_at, self.sent = display, fails_at, []

    def send(self, code):
        if self._fails_at == len(self.sent):
            raise SessionError("parallel port: expected to send a code, found it gone.")
        self.sent.append((code, self._display.now_s()))

    def close(self):
        pass


def flashed(tmp_path, rig, display, codes, *, n=30, stop=None):
    path = tmp_path / FLASHES_NAME
    n_shown = flash_and_keep(display, codes, rig, path, n_flashes=n, stop=stop or StopRequest())
    document = FlashesDocument.read(path)
    assert len(document.flashes) == n_shown
    return document


def test_each_flash_has_its_code_at_its_flip_and_six_frames(tmp_path, rig_document):
    display = Film()
    codes = TimedCodes(display)
    document = flashed(tmp_path, rig_document, display, codes)
    assert [(one.code, one.time_s) for one in document.flashes] == codes.sent
    assert [one.code for one in document.flashes] == list(range(1, 31))
    runs = [(lit, len(list(frames))) for lit, frames in itertools.groupby(display.frames)]
    assert [n for lit, n in runs if lit] == [6] * 30
    gaps = [n for lit, n in runs if not lit][1:-1]
    assert min(gaps) >= 12
    assert max(gaps) <= 26
    assert len(set(gaps)) > 5  # no rhythm
    onsets = [at for at, (before, now) in enumerate(itertools.pairwise([False, *display.frames])) if now > before]
    assert [round(one.time_s * 60) - 1 for one in document.flashes] == onsets


def test_a_flash_with_a_missed_frame_is_kept_as_it_was(tmp_path, rig_document):
    display = Film(dropped=range(40, 400, 5))
    document = flashed(tmp_path, rig_document, display, TimedCodes(display))
    lit = [len(list(frames)) for is_lit, frames in itertools.groupby(display.frames) if is_lit]
    assert max(lit) > 6
    assert sum(one.n_frames for one in document.flashes) <= sum(lit)


def test_what_was_flashed_before_a_fault_is_kept(tmp_path, rig_document):
    display = Film()
    with pytest.raises(SessionError, match="expected to send a code"):
        flashed(tmp_path, rig_document, display, TimedCodes(display, fails_at=7))
    assert len(FlashesDocument.read(tmp_path / FLASHES_NAME).flashes) == 7


def test_a_window_over_the_screen_ends_it(tmp_path, rig_document):
    display = Film(covered_at=200)
    with pytest.raises(SessionError, match="expected the flashes to be seen, found that a window covers it"):
        flashed(tmp_path, rig_document, display, TimedCodes(display))


def test_a_stop_ends_it_and_keeps_what_was_flashed(tmp_path, rig_document):
    display, stop = Film(), StopRequest()
    codes = TimedCodes(display)
    send = codes.send
    codes.send = lambda code: (send(code), stop.ask() if code == 5 else None)
    assert len(flashed(tmp_path, rig_document, display, codes, stop=stop).flashes) == 5


@pytest.mark.parametrize("size", [(1920, 1080), (800, 600), (320, 240), (1080, 1920)])
def test_squares_and_patch_fit_on_every_screen(rig_document, size):
    screen = rig_document.subject_screen.model_copy(update={"width_px": size[0], "height_px": size[1]})
    document = patch_session(rig_document.model_copy(update={"subject_screen": screen}), [127]).document
    placed = place(document.screen, document.image_side_px)
    assert placed.image.side_px >= min(size) / 4
    assert placed.distance_cm == pytest.approx(screen.distance_cm)
