"""Category preference under attack: spike rasters (Figure 2B) and rates against the preferred category (Figure 2C)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.analysis.intervals import half_width_95
from closedloop.artifacts.day.evaluation import EvaluationReport, RasterExample
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing


@dataclass(frozen=True)
class DrivenRates:
    """Rates of the sites to images whose attacks were meant to raise them, the same images at every epsilon.

    Attributes
    ----------
    sites
        Their neuroid_id.
    epsilons
        0 (clean) and the study's epsilons, ascending, (n_epsilons,).
    rates_hz
        Mean rate of each site to its images, clean and attacked, (n_sites, n_epsilons).
    preferred_hz
        Each site's mean response to its most preferred category, (n_sites,).
    n_images
        Images behind each site's rates, (n_sites,).
    n_raised
        Attacked images that were to raise a site at all, of which those count whose image was raised at every epsilon.
    """

    sites: tuple[str, ...]
    epsilons: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    preferred_hz: NDArray[np.float64]
    n_images: NDArray[np.int64]
    n_raised: int

    @property
    def rises_hz(self) -> NDArray[np.float64]:
        """Mean rise of each site over the clean twins of the same images, (n_sites, n_epsilons)."""
        return self.rates_hz - self.rates_hz[:, :1]

    @property
    def n_pairs(self) -> int:
        """Attacked images behind the rates."""
        return int(self.n_images.sum()) * (len(self.epsilons) - 1)


def driven_rates(pairs: Columns, evaluation: EvaluationReport) -> DrivenRates | None:
    """Average the attacks that were predicted to raise a site's rate, each beside its own clean twin.

    A site's images are those that were to raise it at every epsilon and were measured clean and at every epsilon, so
    that no difference between epsilons is one between images.

    Parameters
    ----------
    pairs
        Columns of the day's `day.evaluation.PAIRS`.
    evaluation
        The day's preferred categories.

    Returns
    -------
    DrivenRates or None
        None where no site has such an image.
    """
    measured = np.isfinite(pairs["rate_changed_hz"]) & np.isfinite(pairs["rate_clean_hz"])
    raising = np.flatnonzero((pairs["kind"] == "attacked") & (pairs["predicted_sign"] > 0) & measured)
    epsilons = np.unique(pairs["epsilon"][raising])
    rates_of: defaultdict[tuple[str, str], dict[float, tuple[float, float]]] = defaultdict(dict)
    for row in raising.tolist():
        of_pair = rates_of[str(pairs["neuroid_id"][row]), str(pairs["image_id"][row])]
        of_pair[float(pairs["epsilon"][row])] = (pairs["rate_clean_hz"][row], pairs["rate_changed_hz"][row])
    found = []
    for site, preferred_hz in evaluation.preferred_hz.items():
        whole = [of for (own, _), of in rates_of.items() if own == site and len(of) == len(epsilons)]
        if whole and preferred_hz is not None:
            rates_hz = np.array([[of[epsilons[0]][0], *(of[epsilon][1] for epsilon in epsilons)] for of in whole])
            found.append((site, rates_hz.mean(axis=0), preferred_hz, len(whole)))
    if not found:
        return None
    names, means, preferred, n_images = zip(*found, strict=True)
    return DrivenRates(
        sites=names,
        epsilons=np.array([0.0, *epsilons]),
        rates_hz=np.array(means),
        preferred_hz=np.array(preferred),
        n_images=np.array(n_images),
        n_raised=len(raising),
    )


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
    """Draw Figure 2C: rates against the level of the preferred category, and how far each image rose over its twin."""
    figure, (left, right) = drawing.new_figure(2, width=9.6, height=4.2)
    _over_epsilon(left, driven.sites, driven.epsilons, driven.rates_hz)
    _over_epsilon(right, driven.sites, driven.epsilons, driven.rises_hz)
    level = float(driven.preferred_hz.mean())
    sd = float(driven.preferred_hz.std(ddof=1)) if len(driven.sites) > 1 else 0.0
    name = "preferred category, mean ± SD over sites"
    left.axhline(level, color=drawing.PREFERRED, linestyle="--", linewidth=1.4, label=name)
    left.axhspan(level - sd, level + sd, color=drawing.PREFERRED, alpha=0.07, linewidth=0)
    drawing.note_numbers(left, name, [math.nan], [level], low=[level - sd], high=[level + sd])
    left.set_title("Rate")
    left.set_ylabel("rate (Hz)")
    left.set_ylim(bottom=0)
    right.axhline(0, color=drawing.SOFT, linewidth=0.8)
    right.set_title("Rise over the same images, clean")
    right.set_ylabel("rise (Hz)")
    for axes in (left, right):
        axes.set_xlabel("perturbation size ε  (0: clean)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


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
    for number, showing in enumerate(example.spike_times_ms, start=1):
        name = f"presentation {number}, a spike a row"
        drawing.note_numbers(axes, name, list(showing), [float(number)] * len(showing))
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
