"""A pool whose images are read once: a training draws each many times, and to decode a photograph takes longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.stimuli.port import ImagePool, PoolImage, Uint8Image, load_images

MOST_BYTES = 2 << 30
"""Pools that would take more memory are read from their files at every draw."""


@dataclass(frozen=True, eq=False)
class InMemoryPool:
    """The images of another pool, which were all read; made by `in_memory`.

    Attributes
    ----------
    pool
        The other one.
    pixels
        Its images in its order, uint8, (n_images, side_px, side_px, 3).
    """

    pool: ImagePool
    pixels: NDArray[np.uint8] = field(repr=False)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {image.image_id: place for place, image in enumerate(self.pool.images())}

    @property
    def side_px(self) -> int:
        """Height and width of every image."""
        return self.pool.side_px

    def images(self) -> tuple[PoolImage, ...]:
        """Return every image, sorted by ``image_id``."""
        return self.pool.images()

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3)."""
        return np.asarray(self.pixels[self._places[image_id]])

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open the pool again."""
        return self.pool.description()


def in_memory(pool: ImagePool, *, most_bytes: int = MOST_BYTES) -> ImagePool:
    """Read all images of a pool, where memory allows; else return the pool as it is.

    Parameters
    ----------
    pool
        Whose images will be drawn many times.
    most_bytes
        That the images may take.

    Raises
    ------
    ImageError
        An image cannot be read.

    Examples
    --------
    >>> from closedloop.stimuli import ProceduralPool
    >>> pool = in_memory(ProceduralPool(seed=0, n_categories=2, n_per_category=2))
    >>> pool.load("disk-plain-000001").shape
    (32, 32, 3)
    """
    names = tuple(image.image_id for image in pool.images())
    if len(names) * pool.side_px**2 * 3 > most_bytes:
        return pool
    return InMemoryPool(pool, load_images(pool, names))
