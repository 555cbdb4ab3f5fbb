"""Attacks of a day's arms as the stage `plan` plans them: the same images and sites for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.protocol.arms.section import ARM, Arm, Arms

Item = dict[str, str | int | float]


def arm_items(queue: ImageQueue, section: Arms, *, sites: Sequence[int], seed: int) -> list[tuple[Arm, Item]]:
    """Plan the attacks of all arms, arm by arm, each on the first of the day's pairs of an anchor and a site.

    Parameters
    ----------
    queue
        The session's images.
    section
        The protocol's.
    sites
        Outputs of the model that are attacked.
    seed
        Of the order of pairs.
    """
    if queue.day < section.first_day or not section.arms:
        return []
    pairs = pairs_of_day(queue.anchors, sites, seed=seed)
    return [
        (
            arm,
            {
                "item_id": f"{image.image_id}|arm-{arm.name}|site-{site}|epsilon-{epsilon:g}",
                "kind": ARM,
                "image_id": image.image_id,
                "role": "anchor",
                "other_image_id": "",
                "site_index": site,
                "epsilon": epsilon,
                "repetitions": section.repetitions,
            },
        )
        for arm in section.arms
        for image, site in pairs[: section.pairs_of(arm)]
        for epsilon in section.epsilons
    ]


def pairs_of_day(images: Sequence[QueuedImage], sites: Sequence[int], *, seed: int) -> list[tuple[QueuedImage, int]]:
    """Return every pair of an image and a site once: each image in turn, with another site in each turn.

    Parameters
    ----------
    images
        Anchors.
    sites
        Outputs of the model.
    seed
        Of the order of both.
    """
    random = np.random.default_rng(seed)
    order, turns = random.permutation(len(images)), random.permutation(len(sites))
    return [
        (images[image], sites[turns[(place + turn) % len(sites)]])
        for turn in range(len(sites))
        for place, image in enumerate(order)
    ]
