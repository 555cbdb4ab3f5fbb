"""Category preference under attack: spike rasters (Figure 2B) and rates against the preferred category (Figure 2C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.artifacts.day.evaluation import EvaluationReport, RasterExample
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing


@dataclass(frozen=True)
class DrivenRates:
    """Rates of the sites whose attacks were meant to raise them.

    Attributes
    ----------
    epsilons
        0 (clean) and the study's epsilons, ascending, (n_epsilons,).
    rates_hz
        Mean rate of each site's images at each epsilon, (n_sites, n_epsilons).
    preferred_hz
        Each site's mean response to its most preferred category, (n_sites,).
    n_pairs
        Attacked images behind the rates.
    """

    epsilons: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    preferred_hz: NDArray[np.float64]
    n_pairs: int


def driven_rates(pairs: Columns, evaluation: EvaluationReport) -> DrivenRates | None:
    """Average the attacks that were predicted to raise a site's rate; None where there are none at every epsilon."""
    raising = (pairs["kind"] == "attacked") & (pairs["predicted_sign"] > 0) & np.isfinite(pairs["rate_changed_hz"])
    epsilons = np.unique(pairs["epsilon"][raising])
    rows, preferred = [], []
    for site, preferred_hz in evaluation.preferred_hz.items():
        own = raising & (pairs["neuroid_id"] == site)
        if preferred_hz is not None and set(epsilons) == set(pairs["epsilon"][own]):
            clean = float(np.nanmean(pairs["rate_clean_hz"][own]))
            at = [float(pairs["rate_changed_hz"][own & (pairs["epsilon"] == epsilon)].mean()) for epsilon in epsilons]
            rows.append([clean, *at])
            preferred.append(preferred_hz)
    if not rows:
        return None
    return DrivenRates(np.array([0.0, *epsilons]), np.array(rows), np.array(preferred), int(raising.sum()))


def crossings(driven: DrivenRates) -> NDArray[np.float64]:
    """Return the epsilon, linear in between, at which each site passes its preferred category; NaN if never."""
    found = []
    for rates, preferred in zip(driven.rates_hz, driven.preferred_hz, strict=True):
        above = np.flatnonzero(rates >= preferred)
        found.append(_crossing(driven.epsilons, rates, preferred, int(above[0])) if above.size else np.nan)
    return np.array(found)


def _crossing(epsilons: NDArray[np.float64], rates: NDArray[np.float64], preferred: float, index: int) -> float:
    if index == 0:
        return float(epsilons[0])
    part = (preferred - rates[index - 1]) / (rates[index] - rates[index - 1])
    return float(epsilons[index - 1] + part * (epsilons[index] - epsilons[index - 1]))


def rates(driven: DrivenRates) -> Figure:
    """Draw Figure 2C: a line a site, their mean, and the level of the preferred category."""
    figure, (axes,) = drawing.new_figure(width=6.4, height=4.2)
    axes.plot(driven.epsilons, driven.rates_hz.T, color=drawing.SITE_LIGHT, linewidth=1.1)
    n_sites = len(driven.rates_hz)
    axes.plot([], [], color=drawing.SITE_LIGHT, label=f"single sites (n = {n_sites})")
    mean, error = driven.rates_hz.mean(axis=0), _standard_error(driven.rates_hz)
    axes.errorbar(
        driven.epsilons, mean, yerr=error, color=drawing.SITE, marker="o", capsize=2, label="mean ± SE over sites"
    )
    level, sd = driven.preferred_hz.mean(), driven.preferred_hz.std(ddof=1) if n_sites > 1 else 0.0
    axes.axhline(level, color=drawing.PREFERRED, linestyle="--", linewidth=1.4, label="preferred category, mean ± SD")
    axes.axhspan(level - sd, level + sd, color=drawing.PREFERRED, alpha=0.07, linewidth=0)
    axes.set_xlabel("perturbation size ε  (0: clean)")
    axes.set_ylabel("rate (Hz)")
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) < 2:
        return np.zeros(values.shape[1])
    spread: NDArray[np.float64] = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return spread


def rasters(examples: Sequence[RasterExample], protocol: Protocol) -> Figure:
    """Draw Figure 2B: spikes of a site around each stimulus, one row per presentation."""
    heights = [max(len(example.spike_times_ms), 2) for example in examples]
    figure = Figure(figsize=(7.6, 0.9 + 0.62 * len(examples) + 0.055 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(examples), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
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
    axes.plot([0, on_ms], [-0.9, -0.9], color=drawing.INK, linewidth=3, solid_capstyle="butt")
    axes.set_ylim(len(example.spike_times_ms) - 0.4, -1.2)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(_raster_title(example), fontsize=9.5, pad=3)


def _raster_title(example: RasterExample) -> str:
    n = len(example.spike_times_ms)
    size = "clean" if example.epsilon == 0 else f"ε = {example.epsilon:g}"
    return f"{example.title} · {example.category} · {size} · {n} presentation{'s' if n != 1 else ''}"
