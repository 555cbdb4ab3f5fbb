"""What was measured, as tables of docs/scaling.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.scaling.measured import PAGES, Row
from benchmarks.scaling.sizes import AXES
from benchmarks.scaling.slopes import STAGES, Cost, Slope

STEEP = 1.1
"""A slope that is more grows faster than the work."""

_NOTICED = {"cpu_s": 0.25, "wall_s": 0.25, "peak_mb": 10.0, "added_mb": 10.0, "n_bytes": 1e5}
"""A cost that grows by less in all is told by its sizes, without a slope: fixed costs and noise are most of it."""

_UNITS = {
    "cpu_s": "CPU-s",
    "wall_s": "s",
    "peak_mb": "MB",
    "added_mb": "MB more than at its begin",
    "n_bytes": "MB on disk",
}


def slopes_table(slopes: Sequence[Slope], cost: Cost) -> Iterator[str]:
    """Yield a row a stage: along every axis the cost at both ends, its slope with the standard error, the upper slope.

    Parameters
    ----------
    slopes
        Of all stages and axes.
    cost
        Which.
    """
    axes = [axis for axis in AXES if axis != "days"]
    yield f"| {_UNITS[cost]} | " + " | ".join(axes) + " |"
    yield "|---|" + "---|" * len(axes)
    for stage in STAGES:
        cells = [_cell(slope) for axis in axes for slope in [_find(slopes, axis, stage, cost)]]
        if any(cells):
            yield f"| {stage} | " + " | ".join(cell or "" for cell in cells) + " |"


def days_table(slopes: Sequence[Slope]) -> Iterator[str]:
    """Yield a row a stage: what the first and the last day of a study of many days take.

    Parameters
    ----------
    slopes
        Of all stages and axes.
    """
    found = [slope for slope in slopes if slope.axis == "days"]
    if not found:
        return
    first, last = found[0].factors[0], max(slope.factors[-1] for slope in found)
    yield f"| | CPU-s, day {first} | day {last} | slope | MB more than at its begin, day {first} | day {last} |"
    yield "|---|---|---|---|---|---|"
    for stage in STAGES:
        cpu, memory = _find(found, "days", stage, "cpu_s"), _find(found, "days", stage, "added_mb")
        if cpu and len(cpu.factors) > 2:
            ends = f"{memory.values[0]:.0f} | {memory.values[-1]:.0f}" if memory else "|"
            yield f"| {stage} | {cpu.values[0]:.2f} | {cpu.values[-1]:.2f} | {_of(cpu)} | {ends} |"


def steep(slopes: Sequence[Slope]) -> Iterator[str]:
    """Yield a line for what grows faster than its work.

    Parameters
    ----------
    slopes
        Of all stages and axes.
    """
    for slope in slopes:
        if _is_steep(slope) and slope.cost != "wall_s":
            values = ", ".join(f"{value / (1e6 if slope.cost == 'n_bytes' else 1):.4g}" for value in slope.values)
            yield f"steep: {slope.stage} over {slope.axis}, {_UNITS[slope.cost]}: {values}; {_of(slope)}"


def totals_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a row a study: what its last day shows and what all of it took.

    Parameters
    ----------
    rows
        Of all studies.
    """
    yield "| study | presentations | images | attacks | CPU-s of its last day | bytes of it | all pages, CPU-s |"
    yield "|---|---|---|---|---|---|---|"
    for study in dict.fromkeys(row.study for row in rows):
        own = [row for row in rows if row.study == study]
        last = max(own, key=lambda row: row.n_presentations and row.day)
        day = [row for row in own if row.day == last.day and row.stage in STAGES[1:10]]
        pages = next((f"{row.cpu_s:.1f}" for row in own if row.stage == PAGES), "")
        shown = f"{last.n_presentations:,} | {last.n_images:,} | {last.n_attacks:,}"
        cpu_s, n_bytes = sum(row.cpu_s for row in day), sum(row.n_bytes for row in day)
        yield f"| {study} | {shown} | {cpu_s:.1f} | {n_bytes:,} | {pages} |"


def _find(slopes: Sequence[Slope], axis: str, stage: str, cost: Cost) -> Slope | None:
    return next((one for one in slopes if (one.axis, one.stage, one.cost) == (axis, stage, cost)), None)


def _grows(slope: Slope) -> bool:
    return max(slope.values) - min(slope.values) > _NOTICED[slope.cost]


def _cell(slope: Slope | None) -> str:
    if slope is None:
        return ""
    first, last = (slope.values[place] / (1e6 if slope.cost == "n_bytes" else 1) for place in (0, -1))
    ends = f"{first:.3g} to {last:.3g}"
    return f"{ends}: {_of(slope)}" if _grows(slope) else f"{ends}: -"


def _of(slope: Slope) -> str:
    error = "" if math.isnan(slope.standard_error) else f" +- {slope.standard_error:.2f}"
    upper = f" ({slope.upper:.2f})"
    said = f"{slope.slope:.2f}{error}{upper if len(slope.factors) == 3 else ''}"
    return f"**{said}**" if _is_steep(slope) else said


def _is_steep(slope: Slope) -> bool:
    """Return whether a cost grows faster than the work; of neighbouring days alone nothing is told."""
    steepest = slope.slope if slope.axis == "days" else max(slope.slope, slope.upper)
    return _grows(slope) and steepest > STEEP
