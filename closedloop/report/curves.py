"""Sensitivity over epsilon and over days: the paper's Figures 1A, 3A and 5, and the growth at each epsilon."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.report import drawing
from closedloop.report.reading import SensitivityRow
from closedloop.report.single_images.marks import LINES, Mark

_FLOOR = 0.7  # a logarithmic axis ends at this part of its smallest positive mean
_STRIP = 0.16  # height of the strip for what is not above zero, as a part of the axis above it
_STEPS_IN_STRIP = 3  # neighbours lie at different heights
_DRAWN_CONTROLS = tuple(kind for kind in CONTROL_KINDS if kind != "sham")  # a sham has no epsilon to stand at
_OVER_DAYS = ("paper", "cross_fitted", "true", "white_box", *_DRAWN_CONTROLS)
_DAY_SPREAD = 0.36  # days between the first and the last of these
_MOST_PANELS_A_ROW = 4
_UNMARKED: Final[Mapping[str, Mark]] = MappingProxyType({})


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
    "other_site": Look("attacks on other sites, RMS", drawing.OTHER_SITE, "<", "-"),
    "yesterday": Look("yesterday's attacks, shown again", drawing.YESTERDAY, ">", ":"),
    "true": Look("hidden truth of the same attacks", drawing.TRUE, "o", "--"),
    "white_box": Look("white-box bound of the hidden cortex", drawing.WHITE_BOX, "v", "--"),
    "vanilla_units": Look("units, standard training", drawing.UNITS, "x", "-"),
    "robust_units": Look("units, adversarial training", drawing.UNITS, "P", "-"),
}


@dataclass(frozen=True)
class Curve:
    """One estimate over epsilon, ascending: means, and the ends of their 95 % intervals."""

    epsilon: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


def curve(rows: Iterable[SensitivityRow]) -> Curve:
    """Return the rows of one estimate, day and site in order of epsilon."""
    ordered = sorted(rows, key=lambda row: row.epsilon)
    low, high = ([row.interval[end] for row in ordered] for end in (0, 1))
    return Curve([row.epsilon for row in ordered], [row.mean for row in ordered], low, high)


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
    chosen = [row for row in rows if row.estimate != "sham" and not (row.estimate in CONTROL_KINDS and row.truth)]
    _draw(axes, [(look, curve(select(chosen, estimate))) for estimate, look in LOOKS.items()], scaled_to=chosen)
    axes.axhline(1.0, color=drawing.SOFT, linestyle="--", linewidth=1.2, label="SD over clean images (σ)")
    if random_pair is not None:
        label = "two random clean images"
        axes.axhline(random_pair, color=drawing.SITE, linestyle="--", linewidth=1.2, label=label)
        drawing.note_numbers(axes, label, [math.nan], [random_pair])
    drawing.epsilon_axis(axes, _epsilons(chosen))
    axes.set_ylabel("normalized sensitivity (σ)")
    figure.legend(loc="outside right center")
    return figure


def by_day(rows: Sequence[SensitivityRow], *, days: Sequence[int]) -> Figure:
    """Draw Figure 5: sensitivity over epsilon, a line a day, with the last day's controls; truth beside it if known."""
    truths = bool(select(rows, "true"))
    figure, panels = drawing.new_figure(2 if truths else 1, width=10.6 if truths else 6.4, height=4.5)
    scaled_to = [row for row in rows if row.estimate in ("paper", "true", "white_box", *_DRAWN_CONTROLS)]
    last = [row for row in rows if row.day == days[-1]]
    for axes, estimate, title in zip(panels, ("paper", "true"), ("As measured", "Hidden truth"), strict=False):
        lines = _day_lines(select(rows, estimate), days=days)
        lines += [(LOOKS[kind], curve(select(last, kind, truth=estimate == "true"))) for kind in _DRAWN_CONTROLS]
        if estimate == "true":
            lines.append((LOOKS["white_box"], curve(select(last, "white_box"))))
        axes.set_title(title)
        _draw(axes, lines, scaled_to=scaled_to)
        drawing.epsilon_axis(axes, _epsilons(scaled_to))
    panels[0].set_ylabel("normalized sensitivity (σ)")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside right center")
    return figure


