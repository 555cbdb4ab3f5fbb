"""Which images and which units of a network are measured: drawn by the study's seed, the same for every network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from closedloop.analysis.dispersion import sigma
from closedloop.errors import ImageError
from closedloop.models.site_model import predict
from closedloop.stimuli.pools import ImagePool, ProceduralPool, load_images, open_folder_pool

Floats = NDArray[np.float64]

_N_CATEGORIES, _N_PER_CATEGORY = 30, 1000


@dataclass(frozen=True)
class DrawnImages:
    """Clean images of one side, in a drawn order.

    Attributes
    ----------
    ids
        Names in the pool.
    pixels
        uint8, (n, side, side, 3).
    pool
        What ``open_pool`` needs to open the pool again.
    """

    ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    pool: dict[str, str | int]


@dataclass(frozen=True)
class DrawnUnits:
    """The units of one network.

    Attributes
    ----------
    chosen
        DrawnUnits to measure, in a drawn order.
    n_units, n_silent
        All units of the layer, and those among them that never vary over the clean images.
    responses
        To the clean images, (n_images, n_units).
    sigma
        SD over clean images, (n_units,), in response units.
    """

    chosen: tuple[int, ...]
    n_units: int
    n_silent: int
    responses: Floats
    sigma: Floats


def draw_images(folder: Path | None, *, side_px: int, n: int, seed: int) -> DrawnImages:
    """Draw clean images, at most as many as there are.

    Parameters
    ----------
    folder
        Photographs; None for computed images that no shipped network has seen.
    side_px
        Side of the images.
    n
        Images wanted.
    seed
        Seed of the study.

    Raises
    ------
    ImageError
        The folder cannot be used, or has fewer than two images.
    """
    pool = _pool(folder, side_px=side_px, seed=seed)
    ids = [image.image_id for image in pool.images()]
    if len(ids) < 2:
        raise ImageError(f"{folder}: expected at least two images, for a standard deviation, found one. Add some.")
    order = generator(seed, "images").permutation(len(ids))[:n]
    drawn = tuple(ids[place] for place in order)
    return DrawnImages(drawn, load_images(pool, drawn), pool.description())


def draw_units(model: nn.Module, images: DrawnImages, *, n: int, seed: int) -> DrawnUnits:
    """Draw units that vary over the clean images, at most as many as there are.

    Parameters
    ----------
    model
        Its outputs are the units.
    images
        The clean images.
    n
        Units wanted.
    seed
        Seed of the study.
    """
    responses = predict(model, images.pixels).astype(np.float64)
    spread = sigma(responses)
    order = generator(seed, "units").permutation(spread.size)
    return DrawnUnits(
        chosen=tuple(int(unit) for unit in order[spread[order] > 0][:n]),
        n_units=int(spread.size),
        n_silent=int((spread == 0).sum()),
        responses=responses,
        sigma=spread,
    )


def pairs(units: Iterable[int], *, n_images: int, images_per_unit: int) -> list[tuple[int, int]]:
    """Return (unit, image index) pairs that give each unit its own images; where they run out, the first serve again.

    Parameters
    ----------
    units
        Units to measure, in order.
    n_images
        Clean images that there are.
    images_per_unit
        Images wanted for each unit.
    """
    return [
        (unit, (place * images_per_unit + j) % n_images)
        for place, unit in enumerate(units)
        for j in range(min(images_per_unit, n_images))
    ]


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one purpose."""
    return np.random.default_rng(derived_seed(seed, name))


def derived_seed(seed: int, name: str) -> int:
    """Return a 63-bit seed from the study's and a name."""
    digest = hashlib.sha256(f"unit sensitivity|{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _pool(folder: Path | None, *, side_px: int, seed: int) -> ImagePool:
    if folder is not None:
        return open_folder_pool(folder, side_px)
    return ProceduralPool(
        seed=derived_seed(seed, "pool"), side_px=side_px, n_categories=_N_CATEGORIES, n_per_category=_N_PER_CATEGORY
    )
