"""Drawing clean images from a pool: balanced over categories, never one that was used before."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from closedloop.errors import ImageError
from closedloop.stimuli.port import PoolImage


def draw_balanced(
    images: Sequence[PoolImage], n_images: int, *, used: Collection[str], generator: np.random.Generator, place: str
) -> tuple[PoolImage, ...]:
    """Draw images in turn from every category, in random order, until there are enough.

    Parameters
    ----------
    images
        The whole pool.
    n_images
        How many to draw; category counts differ by at most one as long as every category lasts.
    used
        ``image_id`` of images that must not be drawn again.
    generator
        Decides the draw.
    place
        What the message begins with: for which day the images are.

    Raises
    ------
    ImageError
        The pool has fewer unused images.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.stimuli import ProceduralPool
    >>> pool = ProceduralPool(seed=0, n_categories=3, n_per_category=10)
    >>> drawn = draw_balanced(pool.images(), 6, used=(), generator=np.random.default_rng(0), place="day 0")
    >>> sorted(image.category for image in drawn)
    ['disk-checks', 'disk-checks', 'disk-plain', 'disk-plain', 'disk-stripes', 'disk-stripes']
    """
    unused = [image for image in images if image.image_id not in used]
    if len(unused) < n_images:
        raise ImageError(
            f"image pool: expected {n_images} unused images for {place}, found {len(unused)} of {len(images)}. "
            "A study draws from the images that were there when it was made: put back those that are gone from the "
            "folder, or make a new study, from more images or with lower images.clean_per_day, anchors or normalizers."
        )
    groups: dict[str, list[PoolImage]] = {}
    for index in generator.permutation(len(unused)):
        groups.setdefault(unused[index].category, []).append(unused[index])
    names = sorted(groups)
    turns = [
        (turn, rank, groups[name][turn])
        for rank, name in zip(generator.permutation(len(names)), names, strict=True)
        for turn in range(len(groups[name]))
    ]
    return tuple(image for _, _, image in sorted(turns, key=lambda entry: entry[:2])[:n_images])
