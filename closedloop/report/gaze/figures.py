"""Figures of gaze: where the eye was while images were up, and where it went when fixation broke."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from closedloop.analysis.gaze import DIRECTIONS, direction_counts
from closedloop.report.drawing import INK, PREFERRED, SITE, SOFT, new_figure, note_numbers
from closedloop.report.gaze.measures import DayGaze

_WIDTH, _HEIGHT = 4.8, 4.0  # inches
_MOST_NAMED_DEG = 25.0  # a tracker that loses the eye says any number: the axes do not follow it
_MANY = 400  # breaks, from which on points are smaller


def density_map(gaze: DayGaze) -> Figure:
    """Draw the density of gaze while images were up, with the fixation window."""
    figure, [ax] = new_figure(width=_WIDTH, height=_HEIGHT)
    half, n_bins = gaze.half_width_deg, len(gaze.counts)
    counts = np.ma.masked_equal(gaze.counts, 0)
    drawn = ax.imshow(
        counts,
        extent=(-half, half, -half, half),
        origin="lower",
        cmap=mpl.colormaps["Blues"],
        norm=LogNorm(vmin=1, vmax=max(int(gaze.counts.max()), 2)),
        interpolation="nearest",
    )
    bar = figure.colorbar(drawn, ax=ax, shrink=0.8, pad=0.03, aspect=28, format=FuncFormatter(lambda n, _: f"{n:,.0f}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label(f"samples in {2 * half / n_bins:.2g}° × {2 * half / n_bins:.2g}°")
    bar.outline.set_visible(False)
    _window(ax, gaze, half)
    centres = (np.arange(n_bins) + 0.5) * 2 * half / n_bins - half
    note_numbers(ax, "samples by degrees right", centres.tolist(), gaze.counts.sum(axis=0).tolist())
    note_numbers(ax, "samples by degrees up", centres.tolist(), gaze.counts.sum(axis=1).tolist())
    return figure


def break_map(gaze: DayGaze) -> Figure:
    """Draw where the eye was when fixation broke, with the fixation window."""
    figure, [ax] = new_figure(width=_WIDTH, height=_HEIGHT)
    x_deg, y_deg = seen_breaks(gaze).T
    half = _half_width(gaze)
    small = len(x_deg) > _MANY
    ax.plot(
        x_deg, y_deg, linestyle="none", marker="o", color=PREFERRED, markeredgewidth=0, clip_on=True,
        alpha=0.35 if small else 0.6, markersize=3 if small else 5, rasterized=small,
    )  # fmt: skip
    _window(ax, gaze, half)
    note_numbers(ax, "fixation broke at", x_deg.tolist(), y_deg.tolist())
    return figure


def break_directions(gaze: DayGaze) -> Figure:
    """Draw how many breaks went in which direction."""
    figure, [ax] = new_figure(width=_WIDTH, height=_HEIGHT)
    counts = direction_counts(*gaze.broken_deg.T)
    n_unseen = int(np.isnan(gaze.broken_deg[:, 0]).sum())
    names, values = [*DIRECTIONS, "eye lost"], [*counts.tolist(), n_unseen]
    places = np.arange(len(names))[::-1]
    ax.barh(places, values, color=[SITE] * len(DIRECTIONS) + [SOFT], height=0.7)
    for place, value in zip(places.tolist(), values, strict=True):
        ax.annotate(f"{value:,}", (value, place), (4, 0), textcoords="offset points", va="center", color=INK)
    ax.set_yticks(places.tolist(), names)
    ax.set_xlim(0, max(*values, 1) * 1.15)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("trials broken")
    note_numbers(ax, "breaks by direction, from the right in eighths of a turn; the last: eye lost", range(9), values)
    return figure


def seen_breaks(gaze: DayGaze) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the breaks whose place is known, shape (n, 2)."""
    return gaze.broken_deg[np.isfinite(gaze.broken_deg[:, 0])]


def _half_width(gaze: DayGaze) -> float:
    """Return how far the map of breaks goes: as far as most of them."""
    places = seen_breaks(gaze)
    far = float(np.percentile(np.abs(places).max(axis=1), 98)) if len(places) else 0.0
    return min(max(math.ceil(1.1 * far), 2 * gaze.window_deg), _MOST_NAMED_DEG)


def _window(ax: Axes, gaze: DayGaze, half_width_deg: float) -> None:
    ax.add_patch(Circle((0, 0), gaze.window_deg, fill=False, edgecolor=INK, linewidth=1.2))
    ax.plot(0, 0, marker="+", color=INK, markersize=8)
    ax.set_xlim(-half_width_deg, half_width_deg)
    ax.set_ylim(-half_width_deg, half_width_deg)
    ax.set_aspect("equal")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("degrees right of the fixation point")
    ax.set_ylabel("degrees above it")
