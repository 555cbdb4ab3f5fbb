"""What was measured at a rig, and when."""

from __future__ import annotations

import datetime

from pydantic import Field

from closedloop.artifacts.documents import Section

Plane = tuple[float, float, float]
"""Degrees at the tracker's (0, 0), per unit of its first value, per unit of its second."""


class GazeMap(Section):
    """From the two values of a tracker's sample, in its own units, to degrees from the fixation point."""

    x_deg: Plane = Field(description="degrees to the right: at (0, 0), and for each unit of its two values")
    y_deg: Plane = Field(description="degrees upwards, likewise")

    def to_degrees(self, first: float, second: float) -> tuple[float, float]:
        """Return where an eye looks: degrees to the right of the fixation point, and above it."""
        x, y = self.x_deg, self.y_deg
        return x[0] + x[1] * first + x[2] * second, y[0] + y[1] * first + y[2] * second


class GazeFit(Section):
    """How well the map of gaze fitted when it was made, and what it belongs to: any other rig needs one of its own."""

    source: str = Field(description="gaze.source that it was measured with")
    address: str | None = Field(default=None, description="gaze.address that it was measured with")
    error_deg: float = Field(ge=0, description="median distance between targets and where the map puts the eye")
    worst_deg: float = Field(ge=0, description="the largest of them")
    n_points: int = Field(ge=3, description="targets that the map was fitted to")
    is_validated: bool = Field(description="whether the errors are of targets that were shown again")
    distance_cm: float = Field(gt=0, description="from the eye to the screen on that day")
    width_cm: float = Field(gt=0, description="of the screen's picture on that day")


class Calibrations(Section):
    """When each was last measured; `rig check` says which are old."""

    gaze: datetime.date | None = Field(default=None, description="eye tracker, each day")
    reward: datetime.date | None = Field(default=None, description="millilitres for a time of the valve")
    luminance: datetime.date | None = Field(default=None, description="the screen's levels by a photometer, each year")
    gaze_map: GazeMap | None = Field(
        default=None, description="from the tracker's two values to degrees; null: it says degrees itself"
    )
    gaze_fit: GazeFit | None = Field(default=None, description="how well that map fitted, and what it belongs to")
