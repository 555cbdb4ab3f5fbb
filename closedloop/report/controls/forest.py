"""Attacks and their controls beside each other, each with its interval: a panel an epsilon."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closedloop.report import drawing
from closedloop.report.controls.pooled import PooledControl

_NAMES = {
    "attacked": "attacks",
    "yesterday": "yesterday's attacks",
    "other_site": "attacks on other sites",
    "linear": "interpolation",
    "gaussian": "Gaussian noise",
    "sham": "sham",
}
_COLOURS = {
    "attacked": drawing.SITE,
    "yesterday": drawing.YESTERDAY,
    "other_site": drawing.OTHER_SITE,
    "linear": drawing.LINEAR,
    "gaussian": drawing.GAUSSIAN,
    "sham": drawing.SOFT,
}
_MOST_PANELS_A_ROW = 3


def controls_forest(pooled: Sequence[PooledControl]) -> Figure:
    """Draw each estimate with its interval over images and sites, and the hidden truth where it is known.

    A sham has no epsilon and stands in every panel: what nothing looks like.

    Parameters
    ----------
    pooled
        Of all kinds and epsilons.
    """
    epsilons = sorted({one.epsilon for one in pooled if one.kind != "sham"})
    kinds = [kind for kind in _NAMES if any(one.kind == kind for one in pooled)]
    n_rows = math.ceil(len(epsilons) / _MOST_PANELS_A_ROW)
    n_columns = math.ceil(len(epsilons) / n_rows)
    height = n_rows * (0.9 + 0.32 * len(kinds)) + 0.4
    figure, panels = drawing.new_figure(n_columns, n_rows, width=2.2 + 2.9 * n_columns, height=height, sharey=True)
    for unused in panels[len(epsilons) :]:
        unused.remove()
    for axes, epsilon in zip(panels, epsilons, strict=False):
        for place, kind in enumerate(reversed(kinds)):
            own = next((one for one in pooled if one.kind == kind and one.epsilon in (epsilon, 0.0)), None)
            if own is not None:
                _draw(axes, own, place=place)
        axes.axvline(0, color=drawing.SOFT, linewidth=0.8)
        axes.set_yticks(range(len(kinds)), [_NAMES[kind] for kind in reversed(kinds)])
        axes.set_ylim(-0.6, len(kinds) - 0.4)
        axes.set_title(f"ε = {epsilon:g}")
        axes.set_xlabel("sensitivity (σ)")
    return figure


def _draw(axes: Axes, one: PooledControl, *, place: int) -> None:
    mean, (low, high) = one.estimate.mean, one.estimate.interval
    colour = _COLOURS[one.kind]
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [place, place], color=colour, linewidth=2.2)
    axes.plot([mean], [place], marker="o", color=colour, linestyle="")
    drawing.note_numbers(axes, _NAMES[one.kind], [mean], [float(place)], low=[low], high=[high])
    if one.truth is not None:
        axes.plot([one.truth], [place], marker="o", mfc="none", mec=drawing.TRUE, markersize=9, linestyle="")
        drawing.note_numbers(axes, f"{_NAMES[one.kind]}, hidden truth", [one.truth], [float(place)])
