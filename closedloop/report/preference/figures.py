"""Figures 2B and 2C: spike rasters, and rates over epsilon against the level of the preferred category."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.analysis.intervals import half_width_95
from closedloop.artifacts.day.evaluation import RasterExample
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.report import drawing
from closedloop.report.preference.driven import DrivenRates
from closedloop.report.wording import number


def rates(driven: DrivenRates) -> Figure:
    """Draw Figure 2C: rates against the level of the preferred category, and how far each image rose over its twin.

    A dotted line marks the mean epsilon of the sites that reach their level, where at least half of them do.
    """
    figure, (left, right) = drawing.new_figure(2, width=9.6, height=4.2)
    _over_epsilon(left, driven.sites, driven.epsilons, driven.rates_hz)
    _over_epsilon(right, driven.sites, driven.epsilons, driven.rises_hz)
    level = float(driven.preferred_hz.mean())
    sd = float(driven.preferred_hz.std(ddof=1)) if len(driven.sites) > 1 else 0.0
    name = "preferred category, mean ± SD over sites"
    left.axhline(level, color=drawing.PREFERRED, linestyle="--", linewidth=1.4, label=name)
    left.axhspan(level - sd, level + sd, color=drawing.PREFERRED, alpha=0.07, linewidth=0)
    drawing.note_numbers(left, name, [math.nan], [level], low=[level - sd], high=[level + sd])
    _mark_crossing(left, driven)
    left.set_title("Rate")
    left.set_ylabel("rate (Hz)")
    left.set_ylim(bottom=0)
    right.axhline(0, color=drawing.SOFT, linewidth=0.8)
    right.set_title("Rise over the same images, clean")
    right.set_ylabel("rise (Hz)")
    for axes in (left, right):
        axes.set_xlabel("perturbation size ε  (0: clean)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _mark_crossing(axes: Axes, driven: DrivenRates) -> None:
    reached = driven.reached
    if 2 * reached.n_reached >= reached.n_sites:
        name = f"mean of the {reached.n_reached} sites that reach it: ε = {number(reached.mean)}"
        axes.axvline(reached.mean, color=drawing.PREFERRED, linestyle=":", linewidth=1.4, label=name)
    for site, epsilon, level in zip(driven.sites, driven.crossings, driven.preferred_hz, strict=True):
        if np.isfinite(epsilon):
            axes.plot([epsilon], [level], marker="x", color=drawing.PREFERRED, markersize=5, linestyle="")
            drawing.note_numbers(axes, f"{site} reaches its own level", [epsilon], [level])


def _over_epsilon(axes: Axes, sites: Sequence[str], epsilons: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    for site, of_site in zip(sites, values, strict=True):
        axes.plot(epsilons, of_site, color=drawing.SITE_LIGHT, linewidth=1.1)
        drawing.note_numbers(axes, site, epsilons.tolist(), of_site.tolist())
    axes.plot([], [], color=drawing.SITE_LIGHT, label=f"single sites (n = {len(sites)})")
    mean, half = values.mean(axis=0), _half_width(values)
    axes.errorbar(epsilons, mean, yerr=half, color=drawing.SITE, marker="o", capsize=2, label="mean over sites")
    low, high = mean - half, mean + half
    drawing.note_numbers(axes, "mean", epsilons.tolist(), mean.tolist(), low=low.tolist(), high=high.tolist())


def _half_width(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the 95 % interval of the mean over sites (Student's t), (n_epsilons,); zero of a single site."""
    n = len(values)
    if n < 2:
        return np.zeros(values.shape[1])
    errors = values.std(axis=0, ddof=1) / math.sqrt(n)
    return np.array([half_width_95(float(error), n=n) for error in errors])


def rasters(examples: Sequence[RasterExample], protocol: Protocol) -> Figure:
    """Draw Figure 2B: spikes of a site around each stimulus, one row per presentation."""
    heights = [max(len(example.spike_times_ms), 2) for example in examples]
    figure, panels = drawing.new_figure(
        1,
        len(examples),
        width=7.6,
        height=0.9 + 0.62 * len(examples) + 0.055 * sum(heights),
        sharex=True,
        height_ratios=heights,
    )
    for axes, example in zip(panels, examples, strict=True):
        _raster(axes, example, protocol)
    panels[-1].set_xlabel("time from stimulus onset (ms)")
    return figure


def _raster(axes: Axes, example: RasterExample, protocol: Protocol) -> None:
    recording, on_ms = protocol.recording, protocol.presentation.on_ms
    axes.axvspan(recording.window_start_ms, recording.window_stop_ms, color=drawing.SITE_LIGHT, alpha=0.3, linewidth=0)
    axes.eventplot(
        [list(showing) for showing in example.spike_times_ms],
        colors=drawing.INK if example.epsilon == 0 else drawing.SITE,
        linewidths=1.1,
        linelengths=0.8,
    )
    for row, showing in enumerate(example.spike_times_ms, start=1):
        name = f"presentation {row}, a spike a row"
        drawing.note_numbers(axes, name, list(showing), [float(row)] * len(showing))
    axes.plot([0, on_ms], [-0.9, -0.9], color=drawing.INK, linewidth=3, solid_capstyle="butt")
    axes.set_ylim(len(example.spike_times_ms) - 0.4, -1.2)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(_raster_title(example), fontsize=9.5, pad=3)


def _raster_title(example: RasterExample) -> str:
    n = len(example.spike_times_ms)
    size = f" · ε = {example.epsilon:g}" if example.epsilon else ""
    return f"{example.title} · {example.category}{size} · {n} presentation{'s' if n != 1 else ''}"
