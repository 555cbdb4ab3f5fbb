"""How a stage's cost grows with the work: slopes of logarithms, and the line through the two largest sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.scaling.measured import LOOK, Row
from benchmarks.scaling.sizes import AXES

Cost = Literal["cpu_s", "wall_s", "peak_mb", "added_mb", "n_bytes"]

STAGES = (
    "start",
    "plan",
    "synthesize",
    "schedule",
    "present",
    "recording",
    "ingest",
    "refit",
    "evaluate",
    "queue",
    LOOK,
    "report",
    "export nwb",
    "export responses",
    "export brainscore",
)
"""In the order they are told in."""


@dataclass(frozen=True)
class Slope:
    """How one cost of a stage grows along one axis.

    Attributes
    ----------
    axis, stage, cost
        What grows with what.
    factors, values
        Sizes, and the cost at each.
    slope, standard_error
        Of the logarithms, by least squares; the standard error is NaN for two sizes.
    upper
        Slope between the two largest sizes, where fixed costs hide least.
    """

    axis: str
    stage: str
    cost: Cost
    factors: tuple[int, ...]
    values: tuple[float, ...]
    slope: float
    standard_error: float
    upper: float

    @property
    def ratio(self) -> float:
        """The cost at the largest size over that at the smallest."""
        return self.values[-1] / self.values[0]

    @property
    def a_unit(self) -> float:
        """Cost of one more of the small study's size, by the two largest sizes."""
        return (self.values[-1] - self.values[-2]) / (self.factors[-1] - self.factors[-2])


def measured_day(stage: str) -> int:
    """Return the day whose cost of a stage counts: the second one; of the start and of the queue, what comes before it.

    Parameters
    ----------
    stage
        Which.
    """
    return {"start": -1, "queue": 0}.get(stage, 1)


def log_slope(factors: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the logarithms and its standard error; NaN for that of two sizes.

    Parameters
    ----------
    factors, values
        Sizes and costs, positive.

    Examples
    --------
    >>> log_slope([1, 3, 10], [2, 18, 200])
    (2.0, 0.0)
    """
    x, y = np.log(np.asarray(factors, float)), np.log(np.asarray(values, float))
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    left = len(x) - 2
    rest = y - y.mean() - slope * centred
    error = math.sqrt(float(rest @ rest) / left / float(centred @ centred)) if left > 0 else math.nan
    return round(slope, 10), round(error, 10)


def slopes_of(rows: Sequence[Row]) -> list[Slope]:
    """Return every stage's slopes along every axis that was measured at two sizes at least.

    Parameters
    ----------
    rows
        Of all studies.
    """
    costs: tuple[Cost, ...] = ("cpu_s", "wall_s", "peak_mb", "added_mb", "n_bytes")
    return [
        slope
        for axis in AXES
        for stage in STAGES
        for cost in costs
        if (slope := _slope(axis, stage, cost, dict(_values(rows, axis, stage, cost)))) is not None
    ]


def _values(rows: Sequence[Row], axis: str, stage: str, cost: Cost) -> Iterator[tuple[int, float]]:
    """Yield the sizes of an axis with the cost: of the second day; of all but the first of the study of many days."""
    for row in rows:
        if row.stage != stage:
            continue
        if axis == "days" and row.axis == axis and row.day > 0:
            yield row.day, float(getattr(row, cost))
        elif axis != "days" and row.axis in (axis, "all") and row.day == measured_day(stage):
            yield row.factor, float(getattr(row, cost))


def _slope(axis: str, stage: str, cost: Cost, values: dict[int, float]) -> Slope | None:
    factors = tuple(sorted(factor for factor, value in values.items() if value > 0))
    if len(factors) < 2 or (stage == "start" and axis == "days"):
        return None
    found = tuple(values[factor] for factor in factors)
    slope, error = log_slope(factors, found)
    upper, _ = log_slope(factors[-2:], found[-2:])
    return Slope(axis, stage, cost, factors, found, slope, error, upper)
