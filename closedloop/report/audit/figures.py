"""What an audit looks like over all stimuli: what rounding kept, and what else changed than was meant to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.audit.measures import kept, shift

_COLOURS = {
    "attacked": drawing.SITE,
    "gaussian": drawing.GAUSSIAN,
    "linear": drawing.LINEAR,
    "yesterday": drawing.YESTERDAY,
    "population": drawing.PREFERRED,
    "population_noise": drawing.CROSS,
    PREFERENCE: drawing.WHITE_BOX,
}


def drawn_epsilons(columns: Columns) -> list[float]:
    """Return the epsilons of the stimuli that are drawn by size, ascending: all but shams and probes."""
    return sorted({float(epsilon) for epsilon in columns["epsilon"][np.isin(columns["kind"], list(_COLOURS))]})


def by_epsilon(columns: Columns) -> Figure:
    """Draw medians and quartiles by epsilon: share of the float change kept, brightness and contrast shift."""
    figure, axes = drawing.new_figure(3, width=11.2, height=3.4)
    epsilons = drawn_epsilons(columns)
    for values, label, one in (
        (kept(columns), "predicted change kept (%)", axes[0]),
        (shift(columns, "luminance"), "brightness shift (%)", axes[1]),
        (shift(columns, "contrast"), "contrast shift (%)", axes[2]),
    ):
        _spread(one, columns, values=100 * values, epsilons=epsilons)
        one.set_ylabel(label)
        drawing.epsilon_axis(one, epsilons)
    axes[0].axhline(100, color=drawing.SOFT, linestyle=":", linewidth=1.2)
    for one in axes[1:]:
        one.axhline(0, color=drawing.SOFT, linewidth=0.8)
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _spread(axes: Axes, columns: Columns, *, values: NDArray[np.float64], epsilons: Sequence[float]) -> None:
    kinds = [kind for kind in _COLOURS if np.isfinite(values[columns["kind"] == kind]).any()]
    for place, kind in enumerate(kinds):
        quartiles = np.array([_quartiles(values[_rows(columns, kind, epsilon)]) for epsilon in epsilons])
        shifted = np.array(epsilons) * drawing.beside(epsilons, place=place, n=len(kinds))
        reach = np.abs(quartiles[:, [0, 2]] - quartiles[:, [1]]).T
        axes.errorbar(shifted, quartiles[:, 1], reach, color=_COLOURS[kind], marker="o", linestyle="", label=kind)
        low, middle, high = quartiles.T.tolist()
        drawing.note_numbers(axes, f"{kind}, median and quartiles", list(epsilons), middle, low=low, high=high)


def _rows(columns: Columns, kind: str, epsilon: float) -> NDArray[np.bool_]:
    return np.asarray((columns["kind"] == kind) & (columns["epsilon"] == epsilon))


def _quartiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    return np.quantile(known, [0.25, 0.5, 0.75]) if known.size else np.full(3, np.nan)
