"""Planes of images through an image: what a response does on them, and their images as bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.geometry.responses import ResponseOf
from closedloop.attacks.lattice.grid import GREY_LEVELS

Floats = NDArray[np.float64]


def plane_responses(response: ResponseOf, images: Tensor, axes: tuple[Tensor, Tensor], places: Tensor) -> Tensor:
    """Return a response on a square grid of a plane through each image.

    Parameters
    ----------
    response
        Whose.
    images
        (n, 3, height, width).
    axes
        Two directions of each plane, of length 1, (n, 3, height, width) each.
    places
        Of the grid along either, in pixel units in [0, 1] at this image size, (n_places,).

    Returns
    -------
    Tensor
        (n, n_places along the first axis, n_places along the second).
    """
    n_places = len(places)
    first, second = (axis[:, None] for axis in axes)
    u, v = places.repeat_interleave(n_places), places.repeat(n_places)
    grid = images[:, None] + u[None, :, None, None, None] * first + v[None, :, None, None, None] * second
    return response.value(grid).reshape(len(images), n_places, n_places)


@dataclass(frozen=True)
class PlaneImages:
    """Images of a plane through a clean image, as bytes, and where they really lie.

    Attributes
    ----------
    shown
        uint8, (n_places, height, width, 3).
    along, across
        Where each lies on the two axes by its bytes, pixel units in [0, 1] at this image size, (n_places,).
    off_plane
        How far it lies beside the plane, by rounding and by black and white, likewise, (n_places,).
    """

    shown: NDArray[np.uint8]
    along: Floats
    across: Floats
    off_plane: Floats


def plane_images(clean: NDArray[np.uint8], axes: tuple[Floats, Floats], places: Floats) -> PlaneImages:
    """Make the images of a plane: each value rounded to its grey level, and no further than black and white.

    Parameters
    ----------
    clean
        Clean image, uint8, (height, width, 3).
    axes
        Two directions at right angles, of length 1, (height, width, 3) each.
    places
        Where on the two axes, pixel units in [0, 1] at this image size, (n_places, 2).

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.full((8, 8, 3), 100, dtype=np.uint8)
    >>> u, v = np.zeros((2, 8, 8, 3))
    >>> u[0, 0, 0] = v[0, 0, 1] = 1.0
    >>> made = plane_images(clean, (u, v), np.array([[0.2, 0.9]]))
    >>> made.shown[0, 0, 0].tolist(), made.along.round(2).tolist(), made.across.round(2).tolist()
    ([151, 255, 100], [0.2], [0.61])
    """
    first, second = (axis.astype(np.float64).ravel() for axis in axes)
    wanted = clean.astype(np.float64).ravel() + GREY_LEVELS * (places @ np.stack([first, second]))
    shown = np.clip(np.rint(wanted), 0, GREY_LEVELS)
    moved = (shown - clean.astype(np.float64).ravel()) / GREY_LEVELS
    along, across = moved @ first, moved @ second
    beside = moved - np.outer(along, first) - np.outer(across, second)
    return PlaneImages(
        shown.astype(np.uint8).reshape(len(places), *clean.shape), along, across, np.linalg.norm(beside, axis=1)
    )
