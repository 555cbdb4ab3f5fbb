"""How often intervals hold the truth, and how often tests say that there is something, over all subjects."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.sweep.documents import ALL_DAYS
from closedloop.studies.sweep.judging import FALSE_ALARM, POWER

_LINE_IN = 0.26
_LEAST_SHOWN = 70.0  # per cent
_ASKED, _ALARMS_ASKED = 95.0, 5.0


def coverage_figure(estimates: Columns) -> Figure:
    """Draw the coverage of every interval, all days together, with the interval of that coverage.

    Parameters
    ----------
    estimates
        Table ``SWEEP_ESTIMATES`` of one protocol.
    """
    own = (estimates["day"] == ALL_DAYS) & np.isfinite(estimates["covered"])
    chosen = {name: column[own] for name, column in estimates.items()}
    names = [
        f"{estimate.replace('_', '-')}{at(epsilon)}, {over}"
        for estimate, epsilon, over in zip(
            chosen["estimate"].tolist(), chosen["epsilon"].tolist(), chosen["over"].tolist(), strict=True
        )
    ]
    figure, (axes,) = drawing.new_figure(width=8.2, height=1.2 + _LINE_IN * len(names))
    axes.axvline(_ASKED, color=drawing.SOFT, linestyle="--", linewidth=1.2)
    if names:
        covered = 100 * chosen["covered"]
        low, high = 100 * chosen["covered_low"], 100 * chosen["covered_high"]
        _with_bars(axes, covered, np.arange(len(names)), low, high, name="coverage", horizontal=True)
        axes.set_xlim(min(_LEAST_SHOWN, float(low.min())), 101)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("95 % intervals that hold the truth (%)")
    return figure


def tests_figure(tests: Columns) -> Figure:
    """Draw power and false alarms by day, a panel each, a line for each test and epsilon.

    Parameters
    ----------
    tests
        Table ``SWEEP_TESTS`` of one protocol.
    """
    figure, panels = drawing.new_figure(n_columns=1, n_rows=2, width=8.2, height=7.6)
    for axes, asked, level in zip(panels, (POWER, FALSE_ALARM), (None, _ALARMS_ASKED), strict=True):
        _draw_tests(axes, {name: column[tests["asked"] == asked] for name, column in tests.items()})
        axes.set_title(asked)
        axes.set_ylabel("subjects (or their sites) of which it says so (%)", fontsize=8)
        axes.set_ylim(-3, 103)
        if level is not None:
            axes.axhline(level, color=drawing.SOFT, linestyle="--", linewidth=1.2)
    return figure


def _draw_tests(axes: Axes, tests: Columns) -> None:
    keys = list(dict.fromkeys(zip(tests["test"].tolist(), tests["epsilon"].tolist(), strict=True)))
    days = sorted(set(tests["day"].tolist()))
    for place, (key, look) in enumerate(zip(keys, drawing.named_series(len(keys)), strict=True)):
        own = (tests["test"] == key[0]) & (tests["epsilon"] == key[1])
        x = tests["day"][own] + 0.3 * (place / max(len(keys) - 1, 1) - 0.5)
        rate, low, high = (100 * tests[name][own] for name in ("rate", "rate_low", "rate_high"))
        _with_bars(axes, x, rate, low, high, name=f"{key[0]}{at(key[1])}", look=look)
    if keys:
        drawing.day_axis(axes, days)
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _with_bars(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    name: str,
    horizontal: bool = False,
    look: drawing.SeriesStyle | None = None,
) -> None:
    colour, marker, line = look or (drawing.UNITS, "o", "")
    values = x if horizontal else y
    bars = np.maximum(np.stack([values - low, high - values]), 0)
    axes.errorbar(
        x, y, xerr=bars if horizontal else None, yerr=None if horizontal else bars, color=colour, marker=marker,
        markersize=4, linestyle=line, elinewidth=1.0, label=name,
    )  # fmt: skip
    drawing.note_numbers(axes, name, x.tolist(), y.tolist())


def at(epsilon: float) -> str:
    """Return `` ε = 2.5``, or nothing of what has no epsilon."""
    return f" ε = {epsilon:g}" if epsilon > 0 else ""
