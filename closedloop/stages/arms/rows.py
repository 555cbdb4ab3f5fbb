"""Attacks of a day's arms as the stage `plan` plans them: the same images and sites for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.protocol.arms.section import ARM, Arm, Arms

Item = dict[str, str | int | float]
Image = TypeVar("Image")


def arm_items(
    queue: ImageQueue,
    section: Arms,
    *,
    sites: Sequence[int],
    seed: int,
    n_pairs: Mapping[str, int] | None = None,
) -> list[tuple[Arm, Item]]:
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
    n_pairs
        Of each arm by its name, where earlier days decided; None: what its own share gives it.
    """
    if queue.day < section.first_day or not section.arms:
        return []
    pairs = pairs_of_day(queue.anchors, section.sites_of(sites), seed=seed)
    return [
        (
            arm,
            {
                "item_id": item_name(arm, image.image_id, site, epsilon=epsilon, target=target),
                "kind": ARM,
                "image_id": image.image_id,
                "role": "anchor",
                "other_image_id": "",
                "site_index": site,
                "epsilon": stated.widest_epsilon if (stated := arm.stated(epsilon)) is not None else epsilon,
                "repetitions": section.repetitions,
            },
        )
        for arm in section.arms
        for image, site in pairs[: section.pairs_of(arm) if n_pairs is None else n_pairs[arm.name]]
        for epsilon in section.epsilons_of(arm)
        for target in arm.asked
    ]


def item_name(arm: Arm, image_id: str, site: int, *, epsilon: float, target: float) -> str:
    """Return the name of an item: from it the random start derives.

    Parameters
    ----------
    arm
        Who makes it.
    image_id, site
        The pair.
    epsilon
        Radius of the ball.
    target
        Level as the protocol states it; NaN where none is asked.
    """
    asked = "" if math.isnan(target) else f"|target-{target:g}"
    return f"{image_id}|arm-{arm.name}|site-{site}|epsilon-{epsilon:g}{asked}"


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
    return pairs_in_turn([images[image] for image in order], [sites[site] for site in turns])


def pairs_in_turn(images: Sequence[Image], sites: Sequence[int]) -> list[tuple[Image, int]]:
    """Return every pair of an image and a site once: each image in turn, with another site in each turn.

    Parameters
    ----------
    images, sites
        In their order.

    Examples
    --------
    >>> pairs_in_turn("ab", (1, 2))
    [('a', 1), ('b', 2), ('a', 2), ('b', 1)]
    """
    n_sites = len(sites)
    return [(image, sites[(place + turn) % n_sites]) for turn in range(n_sites) for place, image in enumerate(images)]
