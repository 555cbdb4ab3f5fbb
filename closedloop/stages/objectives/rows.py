"""Images that are to attain an objective, as the stage `plan` plans them: which anchor, which site, how often."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE, StatedObjective, objectives_on

Item = dict[str, str | int | float]


def objective_rows(queue: ImageQueue, objectives: Sequence[StatedObjective], *, sites: Sequence[int]) -> list[Item]:
    """Plan a session's images as rows of the table of items, objective by objective.

    Which clean image a maximised one begins with the model decides, so that the anchor named here stands for any.

    Parameters
    ----------
    queue
        The session's clean images.
    objectives
        The protocol's, with the numbers of the session.
    sites
        Outputs of the model that are attacked, the most reliable ones of day 0 first.
    """
    if not sites:
        return []
    return [
        {
            "item_id": item_name(one, queue.anchors[image].image_id, site, target),
            "kind": OBJECTIVE,
            "image_id": queue.anchors[image].image_id,
            "role": "anchor",
            "other_image_id": "",
            "site_index": site,
            "epsilon": one.widest_epsilon,
            "repetitions": one.repetitions,
        }
        for one in objectives_on(objectives, queue.day)
        for image, site, target in one.places(sites)
    ]


def item_name(objective: StatedObjective, image_id: str, site: int, target: float) -> str:
    """Return the name of an item: from it the random start derives.

    Parameters
    ----------
    objective
        Which.
    image_id
        Of the anchor.
    site
        Output of the model; -1 for all.
    target
        As the protocol states it; NaN for none.
    """
    aimed = "" if site < 0 else f"|site-{site}"
    return f"{image_id}{aimed}|{objective.name}" + ("" if math.isnan(target) else f"|target-{target:g}")
