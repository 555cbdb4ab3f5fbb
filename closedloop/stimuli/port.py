"""What every pool of clean images offers, and what can be done with any of them.

A pool hands out uint8 images of one size; the identity of an image is a text within its pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Uint8Image = NDArray[np.uint8]


@dataclass(frozen=True)
class PoolImage:
    """One image that a pool can load: its identity within the pool and its category.

    Examples
    --------
    >>> PoolImage("cat/1.png", "cat").category
    'cat'
    """

    image_id: str
    category: str


class ImagePool(Protocol):
    """Clean images of one size."""

    @property
    def side_px(self) -> int:
        """Height and width of every image."""

    def images(self) -> tuple[PoolImage, ...]:
        """Return every image, sorted by ``image_id``."""

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3)."""

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open this pool again."""


def load_images(pool: ImagePool, image_ids: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return several images of a pool, uint8, shape (n, side_px, side_px, 3), in the order asked for.

    Examples
    --------
    >>> from closedloop.stimuli import ProceduralPool
    >>> pool = ProceduralPool(seed=0, n_categories=2, n_per_category=2)
    >>> load_images(pool, tuple(image.image_id for image in pool.images())).shape
    (4, 32, 32, 3)
    """
    batch = np.empty((len(image_ids), pool.side_px, pool.side_px, 3), dtype=np.uint8)
    for row, image_id in enumerate(image_ids):
        batch[row] = pool.load(image_id)
    return batch


def images_by_category(pool: ImagePool) -> dict[str, tuple[str, ...]]:
    """Return the image identities of each category, both sorted."""
    groups: dict[str, list[str]] = {}
    for image in pool.images():
        groups.setdefault(image.category, []).append(image.image_id)
    return {category: tuple(groups[category]) for category in sorted(groups)}
