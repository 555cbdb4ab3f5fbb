"""What a plan expects, drawn: standard errors over epsilon, and the power to see growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from closedloop.report import drawing

_LOOKS = {
    "all": ("all pairs", drawing.SITE, "o"),
    "anchors": ("anchors", drawing.WHITE_BOX, "s"),
    "fresh": ("fresh images", drawing.GAUSSIAN, "^"),
}
_MEASURED = "measured, all pairs"
_AIM = 0.8


def errors(
    expected: Mapping[str, Sequence[tuple[float, float]]],
    sites: Sequence[Sequence[float]],
    sizes: Sequence[float],
    measured: Sequence[tuple[float, float]],
) -> Figure:
    """Draw the expected standard error at each epsilon, single sites behind the means, beside the expected size.

    Parameters
    ----------
    expected
        By set of images (all, anchors, fresh): epsilon and standard error.
    sites
        Of each epsilon the standard errors of single sites.
    sizes
        Of each epsilon the expected mean change.
    measured
        Epsilon and standard error that the day had; empty before it is over.
    """
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    epsilons = [epsilon for epsilon, _ in expected["all"]]
    for epsilon, own in zip(epsilons, sites, strict=True):
        spread = epsilon * np.linspace(0.97, 1.03, len(own))
        axes.plot(spread, own, linestyle="", marker=".", color=drawing.SITE_LIGHT, markersize=4)
        drawing.note_numbers(axes, "single sites", [epsilon] * len(own), list(own))
    axes.plot([], [], linestyle="", marker=".", color=drawing.SITE_LIGHT, label="single sites")
    for name, points in expected.items():
        label, colour, marker = _LOOKS[name]
        _line(axes, points, label=label, color=colour, marker=marker)
    if measured:
        _line(axes, measured, label=_MEASURED, color=drawing.PREFERRED, marker="x", linestyle="")
    _line(axes, list(zip(epsilons, sizes, strict=True)), label="expected size", color=drawing.SOFT, linestyle=":")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("sigma")
    drawing.epsilon_axis(axes, epsilons)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def power_over_days(by_epsilon: Mapping[float, Mapping[int, float]]) -> Figure:
    """Draw, a line an epsilon, the power to see growth since the first fitted day, day by day.

    Parameters
    ----------
    by_epsilon
        Power by day.
    """
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    days = sorted({day for powers in by_epsilon.values() for day in powers})
    for epsilon, colour in zip(by_epsilon, _colours(len(by_epsilon)), strict=True):
        points = sorted(by_epsilon[epsilon].items())
        _line(axes, points, label=f"ε = {epsilon:g}", color=colour, marker="o")
    _power_axis(axes)
    drawing.day_axis(axes, days)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def power_over_size(by_epsilon: Mapping[float, Sequence[tuple[float, float]]], *, label: str) -> Figure:
    """Draw, a line an epsilon, the power to see a difference over its size.

    Parameters
    ----------
    by_epsilon
        Difference in sigma, and power.
    label
        Of the difference.
    """
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    for epsilon, colour in zip(by_epsilon, _colours(len(by_epsilon)), strict=True):
        _line(axes, by_epsilon[epsilon], label=f"ε = {epsilon:g}", color=colour)
    _power_axis(axes)
    axes.set_xlabel(label)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _power_axis(axes: Axes) -> None:
    axes.axhline(_AIM, color=drawing.SOFT, linestyle="--", linewidth=1.0)
    axes.axhline(0.05, color=drawing.SOFT, linestyle=":", linewidth=1.0)
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("power")


def _line(axes: Axes, points: Sequence[tuple[float, float]], *, label: str, color: str, **style: str) -> None:
    x, y = [one for one, _ in points], [one for _, one in points]
    axes.plot(x, y, label=label, color=color, **style)  # type: ignore[arg-type]
    drawing.note_numbers(axes, label, x, y)


def _colours(n: int) -> list[str]:
    return [to_hex(colormaps["viridis"](part)) for part in np.linspace(0.05, 0.8, max(n, 1))][:n]
