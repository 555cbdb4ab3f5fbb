"""The map from a tracker's units to degrees: exact without noise, near with it, and not spoilt by one bad point."""

from __future__ import annotations

import numpy as np
import pytest

from rig.calibration.gaze.fit import NoMapError, fit_map, left_out_errors_deg, units_per_deg
from rig.calibration.gaze.simulated import Distortion
from rig.calibration.gaze.targets import GazeTarget, layout_of, other_targets
from tests.unit.rig.calibration.eyes import EXTENT, field_errors_deg, layout_seen, seen

DISTORTIONS = [
    Distortion(),
    Distortion(
        first=(0.5, 0.02, 0.001), second=(0.5, 0.0005, -0.03)
    ),  # parts of the screen, from its upper left corner
    Distortion(first=(-2100.0, 3.0, 140.0), second=(900.0, 151.0, -8.0)),  # a camera on its side
]


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("n_points", [5, 9, 13])
def test_an_affine_distortion_is_undone(distortion, n_points) -> None:
    fitted = fit_map(layout_seen(distortion, n_points))
    assert fitted.bad is None
    assert field_errors_deg(fitted.gaze_map, distortion).max() < 1e-9
    assert max(fitted.errors_deg) < 1e-9


def test_the_map_is_that_of_least_squares() -> None:
    points = layout_seen(Distortion(), 9, noise_deg=0.3, seed=4)
    design = np.array([(1.0, one.rest.first, one.rest.second) for one in points])
    wanted, *_ = np.linalg.lstsq(design, np.array([(one.target.x_deg, one.target.y_deg) for one in points]), rcond=None)
    fitted = fit_map(points)
    assert fitted.bad is None
    assert fitted.gaze_map.x_deg == pytest.approx(wanted[:, 0])
    assert fitted.gaze_map.y_deg == pytest.approx(wanted[:, 1])


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("n_points", [5, 9, 13])
@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_one_bad_point_is_named_and_left_out(distortion, n_points, wrong) -> None:
    points = layout_seen(distortion, n_points, noise_deg=0.05, seed=n_points)
    points[wrong] = seen(distortion, points[wrong].target, off_deg=(-3.0, 2.0))
    fitted = fit_map(points)
    assert fitted.bad == wrong
    assert fitted.errors_deg[wrong] == pytest.approx(np.hypot(3.0, 2.0), abs=0.3)
    assert field_errors_deg(fitted.gaze_map, distortion).max() < 0.3
    assert max(error for place, error in enumerate(fitted.errors_deg) if place != wrong) < 4 * 0.05  # four sigma


@pytest.mark.parametrize("seed", range(20))
def test_noise_makes_no_point_bad(seed) -> None:
    assert fit_map(layout_seen(Distortion(), 5, noise_deg=0.15, seed=seed)).bad is None


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (layout_seen(Distortion(), 5)[:4], "expected at least 5 points, found 4"),
        (layout_seen(Distortion(first=(0.0, 0.0, 0.0), second=(0.0, 0.0, 0.0)), 5), "on a line or nearly at one place"),
        (layout_seen(Distortion(first=(0.0, 4.0, 0.0), second=(3.0, 2.0, 0.0)), 9), "on a line or nearly at one place"),
    ],
)
def test_what_makes_no_map_is_refused(points, said) -> None:
    with pytest.raises(NoMapError, match=said):
        fit_map(points)


def test_the_error_of_a_point_left_out_is_that_of_the_map_of_the_others() -> None:
    points = layout_seen(Distortion(), 9, noise_deg=0.2, seed=2)
    left_out, fitted = left_out_errors_deg(points), fit_map(points).errors_deg
    assert all(one > other for one, other in zip(left_out, fitted, strict=True))  # what is fitted is fitted better
    others = fit_map(points[1:])
    x, y = others.gaze_map.to_degrees(points[0].rest.first, points[0].rest.second)
    assert left_out[0] == pytest.approx(np.hypot(x - points[0].target.x_deg, y - points[0].target.y_deg))


def test_the_units_of_a_degree_are_known_from_two_points_on() -> None:
    even = Distortion(first=(7.0, 40.0, 0.0), second=(-3.0, 0.0, -40.0))
    points = layout_seen(even, 5)
    assert units_per_deg(points[:1]) is None
    assert units_per_deg(points[:2]) == pytest.approx(40.0)
    assert units_per_deg(points) == pytest.approx(40.0)


def test_layouts_have_their_number_of_points_and_others_lie_between() -> None:
    for n_points in (5, 9, 13):
        layout = layout_of(n_points, EXTENT)
        assert len(set(layout)) == n_points
        assert layout[0] == GazeTarget(0.0, 0.0)
        assert {GazeTarget(x, y) for x in (-10.0, 10.0) for y in (-7.5, 7.5)} <= set(layout)
        assert not set(other_targets(EXTENT)[1:]) & set(layout)
