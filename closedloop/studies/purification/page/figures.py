"""Figures of the study: accuracy over the radius, accuracy over the number of recalls, and what was recalled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.purification.page.pictures import RecallRow
from closedloop.studies.purification.settings import ADAPTIVE, ATTACKS, CLEAN, DEFENSES, WORST, DefenseName

_LOOKS: dict[DefenseName, tuple[str, str]] = {
    "none": (drawing.UNITS, "x"),
    "adversarial": (drawing.LINEAR, "s"),
    "carso": (drawing.SITE, "o"),
    "carso_plain": (drawing.CROSS, "^"),
}
_PANELS = ("pgd", "deepfool", ADAPTIVE, WORST)
_TITLES = {**ATTACKS, ADAPTIVE: "adaptive", WORST: "worst of all attacks"}


def accuracy_figure(table: Columns) -> Figure:
    """Draw accuracy over the radius, a panel an attack, a curve a defence.

    Parameters
    ----------
    table
        `DEFENSE_ACCURACY`.
    """
    figure, panels = drawing.new_figure(2, 2, width=8.2, height=6.4)
    for axes, attack in zip(panels, _PANELS, strict=True):
        for place, (defense, name) in enumerate(DEFENSES.items()):
            own = (table["defense"] == defense) & np.isin(table["attack"], (attack, CLEAN))
            colour, marker = _LOOKS[defense]
            x, y = table["radius"][own] + (place - 1.5) * _APART, 100 * table["accuracy"][own]
            bars = np.maximum(np.stack([y - 100 * table["low"][own], 100 * table["high"][own] - y]), 0)
            axes.errorbar(x, y, yerr=bars, color=colour, marker=marker, label=name if axes is panels[0] else None)
        _percent_axis(axes)
        axes.set_title(_TITLES[attack])
        axes.set_xticks(np.unique(table["radius"]))
    for axes in panels[2:]:
        axes.set_xlabel("largest change of a value (ε)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def recalls_figure(table: Columns, *, radius: float) -> Figure:
    """Draw CARSO's accuracy over the number of recalls, a panel a rule of aggregation, a curve an attack.

    Parameters
    ----------
    table
        `RECALL_ACCURACY`.
    radius
        Of the attacks that are drawn.
    """
    rules = list(dict.fromkeys(table["rule"].tolist()))
    figure, panels = drawing.new_figure(len(rules), 1, width=8.2, height=3.4)
    looks = {CLEAN: drawing.UNITS, "pgd": drawing.LINEAR, "deepfool": drawing.GAUSSIAN, ADAPTIVE: drawing.SITE}
    for axes, rule in zip(panels, rules, strict=True):
        for attack, colour in looks.items():
            own = (table["defense"] == "carso") & (table["attack"] == attack) & (table["rule"] == rule)
            own &= np.isin(table["radius"], (0.0, radius))
            axes.plot(
                table["n_recalls"][own],
                100 * table["accuracy"][own],
                color=colour,
                marker="o",
                label=(_TITLES.get(attack, attack)) if axes is panels[0] else None,
            )
        axes.set_xscale("log")
        ticks = np.unique(table["n_recalls"]).tolist()
        axes.set_xticks(ticks, labels=[str(tick) for tick in ticks])
        axes.minorticks_off()
        _percent_axis(axes)
        axes.set_title(rule)
        axes.set_xlabel("recalls of an image")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def pictures_figure(rows: Sequence[RecallRow]) -> Figure:
    """Draw images, attacked images and their recalls, a row each, with what is read from each.

    Parameters
    ----------
    rows
        Of `pictures.picture_rows`.
    """
    n_columns = len(rows[0].images)
    figure, panels = drawing.new_figure(n_columns, len(rows), width=1.05 * n_columns, height=1.45 * len(rows))
    for number, row in enumerate(rows):
        for place, image in enumerate(row.images):
            axes = panels[number * n_columns + place]
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            axes.set_title(row.titles[place], fontsize=8, fontweight="normal", loc="center", pad=3)
            axes.set_xlabel(row.answers[place], fontsize=8, color=drawing.GAUSSIAN if row.right[place] else _WRONG)
    return figure


def _percent_axis(axes: Axes) -> None:
    axes.set_ylim(-3, 103)
    axes.set_ylabel("right answers (%)")


_APART, _WRONG = 0.004, drawing.PREFERRED
