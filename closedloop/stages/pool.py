"""The study's image pool, and images of it as the queue's documents name them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.artifacts.day.queue import QueuedImage
from closedloop.artifacts.study import StudyDocument
from closedloop.stimuli.drawing import draw_balanced
from closedloop.stimuli.pools import ImagePool, PoolImage, open_pool


def open_study_pool(study: StudyDocument) -> ImagePool:
    """Open the pool that the study was made with.

    Raises
    ------
    ImageError
        Its folder is gone.
    """
    return open_pool(study.pool.model_dump(exclude_none=True))


def draw(
    images: Sequence[PoolImage], n_images: int, *, used: set[str], seed: int, place: str
) -> tuple[QueuedImage, ...]:
    """Draw unused images, balanced over categories, and add them to `used`."""
    drawn = draw_balanced(images, n_images, used=used, generator=np.random.default_rng(seed), place=place)
    used.update(image.image_id for image in drawn)
    return tuple(QueuedImage(image_id=image.image_id, category=image.category) for image in drawn)
