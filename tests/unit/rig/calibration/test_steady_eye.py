"""When an eye rests, in units of which nothing is known at first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rig.calibration.gaze.steady import RawEye, Rest
from rig.ports.gaze import GazePoint, GazeSample

UNITS = 40.0  # of a degree


def looked(place, *, hz: float = 500.0, noise: float = 0.0, lost=lambda _s: False, until_s: float = 1.0):
    """Return what is said at `until_s` of an eye that looks where `place` says at each time."""
    rng, eye = np.random.default_rng(1), RawEye()
    for time_s in np.arange(until_s - 0.5, until_s + 1e-9, 1 / hz):
        x, y = np.array(place(time_s)) + rng.normal(0, noise, 2)
        eye.add([GazeSample(float(time_s), None if lost(time_s) else GazePoint(float(x), float(y)))])
    return eye


def still(_time_s):
    return 512.0, -230.0


def saccade(time_s):
    return (512.0, -230.0) if time_s < 0.9 else (512.0 + 5 * UNITS, -230.0)


def drift(time_s):
    return 512.0 + 8 * UNITS * time_s, -230.0


@pytest.mark.parametrize("units", [None, UNITS])
@pytest.mark.parametrize(("hz", "noise"), [(60.0, 0.0), (60.0, 4.0), (500.0, 6.0), (1000.0, 0.0)])
def test_an_eye_at_rest_is_where_its_samples_are_on_average(units, hz, noise) -> None:
    rest = looked(still, hz=hz, noise=noise).rest(1.0, units_per_deg=units)
    assert isinstance(rest, Rest)
    assert (rest.first, rest.second) == pytest.approx((512.0, -230.0), abs=3 * noise / math.sqrt(0.15 * hz) + 1e-9)
    assert rest.n_samples == pytest.approx(0.2 * hz, abs=1)
    assert rest.scatter == pytest.approx(noise * math.sqrt(2), rel=3 / math.sqrt(4 * 0.2 * hz))


@pytest.mark.parametrize("units", [None, UNITS])
@pytest.mark.parametrize("noise", [0.0, 4.0])
@pytest.mark.parametrize("place", [saccade, drift])
def test_an_eye_that_moves_does_not_rest(units, noise, place) -> None:
    assert looked(place, noise=noise).rest(1.0, units_per_deg=units) == "the eye moves"


def test_a_tracker_that_drops_a_sample_now_and_then_is_taken() -> None:
    rest = looked(still, lost=lambda s: round(s * 500) % 11 == 3).rest(1.0, units_per_deg=None)
    assert isinstance(rest, Rest)
    assert (rest.first, rest.second) == (512.0, -230.0)


def test_a_blink_is_not_taken() -> None:
    said = looked(still, lost=lambda s: 0.85 <= s < 0.93).rest(1.0, units_per_deg=None)
    assert said == "the tracker has no eye: a blink, or it lost it"
    assert looked(still, lost=lambda s: s > 0.99).rest(1.0, units_per_deg=None) == said


def test_without_samples_of_now_nothing_is_said_of_the_eye() -> None:
    assert RawEye().rest(1.0, units_per_deg=None) == "no samples come from the tracker"
    assert looked(still).rest(1.5, units_per_deg=None) == "no samples come from the tracker"
    eye = RawEye()
    eye.add([GazeSample(0.99, GazePoint(1, 2)), GazeSample(1.0, GazePoint(1, 2))])
    assert eye.rest(1.0, units_per_deg=None) == "too few samples yet"


def test_what_came_before_another_target_is_forgotten() -> None:
    eye = looked(still)
    eye.forget()
    assert eye.newest is None
    assert eye.rest(1.0, units_per_deg=None) == "no samples come from the tracker"
