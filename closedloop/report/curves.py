"""Sensitivity over epsilon and over days: the paper's Figures 1A, 3A and 5, and the growth at each epsilon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.report import drawing
from closedloop.report.reading import SensitivityRow

_LEGEND_ROWS = {1: 6, 2: 3, 3: 2}  # of the six estimates over days, by the columns of the legend
_FLOOR = 0.7  # an axis ends at this part of its smallest positive mean


@dataclass(frozen=True)
class Look:
    """How one estimate is drawn everywhere."""

    label: str
    colour: str
    marker: str
    line: str


LOOKS = {
    "paper": Look("IT sites, the paper's estimator", drawing.SITE, "o", "-"),
    "cross_fitted": Look("IT sites, cross-fitted sign (no model)", drawing.CROSS, "D", ":"),
    "gaussian": Look("Gaussian noise, RMS", drawing.GAUSSIAN, "s", "-"),
    "linear": Look("linear interpolation, RMS", drawing.LINEAR, "^", "-"),
    "true": Look("hidden truth of the same attacks", drawing.TRUE, "o", "--"),
    "white_box": Look("white-box bound of the hidden cortex", drawing.WHITE_BOX, "v", "--"),
    "vanilla_units": Look("units, standard training", drawing.UNITS, "x", "-"),
    "robust_units": Look("units, adversarial training", drawing.UNITS, "P", "-"),
}


@dataclass(frozen=True)
class Curve:
    """One estimate over epsilon: means and standard errors, ascending."""

    epsilon: list[float]
    mean: list[float]
    error: list[float]


def curve(rows: Iterable[SensitivityRow]) -> Curve:
    """Return the rows of one estimate, day and site in order of epsilon."""
    ordered = sorted(rows, key=lambda row: row.epsilon)
    return Curve([r.epsilon for r in ordered], [r.mean for r in ordered], [r.standard_error for r in ordered])


def select(rows: Iterable[SensitivityRow], estimate: str, *, truth: bool | None = None) -> list[SensitivityRow]:
    """Return the rows of one estimate, measured or true.

    Parameters
    ----------
    rows
        Of any estimates.
    estimate
        The one wanted.
    truth
        Whether computed without measurement noise; None for both.
    """
    return [row for row in rows if row.estimate == estimate and (truth is None or row.truth == truth)]


def final_day(rows: Sequence[SensitivityRow], *, random_pair: float | None) -> Figure:
    """Draw Figure 1A: one day's sites against controls and artificial units.

    Parameters
    ----------
    rows
        The day's means over sites.
    random_pair
        Mean difference of two random clean images, sigma; None where it was not computed.
    """
    figure, (axes,) = drawing.new_figure(width=8.2, height=4.9)
    chosen = [row for row in rows if not (row.estimate in CONTROL_KINDS and row.truth)]
    floor = _log_axis(axes, [row.mean for row in chosen])
    for estimate, look in LOOKS.items():
        _draw(axes, curve(select(chosen, estimate)), look, floor=floor)
    axes.axhline(1.0, color=drawing.SOFT, linestyle="--", linewidth=1.2, label="SD over clean images (σ)")
    if random_pair is not None:
        label = "two random clean images"
        axes.axhline(random_pair, color=drawing.SITE, linestyle="--", linewidth=1.2, label=label)
    drawing.epsilon_axis(axes, _epsilons(chosen))
    axes.set_ylabel("normalized sensitivity (σ)")
    figure.legend(loc="outside right center")
    return figure


def by_day(rows: Sequence[SensitivityRow], *, days: Sequence[int]) -> Figure:
    """Draw Figure 5: sensitivity over epsilon, a line a day, with the last day's controls; truth beside it if known."""
    truths = bool(select(rows, "true"))
    figure, panels = drawing.new_figure(2 if truths else 1, width=10.6 if truths else 6.4, height=4.5)
    values = [row.mean for row in rows if row.estimate in ("paper", "true", "white_box", *CONTROL_KINDS)]
    for axes, estimate, title in zip(panels, ("paper", "true"), ("As measured", "Hidden truth"), strict=False):
        floor = _log_axis(axes, values)
        _day_lines(axes, select(rows, estimate), days=days, floor=floor)
        last = [row for row in rows if row.day == days[-1]]
        for control in CONTROL_KINDS:
            _draw(axes, curve(select(last, control, truth=estimate == "true")), LOOKS[control], floor=floor)
        if estimate == "true":
            _draw(axes, curve(select(last, "white_box")), LOOKS["white_box"], floor=floor)
        axes.set_title(title)
        drawing.epsilon_axis(axes, _epsilons(rows))
    panels[0].set_ylabel("normalized sensitivity (σ)")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside right center")
    return figure


