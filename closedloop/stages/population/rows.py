"""Which images a day changes to mislead a decoder of all sites, and the noise beside each."""

from __future__ import annotations

from closedloop.artifacts.day.population.kinds import POPULATION, POPULATION_NOISE
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.protocol.population import Population


def population_rows(queue: ImageQueue, population: Population) -> list[dict[str, str | int | float]]:
    """Plan a session's attacks on a decoder as rows of the table of items: attacks first, then their noise.

    Parameters
    ----------
    queue
        The session's clean images.
    population
        The protocol's section, with the numbers of the session.
    """
    if not population.n_made(queue.day):
        return []
    role, images = ("anchor", queue.anchors) if population.images == "anchors" else ("clean", queue.clean)
    return [
        {
            "item_id": f"{image.image_id}|{kind.replace('_', '-')}|epsilon-{epsilon:g}",
            "kind": kind,
            "image_id": image.image_id,
            "role": role,
            "other_image_id": "",
            "site_index": -1,
            "epsilon": epsilon,
            "repetitions": population.repetitions,
        }
        for kind in (POPULATION, POPULATION_NOISE)
        for image in images[: population.n_images]
        for epsilon in population.epsilons
    ]
