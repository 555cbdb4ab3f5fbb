"""The rows of a day's plan for category preference: clean images, and the attacks on those a site likes least."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.day.queue import SitePreference
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.protocol.preference import Preference

Item = dict[str, str | int | float]


def planned_images(chosen: Sequence[SitePreference], preference: Preference) -> list[Item]:
    """Return the rows of the clean images, preferred ones before the others of each site.

    Parameters
    ----------
    chosen
        The sites that are attacked.
    preference
        The protocol's section.
    """
    return [
        {
            "image_id": image.image_id,
            "category": image.category,
            "role": PREFERENCE,
            "repetitions": preference.repetitions,
        }
        for one in chosen
        for image in one.images
    ]


def planned_attacks(
    chosen: Sequence[SitePreference], preference: Preference, *, epsilons: tuple[float, ...]
) -> list[Item]:
    """Return a row an attack: each site on its own images of the categories it likes least, at each epsilon.

    Parameters
    ----------
    chosen
        The sites that are attacked.
    preference
        The protocol's section.
    epsilons
        Where it names none.
    """
    return [
        {
            "item_id": f"{image.image_id}|{PREFERENCE}|site-{one.site_index}|epsilon-{epsilon:g}",
            "kind": PREFERENCE,
            "image_id": image.image_id,
            "role": PREFERENCE,
            "other_image_id": "",
            "site_index": one.site_index,
            "epsilon": epsilon,
            "repetitions": preference.repetitions,
        }
        for one in chosen
        for image in one.least_images
        for epsilon in preference.epsilons or epsilons
    ]
