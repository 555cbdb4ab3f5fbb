"""Draw clean images from the study's pool, named as the queue's documents name them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.artifacts.day.queue import QueuedImage
from closedloop.stimuli.drawing import draw_balanced
from closedloop.stimuli.pools import PoolImage


def draw(
    images: Sequence[PoolImage], n_images: int, *, used: set[str], seed: int, place: str
) -> tuple[QueuedImage, ...]:
    """Draw unused images, balanced over categories, and add them to `used`.

    Parameters
    ----------
    images
        The pool's.
    n_images
        How many to draw.
    used
        Names of images that were drawn before; grows by what is drawn.
    seed
        Seed of the draw.
    place
        What the images are for, as an error says it.

    Raises
    ------
    ImageError
        Too few are left.
    """
    drawn = draw_balanced(images, n_images, used=used, generator=np.random.default_rng(seed), place=place)
    used.update(image.image_id for image in drawn)
    return tuple(QueuedImage(image_id=image.image_id, category=image.category) for image in drawn)
