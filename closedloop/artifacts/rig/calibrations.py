"""What was measured at a rig, and when."""

from __future__ import annotations

import datetime

from pydantic import Field

from closedloop.artifacts.documents import Section

Plane = tuple[float, float, float]
"""Degrees at the tracker's (0, 0), per unit of its first value, per unit of its second."""


class GazeMap(Section):
    """From the two values of a tracker's sample, in its own units, to degrees from the fixation point."""

    x_deg: Plane
    y_deg: Plane

    def to_degrees(self, first: float, second: float) -> tuple[float, float]:
        """Return where an eye looks: degrees to the right of the fixation point, and above it."""
        x, y = self.x_deg, self.y_deg
        return x[0] + x[1] * first + x[2] * second, y[0] + y[1] * first + y[2] * second


class Calibrations(Section):
    """When each was last measured; `rig check` says which are old."""

    gaze: datetime.date | None = None
    reward: datetime.date | None = None
    luminance: datetime.date | None = None
    gaze_map: GazeMap | None = Field(default=None, description="null: the tracker itself says degrees")