def growth(rows: Sequence[SensitivityRow], *, days: Sequence[int]) -> Figure:
    """Draw sensitivity over days, a panel an epsilon, each on its own linear scale."""
    drawn = [estimate for estimate in _OVER_DAYS if select(rows, estimate)]
    epsilons = _epsilons(row for row in rows if row.estimate != "sham")
    n_columns = min(len(epsilons), 3)  # of the legend: it must not be wider than the figure
    n_rows = math.ceil(len(epsilons) / _MOST_PANELS_A_ROW)
    n_a_row = math.ceil(len(epsilons) / n_rows)
    legend_rows = math.ceil(len(drawn) / n_columns)
    height = 3.6 + 0.2 * max(legend_rows - 2, 0) + 2.6 * (n_rows - 1)
    figure, panels = drawing.new_figure(n_a_row, n_rows, width=min(3.6 * n_a_row + 0.4, 11.2), height=height)
    for unused in panels[len(epsilons) :]:
        unused.remove()
    for axes, epsilon in zip(panels, epsilons, strict=False):
        own = [row for row in rows if row.epsilon == epsilon]
        for place, estimate in enumerate(drawn):
            chosen = select(own, estimate, truth=None if estimate not in CONTROL_KINDS else False)
            _over_days(axes, chosen, shift=_DAY_SPREAD * (place / max(len(drawn) - 1, 1) - 0.5))
        axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
        axes.set_title(f"ε = {epsilon:g}")
        drawing.day_axis(axes, days)
    for axes in panels[::n_a_row]:
        axes.set_ylabel("normalized sensitivity (σ)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns)
    return figure


def sites(
    rows: Sequence[SensitivityRow], *, mean: Sequence[SensitivityRow], marks: Mapping[str, Mark] = _UNMARKED
) -> Figure:
    """Draw Figure 3A: a line a site and their mean, on a linear axis: single sites may be measured below zero.

    Parameters
    ----------
    rows
        Of single sites.
    mean
        Over them.
    marks
        By site, how sure its slope is; a site without one is drawn solid.
    """
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    names = sorted({row.site for row in rows})
    for name in names:
        line = curve(row for row in rows if row.site == name)
        style = LINES[marks[name]] if name in marks else "-"
        axes.plot(line.epsilon, line.mean, color=drawing.SITE_LIGHT, linewidth=1.1, linestyle=style)
        drawing.note_numbers(axes, name, line.epsilon, line.mean, low=line.low, high=line.high)
    average = curve(mean)
    axes.errorbar(average.epsilon, average.mean, yerr=_bars(average), color=drawing.SITE, marker="o", label="mean")
    drawing.note_numbers(axes, "mean", average.epsilon, average.mean, low=average.low, high=average.high)
    axes.plot([], [], color=drawing.SITE_LIGHT, label=f"single sites (n = {len(names)})")
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.axhline(1, color=drawing.SOFT, linewidth=1.2, linestyle="--", label="SD over clean images (σ)")
    drawing.epsilon_axis(axes, _epsilons(mean))
    axes.set_ylabel("normalized sensitivity (σ)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, lines: Sequence[tuple[Look, Curve]], *, scaled_to: Sequence[SensitivityRow]) -> None:
    """Draw curves side by side on a logarithmic axis with a strip for what is not above zero: nothing is left out.

    An estimate in the strip is an open marker; a thin line goes from there to the upper end of its interval, as far as
    that is above zero.
    """
    floor, bottom = _log_axis(axes, scaled_to)
    drawn = [(look, line) for look, line in lines if line.epsilon]
    for place, (look, line) in enumerate(drawn):
        shift = drawing.beside(_epsilons(scaled_to), place=place, n=len(drawn))
        x, y = np.asarray(line.epsilon) * shift, np.asarray(line.mean)
        above = np.where(y > 0, y, np.nan)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "label": look.label}
        axes.errorbar(x, above, yerr=_bars(line, least=bottom), linestyle=look.line, capsize=2, elinewidth=1.1, **style)
        height = bottom * (floor / bottom) ** ((1 + place % _STEPS_IN_STRIP) / (1 + _STEPS_IN_STRIP))
        for at, high in zip(x[y <= 0], np.asarray(line.high)[y <= 0], strict=True):
            if high > floor:
                axes.plot([at, at], [height, high], color=look.colour, linewidth=1.0, linestyle=":")
                axes.plot([at], [high], color=look.colour, marker="_", markersize=8.0, markeredgewidth=1.6)
            axes.plot([at], [height], marker=look.marker, mfc="white", mec=look.colour, color=look.colour, mew=1.4)
        drawing.note_numbers(axes, look.label, line.epsilon, line.mean, low=line.low, high=line.high)


def _day_lines(rows: Sequence[SensitivityRow], *, days: Sequence[int]) -> list[tuple[Look, Curve]]:
    colours = zip(days, drawing.day_colours(len(days)), strict=True)
    return [(Look(f"day {day}", colour, "o", "-"), curve(r for r in rows if r.day == day)) for day, colour in colours]


def _over_days(axes: Axes, rows: Sequence[SensitivityRow], *, shift: float) -> None:
    if not rows:
        return
    ordered, look = sorted(rows, key=lambda row: row.day), LOOKS[rows[0].estimate]
    low, high = ([row.interval[end] for row in ordered] for end in (0, 1))
    days, line = [row.day for row in ordered], Curve([], [row.mean for row in ordered], low, high)
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "capsize": 2}
    axes.errorbar([day + shift for day in days], line.mean, yerr=_bars(line), label=look.label, **style)
    drawing.note_numbers(axes, look.label, days, line.mean, low=low, high=high)


