"""The window: a mean of samples and a grace; no single sample decides, and none is overlooked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.day.session import TrialSettings
from rig.machine.fixation import FixationWindow, boxcar_s, grace_s
from rig.ports.gaze import GazePoint, GazeSample
from tests.unit.artifacts.day.test_session import TRIAL

CENTRE, FAR, NEAR_BY = GazePoint(0.0, 0.0), GazePoint(0.0, -20.0), GazePoint(2.2, 0.0)
BOXCAR_S = 5 / 60


class Eye:
    """A window with a tracker of so many samples a second, its eye at rest in the middle for half a second."""

    def __init__(self, *, hz=60.0, grace_ms=1000 * BOXCAR_S / 2, rests=True):
        self.window = FixationWindow(radius_deg=2.0, boxcar_s=BOXCAR_S, grace_s=grace_ms / 1000, start_s=0.0)
        self._n, self._hz = 0, hz
        if rests:
            self.look(*[CENTRE] * round(hz / 2))
            assert self.window.acquired
            self.window.hold()

    def look(self, *points):
        samples = [GazeSample((self._n + k + 1) / self._hz, point) for k, point in enumerate(points)]
        self._n += len(points)
        self.window.add(samples, self._n / self._hz)
        return self.window

    def wait(self, seconds):
        self.window.add((), self._n / self._hz + seconds)
        return self.window


def test_a_single_sample_however_far_breaks_nothing():
    assert not Eye().look(FAR).broken


def test_a_blink_of_two_samples_breaks_nothing():
    assert not Eye().look(None, None).broken


def test_a_lost_eye_breaks_once_the_boxcar_is_empty():
    assert not Eye().look(None, None, None, None).broken
    assert Eye().look(None, None, None, None, None).broken


def test_most_samples_outside_break():
    assert not Eye().look(FAR, FAR).broken
    assert Eye().look(FAR, FAR, FAR).broken
    assert Eye().look(FAR, CENTRE, FAR, FAR).broken  # on end it was not as long


def test_an_eye_that_was_away_for_the_grace_has_left_though_it_came_back():
    assert Eye().look(FAR, FAR, FAR, CENTRE, CENTRE, CENTRE).broken


def test_an_eye_just_outside_has_left_after_the_grace_though_its_mean_is_inside():
    assert not Eye().look(NEAR_BY, NEAR_BY).broken
    assert Eye().look(NEAR_BY, NEAR_BY, NEAR_BY).broken


@pytest.mark.parametrize(
    ("grace_ms", "away_ms", "broken"), [(20, 33, True), (32, 33, True), (40, 33, False), (0, 2, True)]
)
def test_an_eye_ten_degrees_away_has_left_exactly_when_the_grace_is_shorter(grace_ms, away_ms, broken):
    eye = Eye(hz=1000.0, grace_ms=grace_ms)
    assert eye.look(*[GazePoint(10.0, 0.0)] * away_ms).broken == broken


def test_samples_between_two_frames_are_not_overlooked():
    # 25 ms away between two reads that both see the eye in the middle
    eye = Eye(hz=1000.0, grace_ms=20.0)
    assert eye.look(*[CENTRE] * 3, *[GazePoint(10.0, 0.0)] * 25, *[CENTRE] * 5).broken


def test_a_blink_of_a_fast_tracker_breaks_nothing_until_the_boxcar_is_empty():
    assert not Eye(hz=1000.0, grace_ms=20.0).look(*[None] * 80).broken
    assert Eye(hz=1000.0, grace_ms=20.0).look(*[None] * 86).broken


def test_a_tracker_without_samples_has_lost_the_eye_after_the_boxcar():
    assert not Eye().wait(0.08).broken
    assert Eye().wait(0.09).broken


def test_fixation_is_acquired_only_with_a_full_boxcar_whose_mean_lies_inside():
    assert not Eye(rests=False).look(*[CENTRE] * 4).acquired
    assert Eye(rests=False).look(*[CENTRE] * 5).acquired
    assert not Eye(rests=False).look(FAR, *[CENTRE] * 4).acquired  # mean of 4 degrees
    assert not Eye(rests=False).look(*[CENTRE] * 5, FAR).acquired


def test_what_the_eye_did_before_it_came_to_rest_breaks_nothing():
    eye = Eye(rests=False)
    assert eye.look(*[FAR] * 30, *[CENTRE] * 5).acquired
    eye.window.hold()
    assert not eye.look(CENTRE).broken


def test_the_window_is_round():
    assert not Eye().look(*[GazePoint(1.41, 1.41)] * 5).broken
    assert Eye().look(*[GazePoint(1.5, 1.5)] * 5).broken


def test_samples_from_before_the_trial_are_left_out():
    window = FixationWindow(radius_deg=2.0, boxcar_s=BOXCAR_S, grace_s=0.04, start_s=10.0)
    window.add([GazeSample(9.0 + k / 60, CENTRE) for k in range(60)], 10.0)
    assert not window.acquired


@given(st.lists(st.floats(-1.4, 1.4), min_size=1, max_size=20))
def test_a_steady_eye_within_the_radius_never_breaks(places):
    points = (GazePoint(x, y) for x, y in zip(places, reversed(places), strict=True))
    assert not Eye().look(*points).broken


def test_a_session_that_names_no_grace_has_half_of_its_boxcar():
    assert (boxcar_s(TRIAL), grace_s(TRIAL)) == (pytest.approx(5 / 60), pytest.approx(5 / 120))
    named = TrialSettings.model_validate(TRIAL.model_dump() | {"gaze_grace_ms": 20.0})
    assert grace_s(named) == 0.02
