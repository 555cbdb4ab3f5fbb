"""Does the eye rest, and where? In the tracker's own units, of which nothing is known before the first points."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rig.ports.gaze import GazePoint, GazeSample

WINDOW_S: Final = 0.2
"""Of the newest samples: a macaque rests for longer between two saccades, and a saccade takes a quarter of it."""

_LEAST_SAMPLES: Final = 6
_LEAST_SPAN: Final = 0.75  # of the window
_MOST_LOST: Final = 0.2  # of the samples; a tracker drops one now and then, a blink takes all
_LARGEST_STEP: Final = 3.0  # from half to half, in units of the scatter within: of an even drift it is 3.5
_MOST_SCATTER_DEG: Final = 0.5
_LARGEST_STEP_DEG: Final = 0.5


@dataclass(frozen=True)
class Rest:
    """Where the eye rested.

    Attributes
    ----------
    first, second
        Means of the tracker's two values, its units.
    scatter
        Root of the mean squared distance of the samples from their mean, its units.
    n_samples
        How many there were.
    """

    first: float
    second: float
    scatter: float
    n_samples: int


class RawEye:
    """The newest samples of a tracker that is opened without a map."""

    def __init__(self) -> None:
        self._samples: deque[GazeSample] = deque()

    def forget(self) -> None:
        """Forget the samples: another target is shown, and what came before was of the last one."""
        self._samples.clear()

    def add(self, samples: Iterable[GazeSample]) -> None:
        """Take samples, oldest first."""
        self._samples.extend(samples)
        while self._samples and self._samples[-1].time_s - self._samples[0].time_s > WINDOW_S:
            self._samples.popleft()

    @property
    def newest(self) -> GazePoint | None:
        """The last sample in the tracker's units; None without an eye."""
        return self._samples[-1].point if self._samples else None

    def rest(self, now_s: float, *, units_per_deg: float | None) -> Rest | str:
        """Return where the eye rests, or in words why it cannot be said.

        Parameters
        ----------
        now_s
            The time, on the clock of the samples.
        units_per_deg
            How far the tracker's values move for a degree, where that is known by now: then what is called rest is
            the same for every tracker. Before, the two halves of the window have to lie as near to each other as the
            samples of each lie together.
        """
        samples = [one for one in self._samples if now_s - one.time_s <= WINDOW_S]
        points = [one.point for one in samples if one.point is not None]
        if not samples:
            return "no samples come from the tracker"
        if samples[-1].point is None or len(points) < (1.0 - _MOST_LOST) * len(samples):
            return "the tracker has no eye: a blink, or it lost it"
        if len(points) < _LEAST_SAMPLES or samples[-1].time_s - samples[0].time_s < _LEAST_SPAN * WINDOW_S:
            return "too few samples yet"
        mean, scatter = _mean(points), _scatter(points)
        half = len(points) // 2
        step = math.dist(_mean(points[:half]), _mean(points[half:]))
        within = math.sqrt((_scatter(points[:half]) ** 2 + _scatter(points[half:]) ** 2) / 2)
        if units_per_deg is None:
            is_moving = step > _LARGEST_STEP * within
        else:
            is_moving = step > _LARGEST_STEP_DEG * units_per_deg or scatter > _MOST_SCATTER_DEG * units_per_deg
        if is_moving:
            return "the eye moves"
        return Rest(*mean, scatter=scatter, n_samples=len(points))


def _mean(points: Sequence[GazePoint]) -> tuple[float, float]:
    return math.fsum(one.x_deg for one in points) / len(points), math.fsum(one.y_deg for one in points) / len(points)


def _scatter(points: Sequence[GazePoint]) -> float:
    x, y = _mean(points)
    return math.sqrt(math.fsum((one.x_deg - x) ** 2 + (one.y_deg - y) ** 2 for one in points) / len(points))