def _log_axis(axes: Axes, rows: Sequence[SensitivityRow]) -> tuple[float, float]:
    """Make y logarithmic, ticked 1-2-5 in plain numbers, above a strip; return the strip's upper and lower edge."""
    positive = [row.mean for row in rows if row.mean > 0]
    highest = max([1.8 * value for value in positive] + [row.interval[1] for row in rows] + [1.8], key=_or_zero)
    least = min(positive, default=0.1)
    ends = [row.interval[1] for row in rows if row.mean <= 0 and row.interval[1] > 0]
    floor = _FLOOR * max(min([least, *ends]), least / 10)
    bottom = floor * (highest / floor) ** -_STRIP
    axes.set_yscale("log")
    axes.set_ylim(bottom, highest)
    decades = range(math.floor(math.log10(floor)), math.ceil(math.log10(highest)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    middle = (bottom * floor) ** 0.5  # of the strip
    axes.yaxis.set_major_locator(FixedLocator([middle, *(tick for tick in ticks if floor <= tick <= highest)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "≤ 0" if value < floor else f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.axhspan(bottom, floor, color=drawing.FAINT, alpha=0.55, linewidth=0, zorder=0)
    return floor, bottom


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _bars(line: Curve, *, least: float = -math.inf) -> NDArray[np.float64]:
    """Return the lengths of the bars below and above each mean, (2, n); none where an end is unknown."""
    mean = np.asarray(line.mean)
    ends = np.stack([mean - np.maximum(line.low, least), np.asarray(line.high) - mean])
    return np.asarray(np.where(np.isfinite(ends), np.maximum(ends, 0.0), 0.0))


def _epsilons(rows: Iterable[SensitivityRow]) -> list[float]:
    return sorted({row.epsilon for row in rows})