def growth(rows: Sequence[SensitivityRow], *, days: Sequence[int]) -> Figure:
    """Draw sensitivity over days, a panel an epsilon, each on its own linear scale."""
    epsilons = _epsilons(rows)
    n_columns = min(len(epsilons), 3)  # of the legend: it must not be wider than the figure
    height = 3.6 + 0.2 * (_LEGEND_ROWS[n_columns] - _LEGEND_ROWS[3])
    figure, panels = drawing.new_figure(len(epsilons), width=min(3.6 * len(epsilons) + 0.4, 11.2), height=height)
    for axes, epsilon in zip(panels, epsilons, strict=True):
        own = [row for row in rows if row.epsilon == epsilon]
        for estimate in ("paper", "cross_fitted", "true", "white_box", *CONTROL_KINDS):
            _over_days(axes, select(own, estimate, truth=None if estimate not in CONTROL_KINDS else False))
        axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
        axes.set_title(f"ε = {epsilon:g}")
        drawing.day_axis(axes, days)
    panels[0].set_ylabel("normalized sensitivity (σ)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns)
    return figure


def sites(rows: Sequence[SensitivityRow], *, mean: Sequence[SensitivityRow]) -> Figure:
    """Draw Figure 3A: a line a site and their mean, on a linear axis: single sites may be measured below zero."""
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    names = sorted({row.site for row in rows})
    for name in names:
        line = curve(row for row in rows if row.site == name)
        axes.plot(line.epsilon, line.mean, color=drawing.SITE_LIGHT, linewidth=1.1)
    average = curve(mean)
    axes.errorbar(
        average.epsilon, average.mean, yerr=_finite(average.error), color=drawing.SITE, marker="o", label="mean ± SE"
    )
    axes.plot([], [], color=drawing.SITE_LIGHT, label=f"single sites (n = {len(names)})")
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.axhline(1, color=drawing.SOFT, linewidth=1.2, linestyle="--", label="SD over clean images (σ)")
    drawing.epsilon_axis(axes, _epsilons(mean))
    axes.set_ylabel("normalized sensitivity (σ)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, line: Curve, look: Look, *, floor: float) -> None:
    """Draw one curve on a log axis; a mean at or below zero is an open triangle on the floor, never left out."""
    if not line.epsilon:
        return
    x, y = np.asarray(line.epsilon), np.asarray(line.mean)
    drawn = np.where(y > 0, y, np.nan)
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "label": look.label}
    axes.errorbar(x, drawn, yerr=_finite(line.error), capsize=2, elinewidth=1.2, **style)
    below = y <= 0
    if below.any():  # an empty unclipped line would collapse the layout
        at_floor = np.full(int(below.sum()), floor)
        edge: dict[str, Any] = {"mfc": "white", "mec": look.colour, "mew": 1.6, "ms": 7.0, "zorder": 5}
        axes.plot(x[below], at_floor, linestyle="", marker="v", clip_on=False, **edge)


def _day_lines(axes: Axes, rows: Sequence[SensitivityRow], *, days: Sequence[int], floor: float) -> None:
    for day, colour in zip(days, drawing.day_colours(len(days)), strict=True):
        look = Look(f"day {day}", colour, "o", "-")
        _draw(axes, curve(row for row in rows if row.day == day), look, floor=floor)


def _over_days(axes: Axes, rows: Sequence[SensitivityRow]) -> None:
    if not rows:
        return
    ordered, look = sorted(rows, key=lambda row: row.day), LOOKS[rows[0].estimate]
    error = _finite([row.standard_error for row in ordered])
    days, means = [row.day for row in ordered], [row.mean for row in ordered]
    axes.errorbar(
        days, means, yerr=error, color=look.colour, marker=look.marker, linestyle=look.line, label=look.label, capsize=2
    )


def _log_axis(axes: Axes, values: Iterable[float]) -> float:
    """Make y logarithmic, ticked 1-2-5 in plain numbers; return its floor."""
    positive = [value for value in values if value > 0]
    floor = _FLOOR * min(positive, default=0.1)
    axes.set_yscale("log")
    axes.set_ylim(floor, 1.8 * max([*positive, 1.0]))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    return floor


def _finite(errors: Sequence[float]) -> list[float]:
    """Draw no bar where the standard error is unknown."""
    return [error if np.isfinite(error) else 0.0 for error in errors]


def _epsilons(rows: Iterable[SensitivityRow]) -> list[float]:
    return sorted({row.epsilon for row in rows})
