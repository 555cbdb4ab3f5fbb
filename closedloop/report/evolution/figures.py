"""Responses over generations: every site's mean, and the mean over sites."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from closedloop.analysis.intervals import half_width_95
from closedloop.artifacts.protocol.evolution.section import EVOLVED
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing

Floats = NDArray[np.float64]


def over_generations(sessions: Sequence[Columns]) -> Figure:
    """Draw the mean response of each site to its generations, and their mean with its interval over sites, if several.

    Parameters
    ----------
    sessions
        Columns of `day.evolution.tables.EVOLUTION_EFFECTS`, in order.
    """
    figure, (axes,) = drawing.new_figure(1, width=6.4, height=4.3)
    measured, true = (_of_sites(sessions, of) for of in ("response_hz", "true_hz"))
    for name, line in measured.items():
        own = sorted(line)
        axes.plot(own, [line[one] for one in own], color=drawing.SOFT, linewidth=0.8, alpha=0.7)
        drawing.note_numbers(axes, name, [float(one) for one in own], [line[one] for one in own])
    over = "mean over sites" if len(measured) > 1 else "the one site"
    x, mean, half = _over_sites(measured)
    axes.errorbar(x, mean, half, color=drawing.SITE, marker="o", capsize=2, label=f"measured, {over}")
    low, high = (np.array(mean) - half).tolist(), (np.array(mean) + half).tolist()
    drawing.note_numbers(axes, over, x, mean, low=low, high=high)
    if true:
        x, mean, _ = _over_sites(true)
        axes.plot(x, mean, color=drawing.TRUE, linestyle="--", label=f"hidden truth, {over}")
        drawing.note_numbers(axes, f"hidden truth, {over}", x, mean)
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.set_xlabel("generation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("response (SD over natural images)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _of_sites(sessions: Sequence[Columns], name: str) -> dict[str, dict[int, float]]:
    """Return each site's mean response to each of its generations, above that to natural images, in their SD."""
    found = dict[str, dict[int, float]]()
    for effects in sessions:
        above = (effects[name] - effects["natural_mean_hz"]) / np.where(
            effects["natural_sd_hz"] > 0, effects["natural_sd_hz"], np.nan
        )
        is_known = (effects["kind"] == EVOLVED) & (effects["neuroid_id"] != "") & np.isfinite(above)
        for site in dict.fromkeys(effects["neuroid_id"][is_known].tolist()):
            own = is_known & (effects["neuroid_id"] == site)
            found.setdefault(str(site), {})[int(effects["generation"][own][0])] = float(above[own].mean())
    return found


def _over_sites(of_sites: dict[str, dict[int, float]]) -> tuple[list[float], list[float], list[float]]:
    """Return generations, means over sites and half their intervals: NaN, drawn as nothing, where one site is there."""
    generations = sorted({one for line in of_sites.values() for one in line})
    means, halves = [], []
    for generation in generations:
        values = [line[generation] for line in of_sites.values() if generation in line]
        n = len(values)
        means.append(float(np.mean(values)))
        halves.append(half_width_95(float(np.std(values, ddof=1)) / math.sqrt(n), n=n) if n > 1 else math.nan)
    return [float(one) for one in generations], means, halves
