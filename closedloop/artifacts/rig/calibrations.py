"""What was measured at a rig, and when."""

from __future__ import annotations

import datetime
import math

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section

Planes = tuple[float, float, float]
"""Degrees at the tracker's (0, 0), per unit of its first value, per unit of its second."""

_ON_A_LINE = 1e-6  # the sine of the angle between two directions: no eye tracker's are so near to each other


class GazeMap(Section):
    """From the two values of a tracker's sample, in its own units, to degrees from the fixation point."""

    x_deg: Planes = Field(description="degrees to the right: at (0, 0), and for each unit of its two values")
    y_deg: Planes = Field(description="degrees upwards, likewise")

    @model_validator(mode="after")
    def _two_values_are_two_directions(self) -> GazeMap:
        (_, a, b), (_, c, d) = self.x_deg, self.y_deg
        turned, sizes = abs(a * d - b * c), math.hypot(a, c) * math.hypot(b, d)
        if not (math.isfinite(sizes) and turned > _ON_A_LINE * sizes):
            raise ValueError(
                "expected slopes by which each of the tracker's two values moves gaze in a direction of its own, found "
                f"{a:g} and {b:g} for x_deg, {c:g} and {d:g} for y_deg: wherever the eye looked, it would be at one "
                "place or on a line. Calibrate again: rig calibrate gaze"
            )
        return self

    def to_degrees(self, first: float, second: float) -> tuple[float, float]:
        """Return where an eye looks: degrees to the right of the fixation point, and above it."""
        x, y = self.x_deg, self.y_deg
        return x[0] + x[1] * first + x[2] * second, y[0] + y[1] * first + y[2] * second


class GazeFit(Section):
    """How well the map of gaze fitted when it was made, and what it belongs to: any other rig needs one of its own."""

    source: str = Field(description="gaze.source that it was measured with")
    address: str | None = Field(default=None, description="gaze.address that it was measured with")
    values: str | None = Field(
        default=None, description="which of its values: gaze.eye, unit and channels of that day; null: not noted"
    )
    error_deg: float = Field(ge=0, description="median distance between targets and where the map puts the eye")
    worst_deg: float = Field(ge=0, description="the largest of them")
    n_points: int = Field(ge=3, description="targets that the map was fitted to")
    is_validated: bool = Field(description="whether the errors are of other points, shown to try the map")
    distance_cm: float = Field(gt=0, description="from the eye to the screen on that day")
    width_cm: float = Field(gt=0, description="of the screen's picture on that day")


class LightDelay(Section):
    """How long after a flip the screen is bright under the photodiode, by edges in a recording."""

    latency_ms: float = Field(ge=-100, le=1_000, description="from the code of a flip to light, median")
    jitter_ms: float = Field(ge=0, description="standard deviation of it")
    n_flashes: int = Field(ge=1, description="that both code and light were seen of")
    n_missed: int | None = Field(default=None, ge=0, description="without light; null: not counted")
    n_extra: int | None = Field(
        default=None, ge=0, description="edges of light that belong to no flash; null: not counted"
    )


class ValveVolume(Section):
    """What an opening of the valve gives: ml_at_zero + ml_per_ms for each ms, by weighing."""

    ml_per_ms: float = Field(gt=0)
    ml_at_zero: float = Field(description="where the line meets 0 ms; below 0: the valve takes a while to open")
    ml_per_ms_error: float = Field(ge=0, description="standard error")
    ml_at_zero_error: float = Field(ge=0, description="standard error")
    shortest_ms: float = Field(gt=0, description="what was measured; outside of it nothing is known")
    longest_ms: float = Field(gt=0)
    leak_ml_per_min: float | None = Field(default=None, description="of the closed valve; null: not measured")

    @model_validator(mode="after")
    def _shortest_is_shorter(self) -> ValveVolume:
        if self.shortest_ms > self.longest_ms:
            raise ValueError(
                f"longest_ms: expected {self.shortest_ms:g} (shortest_ms) at least, found {self.longest_ms:g}. Weigh "
                "again: rig calibrate valve"
            )
        return self

    def ml(self, duration_ms: float) -> float | None:
        """Return what an opening gives; None where none of that length was measured."""
        is_known = self.shortest_ms <= duration_ms <= self.longest_ms
        return self.ml_at_zero + self.ml_per_ms * duration_ms if is_known else None


class ScreenGamma(Section):
    """Luminance of the screen's grey levels: darkest + (brightest - darkest) * (level / 255) ** gamma."""

    gamma: float = Field(gt=0, description="2.2 is what images are made for")
    darkest_cd_m2: float = Field(ge=0, description="of level 0, by the fit")
    brightest_cd_m2: float = Field(gt=0, description="of level 255, by the fit")
    worst_error: float = Field(ge=0, description="of the fit, as a share of the brightest")
    n_levels: int = Field(ge=4, description="grey levels measured")

    @model_validator(mode="after")
    def _brightest_is_brighter(self) -> ScreenGamma:
        if self.darkest_cd_m2 >= self.brightest_cd_m2:
            raise ValueError(
                f"brightest_cd_m2: expected more than {self.darkest_cd_m2:g} (darkest_cd_m2), found "
                f"{self.brightest_cd_m2:g}. Measure again: rig calibrate gamma"
            )
        return self


class Calibrations(Section):
    """When each was last measured; `rig check` says which are old."""

    gaze: datetime.date | None = Field(default=None, description="eye tracker, each day")
    reward: datetime.date | None = Field(default=None, description="millilitres for a time of the valve")
    luminance: datetime.date | None = Field(default=None, description="the screen's levels by a photometer, each year")
    photodiode: datetime.date | None = Field(default=None, description="light after a flip, by a recording, each year")
    gaze_map: GazeMap | None = Field(
        default=None, description="from the tracker's two values to degrees; null: it says degrees itself"
    )
    gaze_fit: GazeFit | None = Field(default=None, description="how well that map fitted, and what it belongs to")
    light: LightDelay | None = Field(default=None, description="how long after a flip the screen is bright")
    valve: ValveVolume | None = Field(default=None, description="what an opening of the valve gives")
    gamma: ScreenGamma | None = Field(default=None, description="luminance of the screen's grey levels")
