"""The map from a tracker's two values to degrees: affine, by least squares, with at most one point left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.rig.calibrations import GazeMap
from rig.calibration.gaze.steady import Rest
from rig.calibration.gaze.targets import GazeTarget

LEAST_POINTS: Final = 5
"""Six numbers are fitted to two of each point; with four points nobody could say which one is wrong."""

_BAD_DEG: Final = 1.0  # an eye that looks at the target is nearer than that
_BAD_FACTOR: Final = 5.0  # and what is wrong with a point is more than what is wrong with all
_FLAT: Final = 1e-3  # the smaller spread of the raw points against the larger: they lie on a line


@dataclass(frozen=True)
class MeasuredPoint:
    """A target, and where the eye rested as it was shown."""

    target: GazeTarget
    rest: Rest


@dataclass(frozen=True)
class FittedMap:
    """A map, and how it fits.

    Attributes
    ----------
    gaze_map
        From the tracker's units to degrees.
    errors_deg
        Of each point that it was made from, and of the one left out: from its target to where the map puts the eye.
    bad
        Place of the point that does not fit the others and was left out; None where all fit.
    """

    gaze_map: GazeMap
    errors_deg: tuple[float, ...]
    bad: int | None


class NoMapError(Exception):
    """The points make no map; says why."""


def fit_map(points: Sequence[MeasuredPoint]) -> FittedMap:
    """Fit a map, without the one point that does not belong to the others, if there is such a one.

    The suspect is the point without which the others fit best. It is bad if the map of the others misses it by more
    than a degree, and by five times as much as it misses them.

    Parameters
    ----------
    points
        At least `LEAST_POINTS`.

    Raises
    ------
    NoMapError
        There are too few, or the tracker's values hardly differ between them or lie on a line.
    """
    if len(points) < LEAST_POINTS:
        raise NoMapError(f"expected at least {LEAST_POINTS} points, found {len(points)}. Measure more")
    bad = _bad_point(points)
    kept = [one for place, one in enumerate(points) if place != bad]
    gaze_map = _affine(kept)
    return FittedMap(gaze_map, errors_deg(gaze_map, points), bad)


def errors_deg(gaze_map: GazeMap, points: Sequence[MeasuredPoint]) -> tuple[float, ...]:
    """Return the distance from each target to where a map puts the eye, degrees."""
    found = [gaze_map.to_degrees(one.rest.first, one.rest.second) for one in points]
    return tuple(
        float(np.hypot(x - one.target.x_deg, y - one.target.y_deg)) for (x, y), one in zip(found, points, strict=True)
    )


def left_out_errors_deg(points: Sequence[MeasuredPoint]) -> tuple[float, ...]:
    """Return the error of each point by the map of all the others, degrees: what a map misses that it has not seen."""
    return tuple(_error_without(points, place)[0] for place in range(len(points)))


def units_per_deg(points: Sequence[MeasuredPoint]) -> float | None:
    """Return how far the tracker's values move for a degree: the median over pairs of points; None before two."""
    ratios = [
        float(np.hypot(one.rest.first - other.rest.first, one.rest.second - other.rest.second)) / apart
        for number, one in enumerate(points)
        for other in points[:number]
        if (apart := float(np.hypot(one.target.x_deg - other.target.x_deg, one.target.y_deg - other.target.y_deg)))
    ]
    return median(ratios) if ratios else None


def _bad_point(points: Sequence[MeasuredPoint]) -> int | None:
    trials = [_error_without(points, place) for place in range(len(points))]
    place = min(range(len(points)), key=lambda one: trials[one][1])
    error, others = trials[place]
    return place if error > max(_BAD_DEG, _BAD_FACTOR * others) else None


def _error_without(points: Sequence[MeasuredPoint], place: int) -> tuple[float, float]:
    """Return by how much the map of the other points misses one, and them (root of the mean square), degrees."""
    others = [one for number, one in enumerate(points) if number != place]
    gaze_map = _affine(others)
    missed = np.array(errors_deg(gaze_map, others))
    return errors_deg(gaze_map, [points[place]])[0], float(np.sqrt(np.mean(missed**2)))


def _affine(points: Sequence[MeasuredPoint]) -> GazeMap:
    raw: NDArray[np.float64] = np.array([(one.rest.first, one.rest.second) for one in points])
    degrees: NDArray[np.float64] = np.array([(one.target.x_deg, one.target.y_deg) for one in points])
    middle = raw.mean(axis=0)
    around = raw - middle  # raw values may be thousands: what is fitted is small against them
    spread = np.linalg.svd(around, compute_uv=False)
    if spread[1] <= _FLAT * spread[0]:
        raise NoMapError(
            "expected the tracker's two values to move with the eye, found them on a line or nearly at one place. "
            "Look whether it sees the eye, and measure again"
        )
    slopes, *_ = np.linalg.lstsq(around, degrees - degrees.mean(axis=0))
    x_deg, y_deg = (
        (float(start), float(slope[0]), float(slope[1]))
        for start, slope in zip(degrees.mean(axis=0) - middle @ slopes, slopes.T, strict=True)
    )
    return GazeMap(x_deg=x_deg, y_deg=y_deg)
