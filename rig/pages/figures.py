"""Figures as SVG text: the rig has no plotting library. Each is drawn for a card of 400 px, which a telephone has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 400, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 12, 40
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#667078"  # of Okabe and Ito
_N_BINS = 40
_PARTS = (_BLUE, "#e69f00", "#b8c0c8")  # told apart without seeing colours: dark, middle, light
_HEADROOM = 1.24  # for two rows of days above the line
_MOST_LABELS = 7  # below each other a card of 400 px has room for no more


@dataclass(frozen=True)
class Axes:
    """What a figure's axes show.

    Attributes
    ----------
    x, y
        Their names, with the unit.
    x_range, y_range
        From where to where.
    """

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def at_x(self, value: float) -> float:
        """Return where a value lies, pixels from the left."""
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def at_y(self, value: float) -> float:
        """Return where a value lies, pixels from the top."""
        low, high = self.y_range
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def histogram(values: NDArray[np.float64], *, x: str, marked: float | None = None) -> str:
    """Return how often values occur, on a logarithmic axis: the rare ones are what is looked for.

    Parameters
    ----------
    values
        Any number of them, in the unit that `x` names.
    x
        Name of the axis.
    marked
        What was planned: a dashed line.
    """
    if not len(values):
        return nothing("none were measured")
    low, high = float(values.min()), float(values.max())
    if marked is not None:
        low, high = min(low, marked), max(high, marked)
    room = max((high - low) * 0.03, abs(high) * 0.01, 1e-6)
    counts, edges = np.histogram(values, bins=_N_BINS, range=(low - room, high + room))
    top = math.ceil(math.log10(max(int(counts.max()), 1)) + 0.3)
    axes = Axes(x, "how often", (low - room, high + room), (-0.3, float(top)))
    bars = (
        _bar(axes, float(left), float(right), math.log10(count))
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    )
    ticks = [(float(power), f"{10**power:,}") for power in range(top + 1)]
    return _figure(axes, [*bars, *_planned(axes, marked)], y_ticks=ticks)


def counted(values: NDArray[np.int64], *, x: str, planned: int) -> str:
    """Return how often each whole number occurs: the planned one in blue, every other in orange and with its count.

    Parameters
    ----------
    values
        Counts of frames.
    x
        Name of the axis.
    planned
        What each should be.
    """
    if not len(values):
        return nothing("none were measured")
    low, high = min(int(values.min()), planned) - 1, max(int(values.max()), planned) + 1
    axes_top = float(np.bincount(np.clip(values - low, 0, None)).max()) * 1.15
    axes = Axes(x, "images", (low - 0.5, high + 0.5), (0.0, axes_top))
    parts = []
    for number in range(low, high + 1):
        n = int((values == number).sum())
        if n:
            colour = _BLUE if number == planned else _ORANGE
            parts.append(_bar(axes, number - 0.4, number + 0.4, n, colour=colour))
            parts.append(_text(axes.at_x(number), axes.at_y(n) - 3, f"{n:,}", anchor="middle"))
    step = max(1, (high - low) // 8)
    return _figure(axes, parts, x_ticks=[(float(k), str(k)) for k in range(low, high + 1, step)])


def over_time(times_s: NDArray[np.float64], values: NDArray[np.float64], *, y: str, worst: bool = False) -> str:
    """Return values over the time of the rehearsal: sums of each part of it, or the middle and the worst of each.

    Parameters
    ----------
    times_s
        When each was, seconds.
    values
        One a time.
    y
        Name of the axis.
    worst
        Show the middle as a line and the largest as dots, instead of sums as bars.
    """
    if not len(times_s):
        return nothing("none were measured")
    minutes = (times_s - times_s[0]) / 60.0
    edges = np.linspace(0.0, max(float(minutes[-1]), 1e-3), _N_BINS + 1)
    place = np.clip(np.digitize(minutes, edges) - 1, 0, _N_BINS - 1)
    parts_of = [values[place == k] for k in range(_N_BINS)]
    tops = [float(part.max() if worst else part.sum()) if len(part) else 0.0 for part in parts_of]
    axes = Axes("minutes", y, (0.0, float(edges[-1])), (0.0, max(*tops, 1e-3 if worst else 1.0) * 1.1))
    if not worst:
        bars = [_bar(axes, edges[k], edges[k + 1], tops[k], colour=_ORANGE) for k in range(_N_BINS) if tops[k]]
        return _figure(axes, bars)
    middles = [
        (axes.at_x(float(edges[k] + edges[k + 1]) / 2), axes.at_y(float(np.median(part))))
        for k, part in enumerate(parts_of)
        if len(part)
    ]
    line = " ".join(f"{x:.1f},{y_px:.1f}" for x, y_px in middles)
    dots = [
        f'<circle cx="{axes.at_x(float(edges[k] + edges[k + 1]) / 2):.1f}" cy="{axes.at_y(tops[k]):.1f}" r="3" '
        f'fill="{_ORANGE}"/>'
        for k, part in enumerate(parts_of)
        if len(part)
    ]
    return _figure(axes, [f'<polyline points="{line}" fill="none" stroke="{_BLUE}" stroke-width="2"/>', *dots])


@dataclass(frozen=True)
class DayOfValues:
    """What is drawn of a day.

    Attributes
    ----------
    label
        Below it.
    values
        In their order, one a trial.
    """

    label: str
    values: Sequence[float]


def over_days(days: Sequence[DayOfValues], *, y: str, goal: float) -> str:
    """Return values over the trials of days, one day behind the other, each a line of its own between dotted ones.

    Parameters
    ----------
    days
        In their order.
    y
        Name of the axis, with the unit.
    goal
        Where the values are to come: a dashed line.
    """
    n_trials = sum(len(day.values) for day in days)
    if not n_trials:
        return nothing("no trial has ended")
    highest = max(goal, *(value for day in days for value in day.values))
    axes = Axes("trials", y, (0.0, float(n_trials)), (0.0, _HEADROOM * highest))
    parts, begin = [*_goal(axes, goal)], 0
    n_labelled = -(-len(days) // _MOST_LABELS)
    for number, day in enumerate(days):
        end = begin + len(day.values)
        if number:
            parts.append(_upright(axes.at_x(begin)))
        if number % n_labelled == 0:
            parts.append(
                _text(axes.at_x(begin) + 3, _TOP + 9 + 12 * (number // n_labelled % 2), day.label, anchor="start")
            )
        parts.append(_steps(axes, begin, day.values))
        begin = end
    return _figure(axes, parts)


def _steps(axes: Axes, begin: int, values: Sequence[float]) -> str:
    """Return a line that is level for each trial; what does not change is one piece, or a month would not load."""
    points: list[str] = []
    last: float | None = None
    for number, value in enumerate(values, start=begin):
        if value != last:
            points += [f"{axes.at_x(number):.1f},{axes.at_y(one):.1f}" for one in (last, value) if one is not None]
        last = value
    if last is not None:
        points.append(f"{axes.at_x(begin + len(values)):.1f},{axes.at_y(last):.1f}")
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{_BLUE}" stroke-width="2"/>'


def _upright(x: float) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{_GREY}" '
        'stroke-width="1" stroke-dasharray="1 3"/>'
    )


def _goal(axes: Axes, value: float) -> Iterator[str]:
    y = axes.at_y(value)
    yield (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_ORANGE}" '
        'stroke-width="1.5" stroke-dasharray="4 3"/>'
    )


def stacked(days: Sequence[tuple[str, Sequence[float]]], *, y: str) -> str:
    """Return a bar a day, its parts on top of each other: blue, light, grey.

    Parameters
    ----------
    days
        A label, and the sizes of the parts from the bottom up, three at most.
    y
        Name of the axis.
    """
    highest = max((sum(parts) for _, parts in days), default=0.0)
    if not highest:
        return nothing("no trial has ended")
    axes = Axes("", y, (0.0, float(len(days))), (0.0, 1.08 * highest))
    bars = []
    for number, (_, parts) in enumerate(days):
        base = 0.0
        for size, colour in zip(parts, _PARTS, strict=False):
            top, bottom = axes.at_y(base + size), axes.at_y(base)
            x, width = axes.at_x(number + 0.15), axes.at_x(0.7) - axes.at_x(0.0)
            bars.append(
                f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" fill="{colour}"/>'
            )
            base += size
    step = -(-len(days) // _MOST_LABELS)
    ticks = [(number + 0.5, label) for number, (label, _) in enumerate(days) if number % step == 0]
    return _figure(axes, bars, x_ticks=ticks)


def nothing(why: str) -> str:
    """Return a figure that says why there is none."""
    middle = _text(_WIDTH / 2, _HEIGHT / 2, why, anchor="middle")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{middle}</svg>'


def _figure(
    axes: Axes,
    parts: Sequence[str],
    *,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    y_ticks: Sequence[tuple[float, str]] | None = None,
) -> str:
    frame = (
        f'<path d="M{_LEFT},{_TOP} V{_HEIGHT - _BOTTOM} H{_WIDTH - _RIGHT}" fill="none" stroke="{_GREY}"/>'
        + _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, axes.x, anchor="middle")
        + f'<text transform="translate(11,{(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes.y)}</text>"
    )
    below = [
        _text(axes.at_x(value), _HEIGHT - _BOTTOM + 14, label, anchor="middle")
        for value, label in x_ticks or _ticks(axes.x_range)
    ]
    beside = [
        _text(_LEFT - 4, axes.at_y(value) + 4, label, anchor="end") for value, label in y_ticks or _ticks(axes.y_range)
    ]
    content = "".join([*parts, frame, *below, *beside])
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(axes.x)}">{content}</svg>'


def _ticks(span: tuple[float, float]) -> Iterator[tuple[float, str]]:
    """Yield round numbers within a span, three to six of them."""
    low, high = span
    rough = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    k = math.ceil(low / step - 1e-9)
    while k * step <= high + 1e-9 * step:
        yield k * step, f"{k * step:,.6g}"
        k += 1


def _bar(axes: Axes, left: float, right: float, top: float, *, colour: str = _BLUE) -> str:
    x, width = axes.at_x(left), axes.at_x(right) - axes.at_x(left)
    y = axes.at_y(top)
    base = axes.at_y(axes.y_range[0])
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.5, 0.5):.1f}" height="{base - y:.1f}" fill="{colour}"/>'
    )


def _planned(axes: Axes, value: float | None) -> Iterator[str]:
    if value is not None:
        x = axes.at_x(value)
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{_ORANGE}" '
            'stroke-width="1.5" stroke-dasharray="4 3"/>'
        )


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
