"""Charts as data: the page draws them, and shows the same numbers as a table to who sees no charts."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    label: str
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


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
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    lines: tuple[ChartLine, ...]
