"""Points of a tracker whose distortion is known, and an operator who does what the page says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from closedloop.artifacts.rig.calibrations import GazeMap
from rig.calibration.gaze.fit import MeasuredPoint
from rig.calibration.gaze.simulated import Distortion
from rig.calibration.gaze.steady import Rest
from rig.calibration.gaze.targets import GazeTarget, layout_of

EXTENT = (10.0, 7.5)
FRAMES_A_PAGE = 6
A_SECOND = 10  # pages
MOST_PAGES = 2_000


def seen(distortion: Distortion, target: GazeTarget, *, off_deg: tuple[float, float] = (0.0, 0.0)) -> MeasuredPoint:
    """Return what a tracker says of an eye that looks at a target, or beside it."""
    point = distortion.to_units(target.x_deg + off_deg[0], target.y_deg + off_deg[1])
    return MeasuredPoint(target, Rest(point.x_deg, point.y_deg, scatter=1.0, n_samples=100))


def layout_seen(distortion: Distortion, n_points, *, noise_deg: float = 0.0, seed: int = 0) -> list[MeasuredPoint]:
    """Return a layout as seen by a tracker, the eye beside each target by a normal error on each axis."""
    rng = np.random.default_rng(seed)
    return [
        seen(distortion, one, off_deg=tuple(rng.normal(0, noise_deg, 2) if noise_deg else (0.0, 0.0)))
        for one in layout_of(n_points, EXTENT)
    ]


def field_errors_deg(gaze_map: GazeMap, distortion: Distortion) -> np.ndarray:
    """Return by how much a map is wrong about an eye, over the whole layout: from the distortion, not from targets."""
    errors = []
    for x in np.linspace(-EXTENT[0], EXTENT[0], 9):
        for y in np.linspace(-EXTENT[1], EXTENT[1], 9):
            raw = distortion.to_units(x, y)
            found = gaze_map.to_degrees(raw.x_deg, raw.y_deg)
            errors.append(math.dist(found, (x, y)))
    return np.array(errors)


class PatientOperator:
    """Takes a point when the page has said for a while that the eye rests, goes on when all are taken, and stores.

    Parameters
    ----------
    keys
        By what the page says: the first pattern that is found in it presses its key. What is not found is waited for.
    """

    def __init__(self, *keys: tuple[str, str]) -> None:
        self._keys = keys or ((r"store it\?", "y"), ("All are", "f"))
        self._n_rests, self._n_waited, self._at = 0, 0, ""
        self._n_frames = 0
        self._pressed: list[str] = []
        self.pages: list[str] = []

    def keys(self) -> list[str]:
        pressed, self._pressed = self._pressed, []
        return pressed

    def is_due(self) -> bool:
        self._n_frames += 1
        return self._n_frames % FRAMES_A_PAGE == 0

    def show(self, lines: Sequence[str]) -> None:
        page = "\n".join(lines)
        self.pages.append(page)
        self._n_waited += 1
        if len(self.pages) > MOST_PAGES:
            raise AssertionError(f"expected the end of the calibration, found:\n{page}")
        if self._n_waited < A_SECOND:  # a key that is pressed at once again is one that is held down
            return
        for pattern, key in self._keys:
            if re.search(pattern, page):
                self._press(key)
                return
        found = re.search(r"> +(\d+)", page)
        at = found[1] if found else ""
        self._n_rests = self._n_rests + 1 if at == self._at and "   rests" in page else 0
        self._at = at
        if self._n_rests >= 7:  # 0.7 s: longer than any reaction time
            self._press("space")

    def _press(self, key: str) -> None:
        self._n_rests = self._n_waited = 0
        self._pressed.append(key)
