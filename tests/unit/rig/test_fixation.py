"""The window: a mean of samples, and no single sample decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rig.machine.fixation import FixationWindow
from rig.ports.gaze import GazePoint

CENTRE, FAR = GazePoint(0.0, 0.0), GazePoint(0.0, -20.0)


def window(*samples, n=5):
    made = FixationWindow(radius_deg=2.0, n_samples=n)
    for sample in samples:
        made.add(sample)
    return made


def test_a_single_sample_however_far_breaks_nothing():
    assert not window(CENTRE, CENTRE, CENTRE, CENTRE, FAR).broken


def test_a_blink_of_two_samples_breaks_nothing():
    assert not window(CENTRE, CENTRE, CENTRE, None, None).broken


def test_a_lost_eye_breaks_once_the_boxcar_is_empty():
    assert not window(CENTRE, None, None, None, None).broken
    assert window(CENTRE, None, None, None, None, None).broken


def test_most_samples_outside_break():
    assert window(CENTRE, CENTRE, FAR, FAR, FAR).broken


def test_an_eye_that_came_back_is_not_broken():
    assert not window(FAR, FAR, FAR, FAR, CENTRE).broken


def test_fixation_is_acquired_only_with_a_full_boxcar_whose_mean_lies_inside():
    assert not window(*[CENTRE] * 4).acquired
    assert window(*[CENTRE] * 5).acquired
    assert not window(FAR, *[CENTRE] * 4).acquired  # mean of 4 degrees


def test_the_window_is_round():
    assert not window(*[GazePoint(1.41, 1.41)] * 5).broken
    assert window(*[GazePoint(1.5, 1.5)] * 5).broken


def test_clearing_forgets_the_trial_before():
    made = window(*[CENTRE] * 5)
    made.clear()
    assert not made.acquired


@given(st.lists(st.floats(-1.4, 1.4), min_size=1, max_size=20))
def test_a_steady_eye_within_the_radius_never_breaks(places):
    made = window(*(GazePoint(x, y) for x, y in zip(places, reversed(places), strict=True)))
    assert not made.broken
