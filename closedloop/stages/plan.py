"""Plan: which clean images, attacks and controls a day shows, how often, and what that costs in hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion, from_text, said_of_all
from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS, Budget, DayPlan
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.protocol.attack import MODEL_FREE_KINDS, SHAM_EPSILON, Attack, Controls
from closedloop.artifacts.protocol.images import Images
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.tables import as_columns
from closedloop.stages.context import StageContext
from closedloop.stages.yesterday import AttackName, yesterdays_attacks

Item = dict[str, str | int | float]


@dataclass(frozen=True)
class PlannedRows:
    """The rows of a day's two tables: clean images, then attacks and controls, each as often as it is shown."""

    images: list[Item]
    attacks: list[Item]
    controls: list[Item]

    @property
    def n_presentations(self) -> int:
        """Presentations of the day, repetitions included."""
        return sum(int(row["repetitions"]) for row in [*self.images, *self.attacks, *self.controls])


def run(context: StageContext) -> None:
    """Write plan.json, images.parquet and items.parquet."""
    protocol = context.protocol
    queue = context.read(catalog.QUEUE)
    not_attacked = from_text(context.decided.get("not_attacked", ""), place="not_attacked")
    sites = attacked_sites(
        None if context.block == FIRST else context.at(FIRST).read(catalog.SITES),
        protocol.sites.n_sites,
        not_attacked=not_attacked,
    )
    before = context.paths.sequence.of_day_before(context.block) if protocol.controls.yesterday else ()
    yesterday = yesterdays_attacks({block: context.at(block).read(catalog.STIMULI) for block in before})
    rows = plan_rows(queue, protocol, sites=sites, seed_of=context.seed, was_shown=yesterday.__contains__)
    budget = Budget(
        n_presentations=rows.n_presentations,
        n_images=len(rows.images) + len(rows.attacks) + len(rows.controls),
        hours=session_hours(protocol, n_presentations=rows.n_presentations),
        allowed_hours=protocol.trial.hours_per_day,
    )
    context.write(catalog.PLANNED_IMAGES, as_columns(rows.images, PLANNED_IMAGES))
    context.write(catalog.PLANNED_ITEMS, as_columns([*rows.attacks, *rows.controls], PLANNED_ITEMS))
    context.write(
        catalog.DAY_PLAN,
        DayPlan(
            simulated=context.simulated,
            day=context.day,
            budget=budget,
            n_clean=len(queue.clean),
            n_anchors=len(queue.anchors),
            n_normalizers=len(queue.normalizers),
            n_attacked=len(rows.attacks),
            n_controls=len(rows.controls),
            left_out=said_of_all(not_attacked),
            not_shown_before=queue.not_shown,
        ),
    )


def plan_rows(
    queue: ImageQueue,
    protocol: Protocol,
    *,
    sites: Sequence[int],
    seed_of: Callable[..., int],
    was_shown: Callable[[AttackName], bool],
) -> PlannedRows:
    """Plan a day: which images, attacks and controls, how often.

    Parameters
    ----------
    queue
        The day's clean images.
    protocol
        Its sections images, attack and controls decide.
    sites
        Outputs of the model that are attacked.
    seed_of
        Gives a seed by names, as `StageContext.seed` does.
    was_shown
        Whether the day before showed an attack on an anchor.
    """
    controlled = queue.anchors[: protocol.controls.n_images]
    attacks = _attacks(queue, protocol.attack, sites=sites, seed=seed_of("fresh"))
    seeds = {image.image_id: seed_of("interpolation", image.image_id) for image in controlled}
    targets = {image_id: _other_category(queue, image_id, seed=seed) for image_id, seed in seeds.items()}
    return PlannedRows(
        images=_planned_images(queue, protocol.images),
        attacks=attacks,
        controls=[
            *_controls(controlled, protocol.controls, epsilons=protocol.attack.epsilons, targets=targets),
            *_shown_again(attacks, controlled, protocol.controls, was_shown=was_shown),
            *_shams(controlled, protocol.controls),
        ],
    )


