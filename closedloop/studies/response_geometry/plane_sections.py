"""Sections of the page on recorded planes: what was found on them, and whether their intervals hold the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.layout import PageSection, plate
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent
from closedloop.studies.response_geometry import figures

if TYPE_CHECKING:
    from closedloop.studies.response_geometry.measure import MeasuredGeometry

_WIDE_PX, _LEAST_P = 640, 0.001


def planes_section(found: MeasuredGeometry) -> PageSection:
    """Return the recorded planes, as figure and table.

    Parameters
    ----------
    found
        What was found.
    """
    planes = found.planes
    if not len(planes["day"]):
        return PageSection("planes", "Recorded planes", found.document.planes)
    caption = (
        "Each square an image, its mean response minus the clean image's (middle). Green: where the fitted quadratic "
        "surface has its own value at the clean image; dashed: where the model, before the session, said that the "
        "response would be the clean image's. Squares lie where the bytes do, nearer than wanted and beside the plane "
        "(table). Both directions are the model's: the second one is a hypothesis of where the site bends most, not "
        "the site's own principal direction."
    )
    if len(found.shown) > figures.MOST_PLANES:
        caption += f" The first {figures.MOST_PLANES} of {count(len(found.shown))} planes; the table has all."
    shown = plate(figures.recorded(found.shown, planes), "Planes as recorded", caption=caption, least_width_px=_WIDE_PX)
    return PageSection(
        "planes",
        "Recorded planes",
        found.document.planes,
        wide=(shown,),
        tables=(_plane_table(found), *_truth(planes)),
    )


def _plane_table(found: MeasuredGeometry) -> Table:
    rows = []
    for own, plane in zip(_rows(found.planes), found.shown, strict=True):
        reach = (float(np.abs(one).max()) for one in (plane.along, plane.across))
        cells = [
            f"{own['neuroid_id']}, day {own['day']}",
            count(int(own["n_presentations"])),
            _slope(own),
            _bend(own),
            _p(float(own["p_corrected"])),
            _told(own["foretold_edge"]),
            _told(own["curvature"], digits=4),
            _interval(own),
            _told(own["predicted_curvature"], digits=4),
            percent(float(np.clip(own["explained"], 0, 1))) if np.isfinite(own["explained"]) else DASH,
            ", ".join(f"{one:.1f}" for one in reach),
            f"{plane.beside.max():.1f}",
        ]
        rows.append(tuple(cells))
    extent = float(found.planes["extent"][0])
    return Table(
        columns=(
            *(
                "",
                "showings",
                "slope (σ)",
                "bend (σ)",
                "p, Holm",
                "foretold (σ)",
                "κ (1/ε)",
                "95 % interval",
                "foretold",
            ),
            *("quadratic", "reached (ε)", "beside (ε)"),
        ),
        rows=tuple(rows),
        caption=f"Slope and bend: what they add at the middle of a side, {extent:g} ε from the clean image; where "
        "images reach less far, an extrapolation. Reached: the furthest images along and across, by their bytes; "
        "beside: how far an image lies beside the plane, at most, by whole grey levels, black and white. κ = -c / |g| "
        "of the quadratic surface nearest to the responses over the plane, so its scale is the plane's; its interval "
        "is Fieller's, with each image's noise from its own repetitions (closed form, no bootstrap). Foretold: the "
        "same of the model's responses, sealed, a bend put in σ by the day's own scale (–: evaluated before "
        "closedloop kept that). Quadratic: part of the noiseless variance over images that it has, "
        "0 to 100 %: noise is taken off by its estimate, which may be too large. –: not known, as no repetitions "
        "differ or too few images were shown.",
    )


def _truth(planes: Columns) -> tuple[Table, ...]:
    if not np.isfinite(planes["true_edge"]).any():
        return ()
    rows = tuple(
        (
            str(own["neuroid_id"]),
            _bend(own),
            _told(own["true_edge"]),
            f"{_told(own['curvature'], digits=4)}, {_interval(own)}" if np.isfinite(own["curvature"]) else DASH,
            _told(own["true_curvature"], digits=4),
        )
        for own in _rows(planes)
    )
    return (
        Table(
            columns=("", "bend (σ)", "hidden", "κ (1/ε)", "hidden"),
            rows=rows,
            caption="SIMULATION ONLY: hidden, the same fit of the cortex's own rates over the same images, without "
            "noise and adaptation. Adaptation takes some hundredths off all recorded rates: of a bend, not of a "
            "curvature.",
        ),
    )


def coverage_section(coverage: Columns) -> PageSection:
    """Return how many intervals of simulated planes hold the truth.

    Parameters
    ----------
    coverage
        `PLANE_COVERAGE`.
    """
    rows = tuple(
        (
            {"edge": "bend at the edge", "curvature": "curvature κ"}[own["of"]],
            count(int(own["n"])),
            percent(float(own["rate"])),
            f"{percent(float(own['low']))} to {percent(float(own['high']))}",
            count(int(own["unbounded"])),
            number(float(own["median_width"])) if np.isfinite(own["median_width"]) else DASH,
        )
        for own in _rows(coverage)
    )
    table = Table(
        columns=("", "sites (n)", "holds the truth", "95 % interval", "without an end", "median width"),
        rows=rows,
        caption="Planes of simulated sites, shown in memory in one shuffled session a subject with the simulation's "
        "noise, slow gains and adaptation. The truth is what the same fit says of the hidden rates, times what "
        "adaptation leaves of the site's mean rate. Without an end: the "
        "slope cannot be told from zero, and the curvature can be anything; such intervals count as holding.",
    )
    return PageSection("coverage", "Whether the intervals hold the truth", tables=(table,))


def _rows(table: Columns) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _told(value: float, *, digits: int = 2) -> str:
    return f"{value:+.{digits}f}" if np.isfinite(value) else DASH


def _slope(own: dict[str, Any]) -> str:
    error = f" ± {own['slope_error'] * own['extent']:.2f}" if np.isfinite(own["slope_error"]) else ""
    return _told(own["slope"] * own["extent"]) + error


def _bend(own: dict[str, Any]) -> str:
    interval = f" [{own['edge_low']:+.2f}, {own['edge_high']:+.2f}]" if np.isfinite(own["edge_low"]) else ""
    return _told(own["edge"]) + interval


def _p(p: float) -> str:
    if np.isnan(p):
        return DASH
    return f"{p:.3f}" if p >= _LEAST_P else "< .001"


def _interval(own: dict[str, Any]) -> str:
    if np.isnan(own["curvature"]):
        return DASH
    bounded = np.isfinite(own["curvature_low"])
    return f"[{own['curvature_low']:+.4f}, {own['curvature_high']:+.4f}]" if bounded else "slope not sure"
