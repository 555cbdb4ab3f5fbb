"""Iso-response contours, curvature over its scale, angles between attacks and gradients, what goes with their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from closedloop.analysis.geometry.plane_fit import design_of
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.response_geometry.recorded import ShownPlane
from closedloop.studies.response_geometry.settings import DRAWN_EXTENT, N_DRAWN

Floats = NDArray[np.float64]

_LOOKS = (
    (drawing.UNITS, "x"),
    (drawing.PREFERRED, "^"),
    (drawing.SITE, "o"),
    (drawing.WHITE_BOX, "s"),
    (drawing.LINEAR, "D"),
    (drawing.GAUSSIAN, "P"),
)
_BY = {"steepness": drawing.SITE, "curvature": drawing.LINEAR, "bend": drawing.WHITE_BOX}
_SAID_BY = {"steepness": "gradient |g|", "curvature": "curvature |κ|", "bend": "second derivative |κ||g|"}
_COSINES = (
    ("plain", "cosine", "plain attack, plain gradient", drawing.UNITS, "-"),
    ("plain", "smoothed_cosine", "plain attack, smoothed gradient", drawing.UNITS, ":"),
    ("loop", "cosine", "loop's attack, plain gradient", drawing.SITE, ":"),
    ("loop", "smoothed_cosine", "loop's attack, smoothed gradient", drawing.SITE, "-"),
)
_N_LEVELS = 11
MOST_PLANES = 8
"""Recorded planes that are drawn, the first ones."""

_BEYOND = 1.12  # of the outermost image


def contours(drawn: dict[str, Floats], pairs: Columns, curvatures: Columns, *, scale: float) -> Figure:
    """Draw responses over planes of two pairs of each subject: one whose curvature is the median, one of the largest.

    Parameters
    ----------
    drawn
        Responses on the planes of each subject's pairs, (n_pairs, n, n).
    pairs, curvatures
        The tables.
    scale
        Of the curvature whose parabola is drawn.
    """
    figure, panels = drawing.new_figure(2, len(drawn), width=8.2, height=4.0 * len(drawn))
    places = np.linspace(-DRAWN_EXTENT, DRAWN_EXTENT, N_DRAWN)
    for row, (name, planes) in enumerate(drawn.items()):
        own = (curvatures["subject"] == name) & (curvatures["direction"] == "first") & (curvatures["scale"] == scale)
        kappa, of = curvatures["curvature"][own], pairs["subject"] == name
        order = np.argsort(np.abs(kappa))  # NaN last
        known = int(np.isfinite(kappa).sum())
        chosen = (order[(known - 1) // 2], order[known - 1]) if known else ()
        for column, (pair, said) in enumerate(zip(chosen, ("median", "largest"), strict=False)):
            axes = panels[2 * row + column]
            _contour(axes, planes[pair], places, float(kappa[pair]))
            axes.set_title(f"{name}, {pairs['output'][of][pair]}\n{said} |κ|: κ = {kappa[pair]:+.2f} / ε")
            drawing.note_numbers(axes, f"{name}, {said}", [scale], [float(kappa[pair])])
    for axes in panels:
        axes.set_xlabel("along the gradient (ε)")
        axes.set_ylabel("principal direction (ε)")
    return figure


def _contour(axes: Axes, plane: Floats, places: Floats, kappa: float) -> None:
    middle = plane[N_DRAWN // 2, N_DRAWN // 2]
    spread = np.abs(plane - middle).max()
    levels = middle + np.linspace(-1, 1, _N_LEVELS) * (spread if spread > 0 else 1.0)
    axes.contour(places, places, plane.T, levels=levels, colors=drawing.SITE_LIGHT, linewidths=1.1, linestyles="solid")
    axes.contour(places, places, plane.T, levels=[middle], colors=drawing.SITE, linewidths=2.2, linestyles="solid")
    across = np.linspace(-DRAWN_EXTENT, DRAWN_EXTENT, 101)
    axes.plot(kappa * across**2 / 2, across, color=drawing.PREFERRED, linestyle="--", linewidth=1.3)
    axes.plot(0, 0, "o", color=drawing.INK, markersize=4)
    axes.set_xlim(-DRAWN_EXTENT, DRAWN_EXTENT)
    axes.set_ylim(-DRAWN_EXTENT, DRAWN_EXTENT)
    axes.set_aspect("equal")
    axes.grid(visible=False)


def over_scales(curvatures: Columns, *, subjects: Sequence[str]) -> Figure:
    """Draw the median size of the curvature over its scale, along principal and random directions."""
    figure, (axes,) = drawing.new_figure(width=8.2, height=4.6)
    scales = np.unique(curvatures["scale"])
    for place, name in enumerate(subjects):
        colour, marker = _LOOKS[place % len(_LOOKS)]
        for direction, line in (("first", "-"), ("random", ":")):
            own = (curvatures["subject"] == name) & (curvatures["direction"] == direction)
            sizes = [
                float(np.nanmedian(np.abs(curvatures["curvature"][own & (curvatures["scale"] == scale)])))
                for scale in scales
            ]
            said = "principal" if direction == "first" else "random"
            axes.plot(scales, sizes, color=colour, marker=marker, linestyle=line, label=f"{name}, {said}")
            drawing.note_numbers(axes, f"{name}, {said}", scales.tolist(), sizes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(scales.tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("scale h  (ε)")
    axes.set_ylabel("median |κ|  (1/ε)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def cosines(attacks: Columns, *, subjects: Sequence[str]) -> Figure:
    """Draw how nearly attacks lie along the plain and the smoothed gradient, over epsilon, a panel a subject."""
    figure, panels = drawing.new_figure(len(subjects), width=_width(len(subjects)), height=4.2, sharey=True)
    epsilons = np.unique(attacks["epsilon"]).tolist()
    for axes, name in zip(panels, subjects, strict=True):
        for search, column, said, colour, line in _COSINES:
            own = (attacks["subject"] == name) & (attacks["search"] == search)
            means = [float(np.nanmean(attacks[column][own & (attacks["epsilon"] == one)])) for one in epsilons]
            axes.plot(
                epsilons, means, color=colour, linestyle=line, marker="o", label=said if axes is panels[0] else None
            )
            drawing.note_numbers(axes, said, epsilons, means)
        axes.set_title(name)
        axes.set_ylim(0, 1.02)
        drawing.epsilon_axis(axes, epsilons, label=False)
        axes.set_xlabel("ε")
    panels[0].set_ylabel("|cos| of perturbation and gradient")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def explained(table: Columns, *, subjects: Sequence[str]) -> Figure:
    """Draw rank correlations with the size of plain attacks, and with its excess, a column a subject."""
    figure, panels = drawing.new_figure(
        len(subjects), 2, width=_width(len(subjects)), height=6.6, sharey=True, sharex=True
    )
    epsilons = np.unique(table["epsilon"]).tolist()
    for row, of in enumerate(("size", "excess")):
        for column, name in enumerate(subjects):
            axes = panels[row * len(subjects) + column]
            for place, (by, colour) in enumerate(_BY.items()):
                own = (table["subject"] == name) & (table["search"] == "plain") & (table["of"] == of)
                own &= table["by"] == by
                x = np.array(epsilons) * drawing.beside(epsilons, place=place, n=len(_BY))
                rho, low, high = (table[key][own] for key in ("rho", "low", "high"))
                label = _SAID_BY[by] if row == column == 0 else None
                axes.errorbar(x, rho, yerr=_bars(rho, low, high), color=colour, marker="o", linestyle="", label=label)
                drawing.note_numbers(axes, by, epsilons, rho.tolist(), low=low.tolist(), high=high.tolist())
            axes.axhline(0, color=drawing.SOFT, linewidth=1.0)
            axes.set_ylim(-1.05, 1.05)
            axes.set_title(name if row == 0 else "")
            drawing.epsilon_axis(axes, epsilons, label=False)
        panels[row * len(subjects)].set_ylabel(f"ρ with the {of}")
    for axes in panels[-len(subjects) :]:
        axes.set_xlabel("ε")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _width(n_subjects: int) -> float:
    """Return the width of a panel a subject, and never less than a legend of three columns needs, inches."""
    return max(3.1 * n_subjects + 0.6, 6.4)


def _bars(rho: Floats, low: Floats, high: Floats) -> Floats:
    ends = np.stack([rho - low, high - rho])
    return np.asarray(np.where(np.isfinite(ends), np.maximum(ends, 0), 0))


def recorded(shown: Sequence[ShownPlane], planes: Columns) -> Figure:
    """Draw what sites answered on their planes: mean rates, and the contours that the model foretold.

    Parameters
    ----------
    shown
        The planes.
    planes
        Their table, in the same order.
    """
    own = list(shown[:MOST_PLANES])
    n_columns = min(len(own), 2)
    n_rows = -(-len(own) // n_columns)
    figure, panels = drawing.new_figure(n_columns, n_rows, width=4.3 * n_columns + 0.4, height=4.0 * n_rows)
    for axes, plane, place in zip(panels, own, range(len(own)), strict=False):
        known = np.isfinite(plane.response)
        size = float(np.abs(plane.response[known]).max(initial=0.0)) or 1.0
        points = axes.scatter(
            plane.along[known],
            plane.across[known],
            c=plane.response[known],
            cmap="RdBu_r",
            vmin=-size,
            vmax=size,
            s=62,
            marker="s",
        )
        axes.tricontour(plane.along, plane.across, plane.predicted, levels=[0.0], colors=drawing.INK, linestyles="--")
        if known.any() and np.isfinite(planes["edge"][place]):
            surface = _surface(plane, known)
            axes.tricontour(plane.along[known], plane.across[known], surface, levels=[0.0], colors=drawing.GAUSSIAN)
        figure.colorbar(points, ax=axes, shrink=0.8, label="σ")
        bend = f"bend {planes['edge'][place]:+.2f} σ" if np.isfinite(planes["edge"][place]) else "hardly shown"
        axes.set_title(f"{plane.neuroid_id}, day {plane.day}: {bend if known.any() else 'clean image not shown'}")
        reach = _BEYOND * float(np.abs(np.r_[plane.along, plane.across]).max())
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.set_xlabel("along the model's gradient (ε)")
        axes.set_ylabel("second direction (ε)")
        drawing.note_numbers(axes, plane.neuroid_id, plane.across[known].tolist(), plane.response[known].tolist())
    for empty in panels[len(own) :]:
        empty.remove()
    return figure


def _surface(plane: ShownPlane, known: NDArray[np.bool_]) -> Floats:
    """Return the quadratic surface nearest to the responses, minus its value at the clean image."""
    design = design_of(plane.along[known], plane.across[known])
    coefficients = np.linalg.lstsq(design, plane.response[known], rcond=None)[0]
    return np.asarray(design @ coefficients - coefficients[0])
