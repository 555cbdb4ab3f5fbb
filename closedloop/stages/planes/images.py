"""A day's planes as bytes, where each image of them lies, and what the model says of their bend, sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.geometry.plane_fit import fit_plane
from closedloop.artifacts.protocol.plane import ImagePlanes
from closedloop.artifacts.tables import Columns
from closedloop.attacks.balls import PAPER_SIDE_PX
from closedloop.attacks.geometry.axes import PlaneAxes, plane_axes
from closedloop.attacks.geometry.planes import PlaneImages, plane_images
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.stages.changed.images import ChangedImages, Foretold

ImageBytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PlannedPlanes:
    """Planned rows of all planes.

    Attributes
    ----------
    items
        Rows of the table of items, of this kind alone, plane by plane.
    images
        The table of the day's clean images.
    clean
        Their pixels, uint8, (n_images, side, side, 3).
    clean_index
        Row of these beneath each item, (n_items,).
    """

    items: Columns
    images: Columns
    clean: ImageBytes
    clean_index: NDArray[np.int64]

    def n_planes(self, section: ImagePlanes) -> int:
        """Return how many there are."""
        return len(self.clean_index) // len(section.places)


@dataclass(frozen=True)
class MadePlanes:
    """A day's planes: images with their rows of the stimulus table and of the audit, and what is sealed of them."""

    images: ImageBytes
    rows: dict[str, Any]
    audit: dict[str, Any]
    planes: dict[str, Any]
    places: dict[str, Any]
    axes: dict[str, NDArray[np.float32]]


def make_planes(
    planned: PlannedPlanes, model: DayModel, section: ImagePlanes, *, first_index: int, seeds: Sequence[int]
) -> MadePlanes:
    """Ask the model for the directions of each plane, and make its images.

    Parameters
    ----------
    planned
        What is wanted.
    model
        The day's model, ready for attacks.
    section
        The protocol's.
    first_index
        Row of the first image in images.h5.
    seeds
        Where the search for a plane's second direction begins, one a plane.
    """
    n_each, n_planes = len(section.places), planned.n_planes(section)
    middle = planned.clean_index[::n_each]
    sites = planned.items["site_index"][::n_each].astype(np.int64)
    axes = plane_axes(model, planned.clean[middle], sites.tolist(), scale=section.scale, seeds=seeds)
    made = [_images_of(planned.clean[middle[plane]], axes, plane, section) for plane in range(n_planes)]
    images = np.concatenate([one.shown for one in made])
    site_of = np.repeat(sites, n_each)
    before = predict(model, planned.clean[middle]).astype(np.float64)[np.arange(n_planes), sites]
    after = predict(model, images).astype(np.float64)[np.arange(len(images)), site_of]
    places = _place_rows(made, section, middle, first_index=first_index)
    changed = ChangedImages(images, planned.items, planned.clean_index, planned.clean, planned.images)
    foretold = Foretold(np.repeat(before, n_each), after)
    rows = changed.stimulus_rows(foretold, first_index=first_index)
    of_planes = {
        "plane": np.arange(n_planes),
        "site_index": sites,
        "image_id": planned.images["image_id"][middle],
        "clean_index": middle,
        "extent": np.full(n_planes, section.extent),
        "scale": np.full(n_planes, section.scale),
        "steepness": axes.steepness,
        "curvature_at_scale": axes.curvature,
        **_predicted(places, before, after.reshape(n_planes, n_each), extent=section.extent),
    }
    directions = {"gradient": axes.gradient, "principal": axes.principal}
    return MadePlanes(images, rows, changed.audit_rows(foretold, rows), of_planes, places, directions)


def _images_of(clean: ImageBytes, axes: PlaneAxes, plane: int, section: ImagePlanes) -> PlaneImages:
    per_epsilon = clean.shape[0] / PAPER_SIDE_PX
    directions = (axes.gradient[plane].astype(np.float64), axes.principal[plane].astype(np.float64))
    return plane_images(clean, directions, np.array(section.places) * per_epsilon)


def _place_rows(
    made: Sequence[PlaneImages], section: ImagePlanes, middle: NDArray[np.int64], *, first_index: int
) -> dict[str, Any]:
    """Return a row an image, the clean one of each plane first."""
    wanted = np.vstack([np.zeros((1, 2)), np.array(section.places)])
    n_each, n_planes = len(section.places), len(made)
    per_px = PAPER_SIDE_PX / made[0].shown.shape[1]
    index = first_index + np.arange(n_planes * n_each).reshape(n_planes, n_each)

    def with_middle(name: str) -> NDArray[np.float64]:
        return np.concatenate([np.r_[0.0, getattr(one, name) * per_px] for one in made])

    return {
        "plane": np.repeat(np.arange(n_planes), n_each + 1),
        "image_index": np.c_[middle, index].ravel(),
        "along": np.tile(wanted[:, 0], n_planes),
        "across": np.tile(wanted[:, 1], n_planes),
        "shown_along": with_middle("along"),
        "shown_across": with_middle("across"),
        "off_plane": with_middle("off_plane"),
    }


def _predicted(
    places: dict[str, Any], before: NDArray[np.float64], after: NDArray[np.float64], *, extent: float
) -> dict[str, NDArray[np.float64]]:
    """Return the bend and the curvature over each plane of the model's own responses."""
    found = np.full((2, len(before)), np.nan)
    for plane, of_model in enumerate(np.c_[before, after]):
        own = places["plane"] == plane
        twice = np.repeat(of_model[:, None], 2, axis=1)  # without noise: two repetitions that agree
        fit = fit_plane(places["shown_along"][own], places["shown_across"][own], twice)
        if fit is not None:
            found[:, plane] = fit.bend * extent**2 / 2, fit.curvature
    return {"predicted_edge": found[0], "predicted_curvature": found[1]}
