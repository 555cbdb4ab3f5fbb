"""Where the animal is asked to look: a layout for the map, and other places to try the map at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Layout = Literal[5, 9, 13]

_CORNERS: Final = ((-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
_SIDES: Final = ((0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0))
_LAYOUTS: Final[dict[Layout, tuple[tuple[float, float], ...]]] = {
    5: ((0.0, 0.0), *_CORNERS),
    9: ((0.0, 0.0), *_CORNERS, *_SIDES),
    13: ((0.0, 0.0), *_CORNERS, *_SIDES, *((x / 2, y / 2) for x, y in _CORNERS)),
}
_OTHERS: Final = ((0.0, 0.0), (-0.5, 0.25), (0.25, 0.5), (0.5, -0.25), (-0.25, -0.5))
"""Of no layout but for the middle, where the animal fixates: what was not fitted tells how well the map fits."""


@dataclass(frozen=True)
class GazeTarget:
    """A point on the screen, degrees from its middle: right and up are positive."""

    x_deg: float
    y_deg: float


def layout_of(n_points: Layout, extent_deg: tuple[float, float]) -> tuple[GazeTarget, ...]:
    """Return the points that a map is fitted to, the middle first.

    Parameters
    ----------
    n_points
        5: the middle and the corners; 9: and the sides; 13: and half way to the corners.
    extent_deg
        From the middle to the right and to the upper edge of the layout, degrees.
    """
    return _scaled(_LAYOUTS[n_points], extent_deg)


def other_targets(extent_deg: tuple[float, float]) -> tuple[GazeTarget, ...]:
    """Return the points that a map is tried at.

    Parameters
    ----------
    extent_deg
        As of the layout.
    """
    return _scaled(_OTHERS, extent_deg)


def _scaled(points: tuple[tuple[float, float], ...], extent_deg: tuple[float, float]) -> tuple[GazeTarget, ...]:
    return tuple(GazeTarget(x * extent_deg[0], y * extent_deg[1]) for x, y in points)
