"""Evolving images as the stage `plan` plans them: how many for which sites, how often; what is on them nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.protocol.evolution.section import COMPARED_KINDS, EVOLUTION, EVOLVED, Evolution

Item = dict[str, str | int | float]


def evolution_items(day: int, section: Evolution, *, sites: Sequence[int]) -> list[Item]:
    """Plan a session's images as rows of the table of items, site by site.

    Parameters
    ----------
    day
        Of the session.
    section
        The protocol's, with the numbers of the session.
    sites
        Outputs of the model that are attacked, the most reliable ones of day 0 first.
    """
    if day < section.first_day:
        return []
    return [
        {
            "item_id": f"{kind}|site-{site}|{place}",
            "kind": kind,
            "image_id": "",
            "role": EVOLUTION,
            "other_image_id": "",
            "site_index": site,
            "epsilon": 0.0,
            "repetitions": repetitions,
        }
        for site in sites[: section.n_sites]
        for kind, n_images, repetitions in (
            (EVOLVED, section.images, section.repetitions),
            *((kind, 1, section.compared) for kind in COMPARED_KINDS if section.compared),
        )
        for place in range(n_images)
    ]
