"""Which categories each site likes most and least by the days before, and fresh images of them.

What is chosen goes by all that was recorded, whatever people leave out of the evaluation later: a wrong choice biases
nothing, because levels are measured on fresh images.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.categories.preferred import category_means
from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.day.queue import QueuedImage, SitePreference
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import FITTED_ROLES, scaling_rows
from closedloop.artifacts.protocol.preference import Preference
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import ImageError
from closedloop.stages.pool import draw
from closedloop.stimuli.pools import PoolImage


def refuse_few_categories(images: Sequence[PoolImage], preference: Preference) -> None:
    """Refuse a pool in which no category could be the least preferred of so many.

    Parameters
    ----------
    images
        The pool's.
    preference
        The protocol's section.

    Raises
    ------
    ImageError
        It has too few categories.
    """
    n, least = len({image.category for image in images}), preference.n_categories + 1
    if preference.images_per_site and n < least:
        raise ImageError(
            f"image pool: expected at least {least} categories (preference.n_categories, and a preferred one), found "
            f"{n}. Lower preference.n_categories, leave the section out, or sort the images into folders by category."
        )


def prefer(days: Sequence[DayResponses], *, n_least: int) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return each site's preferred category and its least preferred ones, the least first, by several days.

    Parameters
    ----------
    days
        Each day's responses; put on one scale by its normalizers.
    n_least
        How many least preferred categories.

    Returns
    -------
    dict
        By output of the model; a site without responses to more than `n_least` categories is left out.
    """
    responses = np.concatenate([_fresh_clean(day) for day in days])
    names = np.concatenate([day.stimuli.columns["category"][_fresh_rows(day)] for day in days]).astype(str)
    categories, category = np.unique(names, return_inverse=True)
    means = category_means(responses, category, n_categories=len(categories))
    found = dict[int, tuple[str, tuple[str, ...]]]()
    for site, of_site in enumerate(means.T):
        known = np.flatnonzero(np.isfinite(of_site))
        if len(known) > n_least:
            order = known[np.argsort(of_site[known], kind="stable")]
            found[site] = str(categories[order[-1]]), tuple(str(categories[place]) for place in order[:n_least])
    return found


def _fresh_rows(day: DayResponses) -> NDArray[np.int64]:
    return day.stimuli.rows(kind="clean", role=FITTED_ROLES)


def _fresh_clean(day: DayResponses) -> NDArray[np.float64]:
    """Return the responses to a day's fresh clean images, (n_images, n_sites), z-scored by its normalizers."""
    means = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    return z_score(means[_fresh_rows(day)], means[scaling_rows(day.stimuli)])


def draw_preferences(
    images: Sequence[PoolImage],
    days: Sequence[DayResponses],
    preference: Preference,
    *,
    used: Collection[str],
    seed: int,
    place: str,
) -> tuple[SitePreference, ...]:
    """Choose each site's categories and draw fresh images of them, every site its own.

    Parameters
    ----------
    images
        The pool's.
    days
        What the sites answered so far.
    preference
        The protocol's section.
    used
        Images that are not fresh.
    seed
        Of the draws.
    place
        What the images are for, as an error says it.

    Raises
    ------
    ImageError
        Too few of a category are left.
    """
    taken, n_images = set(used), preference.images_per_site
    if not days:
        return ()
    found = []
    for site, (best, least) in prefer(days, n_least=preference.n_categories).items():
        name = days[0].sites[site].neuroid_id
        seeds = np.random.SeedSequence([seed, site]).generate_state(2)
        drawn = [
            draw(
                [image for image in images if image.category in wanted],
                n_images,
                used=taken,
                seed=int(own),
                place=f"{place}, {', '.join(wanted)} for site {name}",
            )
            for wanted, own in (((best,), seeds[0]), (least, seeds[1]))
        ]
        found.append(_site(site, name, best, least, drawn))
    return tuple(found)


def _site(
    site: int, name: str, best: str, least: tuple[str, ...], drawn: Sequence[tuple[QueuedImage, ...]]
) -> SitePreference:
    return SitePreference(
        site_index=site,
        neuroid_id=name,
        preferred=best,
        least=least,
        preferred_images=drawn[0],
        least_images=drawn[1],
    )


def numbered_preferences(protocol: Protocol, day: int) -> tuple[SitePreference, ...]:
    """Return a day's images as numbers, of every site: which photographs they are decides no order and no length."""

    def numbered(site: int, role: str) -> tuple[QueuedImage, ...]:
        names = (f"{role} {number} of site {site}" for number in range(protocol.preference.images_on(day)))
        return tuple(QueuedImage(image_id=name, category=role) for name in names)

    if not protocol.preference.images_on(day):
        return ()
    return tuple(
        _site(site, str(site), "preferred", ("least",), (numbered(site, "preferred"), numbered(site, "least")))
        for site in range(protocol.sites.n_sites)
    )
