"""Single images of one site over epsilon (Figure 3B)."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.analysis.intervals import half_width_95
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.single_images.marks import LINES
from closedloop.report.single_images.numbers import SiteImages

DRAWN = 50
"""Images that are drawn: "for visibility, 50 of 100 randomly selected starting clean images are shown" (Figure 3)."""


def figure_3b(curves: Columns, sites: tuple[SiteImages, ...]) -> Figure:
    """Draw a line an image and their mean, a panel a site; the mean is over all images of the site.

    Parameters
    ----------
    curves
        Columns of `day.evaluation.IMAGE_CURVES`.
    sites
        Which are drawn, in order.
    """
    n = len(sites)
    figure, panels = drawing.new_figure(n, width=max(4.1 * n, 6.4), height=4.3, sharey=True)
    for axes, site in zip(panels, sites, strict=True):
        _of_site(axes, curves, site)
    panels[0].set_ylabel("sensitivity of an image (σ)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def drawn_images(site: SiteImages) -> list[str]:
    """Return the images of a site that are drawn: all, or 50 at random, the same ones every time."""
    names = sorted(site.marks)
    if len(names) <= DRAWN:
        return names
    chosen = np.random.default_rng(len(names)).permutation(len(names))[:DRAWN]
    return [names[place] for place in sorted(chosen.tolist())]


def _of_site(axes: Axes, curves: Columns, site: SiteImages) -> None:
    own = curves["neuroid_id"] == site.neuroid_id
    epsilons = np.unique(curves["epsilon"][own])
    for name in drawn_images(site):
        rows = np.flatnonzero(own & (curves["image_id"] == name))
        rows = rows[np.argsort(curves["epsilon"][rows])]
        x, y = curves["epsilon"][rows].tolist(), curves["sensitivity"][rows].tolist()
        axes.plot(x, y, color=drawing.SITE_LIGHT, linewidth=1.0, linestyle=LINES[site.marks[name]])
        low, high = (curves[f"interval_{end}"][rows].tolist() for end in ("low", "high"))
        drawing.note_numbers(axes, name, x, y, low=low, high=high)
    mean, half = _mean(curves, own, epsilons)
    axes.errorbar(
        epsilons, mean, yerr=half, color=drawing.SITE, marker="o", capsize=2, label="mean over all its images"
    )
    low, high = (mean - half).tolist(), (mean + half).tolist()
    drawing.note_numbers(axes, "mean", epsilons.tolist(), mean.tolist(), low=low, high=high)
    axes.plot([], [], color=drawing.SITE_LIGHT, label="single images")
    axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
    axes.axhline(1, color=drawing.SOFT, linewidth=1.2, linestyle="--", label="SD over clean images (σ)")
    axes.set_title(f"{site.neuroid_id} ({len(drawn_images(site))} of {len(site.marks)} images)")
    drawing.epsilon_axis(axes, epsilons.tolist())


def _mean(curves: Columns, own: NDArray[np.bool_], epsilons: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the mean over images at each epsilon, and half its 95 % interval over them; 0 where it is unknown."""
    found = []
    for epsilon in epsilons:
        values = curves["sensitivity"][own & (curves["epsilon"] == epsilon)]
        known = values[np.isfinite(values)]
        error = known.std(ddof=1) / math.sqrt(len(known)) if len(known) > 1 else 0.0
        half = half_width_95(float(error), n=len(known)) if len(known) > 1 else 0.0
        found.append((known.mean() if len(known) else math.nan, half))
    means, halves = np.array(found).T
    return means, halves
