"""Planes of a day as the stage `plan` plans them: which clean images, which places around each, how often."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.protocol.plane import PLANE, ImagePlanes

Item = dict[str, str | int | float]


def middle_images(queue: ImageQueue, section: ImagePlanes, *, sites: Sequence[int]) -> list[Item]:
    """Plan the clean images in the middle of the planes, each shown as often as every other image of its plane.

    Parameters
    ----------
    queue
        The session's images.
    section
        The protocol's.
    sites
        Outputs of the model that are attacked, the most reliable ones of day 0 first.
    """
    return [
        {"image_id": image.image_id, "category": image.category, "role": PLANE, "repetitions": section.repetitions}
        for image, _ in _middles(queue, section, sites)
    ]


def plane_items(queue: ImageQueue, section: ImagePlanes, *, sites: Sequence[int]) -> list[Item]:
    """Plan the images around them, site by site, in the order of `ImagePlanes.places`.

    Parameters
    ----------
    queue, section, sites
        See `middle_images`.
    """
    return [
        {
            "item_id": f"{image.image_id}|site-{site}|along-{along:g}|across-{across:g}",
            "kind": PLANE,
            "image_id": image.image_id,
            "role": PLANE,
            "other_image_id": "",
            "site_index": site,
            "epsilon": math.hypot(along, across),
            "repetitions": section.repetitions,
        }
        for image, site in _middles(queue, section, sites)
        for along, across in section.places
    ]


def _middles(queue: ImageQueue, section: ImagePlanes, sites: Sequence[int]) -> list[tuple[QueuedImage, int]]:
    return list(zip(queue.plane, sites[: section.n_sites], strict=False))
