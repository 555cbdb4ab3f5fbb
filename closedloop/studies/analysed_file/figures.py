"""Figures of a file: each site's reliability and sigma with intervals, and what it answers to categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing


def sites_in_order(sites: Columns, recordings: Sequence[str], *, unit: str) -> Figure:
    """Draw reliability and sigma of all sites, each recording's in ascending order, a row a recording.

    Parameters
    ----------
    sites
        Table ``ANALYSED_SITES``.
    recordings
        In the order of the rows.
    unit
        Of the responses; empty where unknown.
    """
    of_unit = f" ({unit})" if unit else ""
    figure, panels = drawing.new_figure(2, len(recordings), width=9.0, height=1.0 + 2.2 * len(recordings), sharex=True)
    for row, name in enumerate(recordings):
        own = sites["recording"] == name
        for axes, column, label in (
            (panels[2 * row], "reliability", "reliability"),
            (panels[2 * row + 1], "sigma", f"sigma{of_unit}"),
        ):
            values, low, high = (sites[f"{column}{end}"][own] for end in ("", "_low", "_high"))
            _ascending(axes, name, values, low, high, colour=drawing.SITE)
            axes.set_ylabel(label)
            if len(recordings) > 1:
                axes.set_title(name, loc="left")
        panels[2 * row].axhline(0, color=drawing.SOFT, linewidth=0.8)
    for axes in panels[-2:]:
        _sites_axis(axes)
    return figure


def levels_in_order(rows: Sequence[Mapping[str, Any]], *, unit: str) -> Figure:
    """Draw each site's response to new images of its preferred and its least preferred category.

    Parameters
    ----------
    rows
        Of the sites, as `closedloop.studies.preferred_categories` has them.
    unit
        Of the responses; empty where unknown.
    """
    figure, (axes,) = drawing.new_figure(width=8.0, height=3.4)
    known = [row for row in rows if np.isfinite(row["preferred_hz"])]
    order = sorted(known, key=lambda row: row["preferred_hz"])
    place = np.arange(len(order))
    for name, label, colour in (
        ("preferred", "preferred category", drawing.PREFERRED),
        ("least", "least preferred", drawing.SITE),
    ):
        values, low, high = (np.array([row[f"{name}{end}"] for row in order]) for end in ("_hz", "_low_hz", "_high_hz"))
        axes.vlines(place, low, high, color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(place, values, "o", color=colour, markersize=4, label=label)
        drawing.note_numbers(axes, label, place.tolist(), values.tolist(), low=low.tolist(), high=high.tolist())
    _sites_axis(axes)
    axes.set_ylabel(f"level ({unit})" if unit else "level")
    axes.legend()
    return figure


def predicted_sites(predicted: Columns) -> Figure:
    """Draw how well each site is predicted, over its ceiling.

    Parameters
    ----------
    predicted
        ``site``, ``correlation`` with ``low`` and ``high``, ``ceiling``.
    """
    figure, (axes,) = drawing.new_figure(width=5.2, height=4.4)
    ceiling, found = predicted["ceiling"], predicted["correlation"]
    axes.vlines(ceiling, predicted["low"], predicted["high"], color=drawing.SITE_LIGHT, linewidth=1.5)
    axes.plot(ceiling, found, "o", color=drawing.SITE, markersize=5)
    axes.axline((0, 0), slope=1, color=drawing.SOFT, linewidth=1)
    axes.set_xlabel("noise ceiling")
    axes.set_ylabel("held-out correlation (ridge)")
    drawing.note_numbers(
        axes,
        "sites",
        ceiling.tolist(),
        found.tolist(),
        low=predicted["low"].tolist(),
        high=predicted["high"].tolist(),
    )
    return figure


def _sites_axis(axes: Axes) -> None:
    axes.set_xlabel("sites, in ascending order")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _ascending(
    axes: Axes,
    name: str,
    values: np.ndarray[Any, Any],
    low: np.ndarray[Any, Any],
    high: np.ndarray[Any, Any],
    *,
    colour: str,
) -> None:
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    place = np.arange(len(order))
    axes.vlines(place, low[order], high[order], color=colour, linewidth=1.2, alpha=0.6)
    axes.plot(place, values[order], "o", color=colour, markersize=3.5)
    drawing.note_numbers(
        axes, name, place.tolist(), values[order].tolist(), low=low[order].tolist(), high=high[order].tolist()
    )
