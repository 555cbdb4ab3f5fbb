"""Charts as data: the page draws them, and shows the same numbers as a table to who sees no charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from closedloop.report.tables import Table
from closedloop.report.wording import number, span

LineLook = Literal["", "site", "second", "truth", "bound", "gaussian", "linear", "other", "yesterday", "faint"]
Mark = Literal["", "circle", "open", "square", "triangle", "down", "diamond", "dot"]
Dash = Literal["", "solid", "dashed", "dotted", "none"]

_MOST_COLUMNS = 20  # of a table


@dataclass(frozen=True)
class ChartLine:
    """One line of a chart.

    Attributes
    ----------
    label
        What it is.
    y
        A value for each x of the chart; None where there is none.
    low, high
        The interval around each value, where it has one; empty otherwise.
    short
        Its name beside its last point; empty for none.
    look
        What its colour stands for; empty for the next one in turn. Lines that are `faint` stand together in the legend.
    mark, dash
        What tells it apart without its colour; empty for the next ones in turn.
    shift
        How far it is drawn beside its x, in units of x (of its logarithm on a logarithmic axis).
    """

    label: str
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    short: str = ""
    look: LineLook = ""
    mark: Mark = ""
    dash: Dash = ""
    shift: float = 0.0


@dataclass(frozen=True)
class ChartLevel:
    """A horizontal line that a chart is read against."""

    label: str
    y: float


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes
    ----------
    name
        Of letters, digits, - and _; one chart of a panel by that name.
    title
        Above it.
    x_label, y_label
        With units.
    x
        Ascending.
    lines
        Drawn each with its own dashes and points, so that they are told apart without colours.
    levels
        What the lines are read against.
    lowest, highest
        Of y, where the scale is not to follow the numbers.
    faint_label
        What the faint lines are, in the legend.
    caption
        Below it.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    lines: tuple[ChartLine, ...]
    levels: tuple[ChartLevel, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    faint_label: str = ""
    caption: str = ""

    @property
    def table(self) -> Table:
        """Its numbers: a row a line, or where there are many x a row an x."""
        levels = ". ".join(f"{level.label}: {number(level.y)}" for level in self.levels)
        cells = [[_cell(line, place) for place in range(len(self.x))] for line in self.lines]
        if len(self.x) > _MOST_COLUMNS:
            columns = (self.x_label, *(line.label for line in self.lines))
            return Table(columns, tuple((f"{x:g}", *row) for x, *row in zip(self.x, *cells, strict=True)), levels)
        rows = tuple((line.label, *row) for line, row in zip(self.lines, cells, strict=True))
        return Table(("", *(f"{self.x_label} {x:g}" for x in self.x)), rows, levels)


def known(values: Iterable[float | None]) -> tuple[float | None, ...]:
    """Return numbers as JSON has them: None where one is not finite."""
    return tuple(None if value is None or not math.isfinite(value) else value for value in values)


def side_by_side(lines: Sequence[ChartLine], *, spread: float) -> tuple[ChartLine, ...]:
    """Return lines set side by side around their x, so that none covers another.

    Parameters
    ----------
    lines
        From the left to the right.
    spread
        From the first to the last, in units of x.
    """
    step = spread / max(len(lines) - 1, 1)
    return tuple(replace(line, shift=(place - (len(lines) - 1) / 2) * step) for place, line in enumerate(lines))


def _cell(line: ChartLine, place: int) -> str:
    value = line.y[place]
    text = f"{value:,.0f}" if isinstance(value, int) else number(value)  # what is counted has no decimals
    return f"{text}{_interval(line, place)}"


def _interval(line: ChartLine, place: int) -> str:
    if not line.low or line.y[place] is None:
        return ""
    low, high = line.low[place], line.high[place]
    return "" if low is None or high is None else f" [{span((low, high))}]"
