"""How the sites' responses bend over a day's planes: a quadratic surface each, beside what was sealed of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.geometry.plane_fit import PlaneFit, fit_plane
from closedloop.analysis.intervals import student_95
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.day.evaluation import PLANE_CURVATURES
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.tables import Columns, as_arrays

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SealedPlanes:
    """What was sealed of a session's planes: the tables `PLANES` and `PLANE_PLACES`."""

    planes: Columns
    places: Columns


def plane_curvatures(
    day: DayResponses, sealed: SealedPlanes, *, sigma_hz: Floats, true_rates_hz: Floats | None
) -> dict[str, Any]:
    """Return the table of curvatures of a session.

    Parameters
    ----------
    day
        What the sites answered.
    sealed
        Which images make up each plane, and what the model said of it.
    sigma_hz
        SD over clean images of each site, (n_sites,).
    true_rates_hz
        Of a simulated subject, (n_images, n_sites), without noise; None of a real one.
    """
    names = [site.site_index for site in day.sites]
    by_image = repetitions_of(day.rates_hz, day.image_index, n_images=day.n_images)
    rows = []
    for place in range(len(sealed.planes["plane"])):
        own = {name: column[place] for name, column in sealed.planes.items()}
        if own["site_index"] not in names:
            continue  # its electrode is no longer recorded
        site = names.index(own["site_index"])
        of_plane = sealed.places["plane"] == own["plane"]
        index = sealed.places["image_index"][of_plane].astype(np.int64)
        along, across = (sealed.places[name][of_plane] for name in ("shown_along", "shown_across"))
        measured = fit_plane(along, across, by_image[index, site] / sigma_hz[site])
        known = np.isfinite(by_image[index, site]).any(axis=1)
        true = None
        if true_rates_hz is not None and measured is not None:  # over the same images as were measured
            rates = true_rates_hz[index[known], site] / sigma_hz[site]
            true = fit_plane(along[known], across[known], np.repeat(rates[:, None], 2, axis=1))
        rows.append(
            {
                **{
                    name: own[name] for name in ("plane", "image_id", "extent", "predicted_edge", "predicted_curvature")
                },
                "neuroid_id": day.sites[site].neuroid_id,
                **_measured(measured, extent=float(own["extent"])),
                "true_edge": true.bend * own["extent"] ** 2 / 2 if true else math.nan,
                "true_curvature": true.curvature if true else math.nan,
            }
        )
    return as_arrays(rows, PLANE_CURVATURES)


def _measured(fit: PlaneFit | None, *, extent: float) -> dict[str, float]:
    """Return the numbers of a plane; NaN of one that was hardly shown, and no interval where no repetition differed."""
    if fit is None:
        numbers = dict.fromkeys(_NUMBERS, math.nan)
        return {**numbers, "n_images": 0, "n_presentations": 0}
    to_edge = extent**2 / 2
    edge, error = fit.bend * to_edge, fit.bend_error * to_edge
    half = student_95(fit.degrees) * error if error > 0 else math.nan
    low, high = fit.curvature_interval if error > 0 else (-math.inf, math.inf)
    return {
        "n_images": fit.n_images,
        "n_presentations": fit.n_presentations,
        "slope": fit.slope,
        "slope_error": fit.slope_error,
        "tilt": fit.tilt,
        "tilt_error": fit.tilt_error,
        "edge": edge,
        "edge_error": error,
        "edge_low": edge - half,
        "edge_high": edge + half,
        "p": fit.bend_p,
        "curvature": fit.curvature,
        "curvature_low": low,
        "curvature_high": high,
        "explained": fit.explained,
    }


_NUMBERS = (
    *("slope", "slope_error", "tilt", "tilt_error", "edge", "edge_error", "edge_low", "edge_high", "p"),
    *("curvature", "curvature_low", "curvature_high", "explained"),
)
