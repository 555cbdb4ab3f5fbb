"""Plan: which clean images, attacks and controls a day shows, how often, and what that costs in hours."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS, Budget, DayPlan
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.day_files import QUEUE_NAME, queue_folder
from closedloop.artifacts.protocol.protocol import session_hours
from closedloop.artifacts.tables import as_columns, write_table
from closedloop.stages.context import StageContext

Item = dict[str, str | int | float]


def run(context: StageContext) -> None:
    """Write plan.json, images.parquet and items.parquet."""
    queue = ImageQueue.read(queue_folder(context.paths, context.day) / QUEUE_NAME)
    images = _planned_images(context, queue)
    items = [*_attacks(context, queue), *_controls(context, queue)]
    simulated = context.simulated
    write_table(
        context.working / "images.parquet", PLANNED_IMAGES, as_columns(images, PLANNED_IMAGES), simulated=simulated
    )
    write_table(context.working / "items.parquet", PLANNED_ITEMS, as_columns(items, PLANNED_ITEMS), simulated=simulated)
    _summary(context, queue, images, items).write(context.working / "plan.json")


def _planned_images(context: StageContext, queue: ImageQueue) -> list[Item]:
    images = context.protocol.images
    roles = (
        ("clean", queue.clean, images.clean_repetitions),
        ("anchor", queue.anchors, images.anchor_repetitions),
        ("normalizer", queue.normalizers, images.normalizer_repetitions),
    )
    return [
        {"image_id": image.image_id, "category": image.category, "role": role, "repetitions": repetitions}
        for role, queued, repetitions in roles
        for image in queued
    ]


def attacked_sites(context: StageContext) -> tuple[int, ...]:
    """Return the outputs of the model that are attacked: all on day 0, later those bound to a chosen electrode."""
    if context.day == 0:
        return tuple(range(context.protocol.sites.n_sites))
    chosen = SiteTable.read(context.published("ingest", day=0) / "sites.json").chosen()
    return tuple(site.site_index for site in chosen if site.site_index is not None)


def _attacks(context: StageContext, queue: ImageQueue) -> list[Item]:
    attack = context.protocol.attack
    bases = [
        (site, role, image)
        for site in attacked_sites(context)
        for role, images in (
            ("anchor", _anchors_of_site(queue.anchors, site, attack.anchors_per_site)),
            ("clean", _fresh_of_site(context, queue.clean, site)),
        )
        for image in images
    ]
    return [
        {
            "item_id": f"{image.image_id}|site-{site}|epsilon-{epsilon:g}",
            "kind": "attacked",
            "image_id": image.image_id,
            "role": role,
            "other_image_id": "",
            "site_index": site,
            "epsilon": epsilon,
            "repetitions": attack.repetitions,
        }
        for site, role, image in bases
        for epsilon in attack.epsilons
    ]


def _anchors_of_site(anchors: tuple[QueuedImage, ...], site: int, n_images: int) -> list[QueuedImage]:
    """Deal the anchors out in turn, so that each is attacked for about equally many sites, the same ones every day."""
    return [anchors[(site * n_images + place) % len(anchors)] for place in range(n_images)]


def _fresh_of_site(context: StageContext, clean: tuple[QueuedImage, ...], site: int) -> list[QueuedImage]:
    """Deal the day's clean images out in random order: each site has its own, as long as there are enough."""
    shuffled = np.random.default_rng(context.seed("fresh")).permutation(len(clean))
    n_images = context.protocol.attack.fresh_images_per_site
    return [clean[shuffled[(site * n_images + place) % len(clean)]] for place in range(n_images)]


def _controls(context: StageContext, queue: ImageQueue) -> list[Item]:
    controls = context.protocol.controls
    kinds = [
        kind for kind, wanted in (("gaussian", controls.gaussian), ("linear", controls.linear_interpolation)) if wanted
    ]
    return [
        {
            "item_id": f"{image.image_id}|{kind}|epsilon-{epsilon:g}",
            "kind": kind,
            "image_id": image.image_id,
            "role": "anchor",
            "other_image_id": _other_category(context, queue, image).image_id if kind == "linear" else "",
            "site_index": -1,
            "epsilon": epsilon,
            "repetitions": controls.repetitions,
        }
        for image in queue.anchors[: controls.n_images]
        for epsilon in context.protocol.attack.epsilons
        for kind in kinds
    ]


def _other_category(context: StageContext, queue: ImageQueue, image: QueuedImage) -> QueuedImage:
    """Choose the interpolation's target: a clean image of the day of another category (any, where there is but one)."""
    others = [other for other in queue.clean if other.category != image.category] or list(queue.clean)
    return others[np.random.default_rng(context.seed("interpolation", image.image_id)).integers(len(others))]


def _summary(context: StageContext, queue: ImageQueue, images: list[Item], items: list[Item]) -> DayPlan:
    n_attacked = sum(item["kind"] == "attacked" for item in items)
    n_presentations = sum(int(row["repetitions"]) for row in [*images, *items])
    return DayPlan(
        simulated=context.simulated,
        day=context.day,
        budget=Budget(
            n_presentations=n_presentations,
            n_images=len(images) + len(items),
            hours=session_hours(context.protocol, n_presentations=n_presentations),
            allowed_hours=context.protocol.trial.hours_per_day,
        ),
        n_clean=len(queue.clean),
        n_anchors=len(queue.anchors),
        n_normalizers=len(queue.normalizers),
        n_attacked=n_attacked,
        n_controls=len(items) - n_attacked,
    )
