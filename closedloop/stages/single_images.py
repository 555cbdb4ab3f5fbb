"""Single images of a few sites, as the stage `plan` plans them: which images, which sites, how often (Figure 3B)."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.protocol.image_sensitivity import REPEATED, ImageSensitivity
from closedloop.artifacts.protocol.protocol import Protocol

Item = dict[str, str | int | float]


def repeated_images(queue: ImageQueue, section: ImageSensitivity) -> list[Item]:
    """Plan the clean images: all sites share them, and each is shown as often as every attack on it."""
    return [
        {
            "image_id": image.image_id,
            "category": image.category,
            "role": REPEATED,
            "repetitions": section.repetitions,
        }
        for image in queue.repeated
    ]


def repeated_attacks(queue: ImageQueue, protocol: Protocol, *, sites: Sequence[int]) -> list[Item]:
    """Plan an attack for each of the images, sites and epsilons.

    Parameters
    ----------
    queue
        The session's images.
    protocol
        Its section image_sensitivity, and the epsilons of its section attack where that one has none.
    sites
        Outputs of the model that are attacked, the most reliable ones of day 0 first, as sites are numbered.
    """
    section = protocol.image_sensitivity
    return [
        {
            "item_id": f"{image.image_id}|site-{site}|epsilon-{epsilon:g}",
            "kind": REPEATED,
            "image_id": image.image_id,
            "role": REPEATED,
            "other_image_id": "",
            "site_index": site,
            "epsilon": epsilon,
            "repetitions": section.repetitions,
        }
        for site in sites[: section.n_sites]
        for image in queue.repeated
        for epsilon in section.epsilons or protocol.attack.epsilons
    ]
