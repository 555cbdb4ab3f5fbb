"""How often each interval covers: a line an interval, the asked-for band behind it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing

ASKED = (0.93, 0.97)
"""Of 95 % intervals, over some hundred experiments."""

_LOOKS = ((drawing.UNITS, "o"), (drawing.PREFERRED, "s"), (drawing.WHITE_BOX, "^"), (drawing.LINEAR, "D"))
_LINE_IN = 0.24
_LEAST_SHOWN = 80.0  # per cent


def coverage_figure(intervals: Columns) -> Figure:
    """Draw the coverage of every interval with the interval of that coverage.

    Parameters
    ----------
    intervals
        Table ``COVERAGE_INTERVALS``.
    """
    claimed = {name: column[np.isfinite(intervals["covered"])] for name, column in intervals.items()}
    labels = row_labels(claimed)
    names = list(dict.fromkeys(labels))
    figure, (axes,) = drawing.new_figure(width=8.2, height=1.2 + _LINE_IN * len(names))
    axes.axvspan(100 * ASKED[0], 100 * ASKED[1], color=drawing.SOFT, alpha=0.18, linewidth=0)
    axes.axvline(95, color=drawing.SOFT, linestyle="--", linewidth=1.2)
    repetitions = np.unique(claimed["repetitions"]).tolist()
    for place, n_repetitions in enumerate(repetitions):
        own = claimed["repetitions"] == n_repetitions
        y = np.array([names.index(label) for label in np.array(labels)[own]]) + 0.24 * (
            place - (len(repetitions) - 1) / 2
        )
        covered, low, high = (100 * claimed[name][own] for name in ("covered", "covered_low", "covered_high"))
        colour, marker = _LOOKS[place % len(_LOOKS)]
        bars = np.maximum(np.stack([covered - low, high - covered]), 0)
        axes.errorbar(
            covered, y, xerr=bars, color=colour, marker=marker, markersize=4, linestyle="", elinewidth=1.0,
            label=f"{n_repetitions} repetitions",
        )  # fmt: skip
        drawing.note_numbers(axes, f"{n_repetitions} repetitions", covered.tolist(), y.tolist())
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(min(_LEAST_SHOWN, 100 * float(claimed["covered_low"].min())), 100.5)
    axes.set_xlabel("95 % intervals that hold the truth (%)")
    figure.legend(loc="outside lower center", ncols=len(repetitions))
    return figure


def row_labels(intervals: Columns) -> list[str]:
    """Return the name of each row without its repetitions: quantity, epsilon, what the interval is over."""
    return [
        f"{quantity}{at(epsilon)}, {over}"
        for quantity, epsilon, over in zip(
            intervals["quantity"].tolist(), intervals["epsilon"].tolist(), intervals["over"].tolist(), strict=True
        )
    ]


def at(epsilon: float) -> str:
    """Return `` ε = 2.5``, or nothing where epsilons are pooled."""
    return f" ε = {epsilon:g}" if np.isfinite(epsilon) else ""
