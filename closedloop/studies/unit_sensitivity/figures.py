"""Units of artificial networks over epsilon: the black markers of Figure 1A, and the single units behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing

_LOOKS = (  # blue is IT's
    (drawing.UNITS, "x"),
    (drawing.PREFERRED, "^"),
    (drawing.WHITE_BOX, "s"),
    (drawing.LINEAR, "D"),
    (drawing.GAUSSIAN, "P"),
    (drawing.SOFT, "o"),
)
_SD_LABEL = "SD over clean images (σ)"


def figure_1a(sensitivity: Columns, *, networks: Sequence[str]) -> Figure:
    """Draw mean normalized sensitivity over epsilon, a curve a network, with its SD, its interval and both lines.

    Parameters
    ----------
    sensitivity
        Table ``UNIT_SENSITIVITY``.
    networks
        Names, in the order of the legend.
    """
    figure, (axes,) = drawing.new_figure(width=8.2, height=5.2)
    floor = _log_axis(axes, sensitivity["mean"])
    epsilons = np.unique(sensitivity["epsilon"]).tolist()
    for place, name in enumerate(networks):
        own = {key: column[sensitivity["network"] == name] for key, column in sensitivity.items()}
        shift = drawing.beside(epsilons, place=place, n=len(networks))
        _curve(axes, own, name, shift, look=_LOOKS[place % len(_LOOKS)], floor=floor)
    axes.axhline(1.0, color=drawing.SOFT, linestyle="--", linewidth=1.4, label=_SD_LABEL)
    for place, name in enumerate(networks):
        level = float(sensitivity["random_pair"][sensitivity["network"] == name][0])
        colour = _LOOKS[place % len(_LOOKS)][0]
        axes.axhline(level, color=colour, linestyle=":", linewidth=1.2, label=f"two random images, {name}")
    drawing.epsilon_axis(axes, epsilons)
    axes.set_ylabel("normalized sensitivity (σ)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def single_units(changes: Columns, *, networks: Sequence[str]) -> Figure:
    """Draw a line a unit (its mean over images), a panel a network, all on one scale."""
    n_columns = min(len(networks), 3)
    n_rows = -(-len(networks) // n_columns)
    figure, panels = drawing.new_figure(n_columns, n_rows, width=3.7 * n_columns + 0.4, height=3.6 * n_rows)
    curves = {name: _unit_curves(changes, name) for name in networks}
    for place, (axes, name) in enumerate(zip(panels, networks, strict=False)):
        colour = _LOOKS[place % len(_LOOKS)][0]
        epsilons, by_unit = curves[name]
        _log_axis(axes, np.concatenate([rows.ravel() for _, rows in curves.values()]))
        axes.plot(epsilons, by_unit.T, color=colour, linewidth=0.8, alpha=0.35)
        axes.plot(epsilons, by_unit.mean(axis=0), color=colour, linewidth=2.4)
        axes.axhline(1.0, color=drawing.SOFT, linestyle="--", linewidth=1.2)
        axes.set_title(f"{name} (n = {len(by_unit)})")
        drawing.epsilon_axis(axes, epsilons.tolist())
    for empty in panels[len(networks) :]:
        empty.remove()
    panels[0].set_ylabel("normalized sensitivity (σ)")
    return figure


def _curve(axes: Axes, own: Columns, name: str, shift: float, *, look: tuple[str, str], floor: float) -> None:
    colour, marker = look
    x, mean = own["epsilon"] * shift, own["mean"]
    spread = np.stack([np.minimum(own["sd_over_units"], mean - floor), own["sd_over_units"]])
    interval = np.stack([mean - own["low"], own["high"] - mean])
    bars: dict[str, Any] = {"color": colour, "linestyle": ""}
    axes.errorbar(x, mean, yerr=_drawable(spread), elinewidth=0.9, capsize=3, alpha=0.55, **bars)
    axes.errorbar(x, mean, yerr=_drawable(interval), elinewidth=3.2, alpha=0.55, **bars)
    axes.plot(x, mean, color=colour, marker=marker, markersize=7, label=name)


def _unit_curves(changes: Columns, name: str) -> tuple[Any, Any]:
    """Mean over images, (n_units, n_epsilons)."""
    own = changes["network"] == name
    epsilons, at = np.unique(changes["epsilon"][own], return_inverse=True)
    units, of = np.unique(changes["unit"][own], return_inverse=True)
    total, count = np.zeros((units.size, epsilons.size)), np.zeros((units.size, epsilons.size))
    np.add.at(total, (of, at), changes["sensitivity"][own])
    np.add.at(count, (of, at), 1)
    return epsilons, total / count


def _log_axis(axes: Axes, values: Any) -> float:
    positive = values[values > 0]
    low, high = (0.6 * positive.min(), 2.2 * positive.max()) if positive.size else (0.1, 1.0)
    axes.set_yscale("log")
    axes.set_ylim(low, max(high, 1.5))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    return float(low)


def _drawable(bars: Any) -> Any:
    """No bar where it is unknown."""
    return np.where(np.isfinite(bars), np.maximum(bars, 0), 0)