def attacked_sites(
    sites_of_day_0: SiteTable | None, n_outputs: int, *, not_attacked: Sequence[Exclusion] = ()
) -> tuple[int, ...]:
    """Return the outputs of the model that are attacked: all on day 0, later those bound to a chosen electrode.

    Parameters
    ----------
    sites_of_day_0
        Where they were chosen; None on day 0 itself.
    n_outputs
        Of the model.
    not_attacked
        Sites that people left out of the evaluation before the day was planned.
    """
    if sites_of_day_0 is None:
        return tuple(range(n_outputs))
    return tuple(
        site.site_index
        for site in sites_of_day_0.chosen()
        if site.site_index is not None and not any(one.covers_site(site.neuroid_id) for one in not_attacked)
    )


def _planned_images(queue: ImageQueue, images: Images) -> list[Item]:
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


def _attacks(queue: ImageQueue, attack: Attack, *, sites: Sequence[int], seed: int) -> list[Item]:
    fresh = [queue.clean[place] for place in np.random.default_rng(seed).permutation(len(queue.clean))]
    bases = [
        (site, role, image)
        for site in sites
        for role, images, n_images in (
            ("anchor", queue.anchors, attack.anchors_per_site),
            ("clean", fresh, attack.fresh_images_per_site),
        )
        for image in _images_of_site(images, site, n_images)
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


def _images_of_site(images: Sequence[QueuedImage], site: int, n_images: int) -> list[QueuedImage]:
    """Deal images out in turn: each site has its own as long as there are enough, and each image as many sites.

    The anchors of a site are the same on every day; the day's clean images come in random order.
    """
    return [images[(site * n_images + place) % len(images)] for place in range(n_images)]


def _controls(
    images: Sequence[QueuedImage], controls: Controls, *, epsilons: tuple[float, ...], targets: Mapping[str, str]
) -> list[Item]:
    return [
        {
            "item_id": f"{image.image_id}|{kind}|epsilon-{epsilon:g}",
            "kind": kind,
            "image_id": image.image_id,
            "role": "anchor",
            "other_image_id": targets[image.image_id] if kind == "linear" else "",
            "site_index": -1,
            "epsilon": epsilon,
            "repetitions": controls.repetitions,
        }
        for image in images
        for epsilon in epsilons
        for kind in controls.kinds
        if kind in MODEL_FREE_KINDS
    ]


def _shown_again(
    attacks: Sequence[Item],
    images: Sequence[QueuedImage],
    controls: Controls,
    *,
    was_shown: Callable[[AttackName], bool],
) -> list[Item]:
    """Plan yesterday's attacks beside today's on the same image, at the same site and epsilon, as far as they were."""
    wanted = {image.image_id for image in images} if "yesterday" in controls.kinds else set[str]()
    return [
        row
        | {
            "item_id": f"{row['item_id']}|yesterday",
            "kind": "yesterday",
            "repetitions": controls.repetitions,
        }
        for row in attacks
        if row["role"] == "anchor"
        and row["image_id"] in wanted
        and was_shown((str(row["image_id"]), int(row["site_index"]), float(row["epsilon"])))
    ]


def _shams(images: Sequence[QueuedImage], controls: Controls) -> list[Item]:
    return [
        {
            "item_id": f"{image.image_id}|sham",
            "kind": "sham",
            "image_id": image.image_id,
            "role": "anchor",
            "other_image_id": "",
            "site_index": -1,
            "epsilon": SHAM_EPSILON,
            "repetitions": controls.repetitions,
        }
        for image in images
        if "sham" in controls.kinds
    ]


def _other_category(queue: ImageQueue, image_id: str, *, seed: int) -> str:
    """Choose the interpolation's target: a clean image of the day of another category (any, where there is but one)."""
    (category,) = (image.category for image in queue.anchors if image.image_id == image_id)
    others = [other for other in queue.clean if other.category != category] or list(queue.clean)
    return others[np.random.default_rng(seed).integers(len(others))].image_id
