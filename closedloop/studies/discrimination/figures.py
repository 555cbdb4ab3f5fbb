"""Percent correct and d' over epsilon, with every subject thinly behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing

SubjectCurve = tuple[NDArray[np.float64], NDArray[np.float64]]

PAPER_EPSILON, PAPER_CORRECT = 1.0, 0.51  # "the accuracy of detecting a perturbation of epsilon = 1 to be 51%"


def psychometric_figure(detection: Columns, subjects: Sequence[SubjectCurve]) -> Figure:
    """Draw percent correct and d' over epsilon with their intervals.

    Parameters
    ----------
    detection
        Table `DETECTION`.
    subjects
        Each subject's percent correct over epsilon.
    """
    own = {name: column[np.isfinite(detection["epsilon"])] for name, column in detection.items()}
    figure, (left, right) = drawing.new_figure(2, width=9.2, height=4.6)
    for at, values in subjects:
        left.plot(at, values, color=drawing.SITE_LIGHT, linewidth=0.8, zorder=1)
    _with_interval(left, own, ("correct", "low", "high"), "all subjects")
    _with_interval(right, own, ("d_prime", "d_prime_low", "d_prime_high"), "all subjects")
    for axes, name in ((left, "true_correct"), (right, "true_d_prime")):
        if np.isfinite(own[name]).any():
            axes.plot(own["epsilon"], own[name], color=drawing.TRUE, linestyle="--", label="simulated observers' truth")
            drawing.note_numbers(axes, "truth", own["epsilon"].tolist(), own[name].tolist())
    left.axhline(0.5, color=drawing.SOFT, linestyle=":", linewidth=1.4, label="chance")
    left.plot(
        PAPER_EPSILON,
        PAPER_CORRECT,
        color=drawing.UNITS,
        marker="x",
        markersize=9,
        linestyle="",
        label="Guo et al. 2022",
    )
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    left.set_ylabel("correct, without response bias")
    right.set_ylabel("d′, differencing model")
    epsilons = sorted({*own["epsilon"].tolist(), PAPER_EPSILON})
    drawing.epsilon_axis(left, epsilons)
    drawing.epsilon_axis(right, epsilons)
    right.set_ylim(bottom=min(0.0, right.get_ylim()[0]))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _with_interval(axes: Axes, own: Columns, names: tuple[str, str, str], label: str) -> None:
    value, low, high = (own[name] for name in names)
    known = np.isfinite(low) & np.isfinite(high)
    reach: Any = np.where(known, np.stack([value - low, high - value]), 0.0)
    axes.errorbar(
        own["epsilon"],
        value,
        yerr=np.maximum(reach, 0.0),
        color=drawing.SITE,
        marker="o",
        capsize=3,
        label=label,
        zorder=3,
    )
    drawing.note_numbers(axes, label, own["epsilon"].tolist(), value.tolist(), low=low.tolist(), high=high.tolist())
