"""Plan: which clean images, attacks and controls a day shows, how often, and what that costs in hours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion, from_text, said_of_all
from closedloop.artifacts.day.arms.tables import ARM_ALLOCATION
from closedloop.artifacts.day.plan import (
    PLANNED_ARMS,
    PLANNED_IMAGES,
    PLANNED_ITEMS,
    PLANNED_PROBES,
    Budget,
    DayPlan,
)
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.protocol.arms.section import Arm
from closedloop.artifacts.protocol.attack import MODEL_FREE_KINDS, SHAM_EPSILON, Attack, Controls
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.artifacts.protocol.images import Images
from closedloop.artifacts.protocol.probes import Probes
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.tables import as_columns
from closedloop.stages.arms.allocation import allocate, pairs_by_arm
from closedloop.stages.arms.rows import arm_items
from closedloop.stages.context import StageContext
from closedloop.stages.evolution.rows import evolution_items
from closedloop.stages.objectives.rows import objective_rows
from closedloop.stages.planes.rows import middle_images, plane_items
from closedloop.stages.population.rows import population_rows
from closedloop.stages.preference.planned import planned_attacks, planned_images
from closedloop.stages.single_images import repeated_attacks, repeated_images
from closedloop.stages.yesterday import AttackName, yesterdays_attacks

Item = dict[str, str | int | float]


@dataclass(frozen=True)
class PlannedRows:
    """The rows of a day's tables: what is shown as often as each says, and probes, once.

    `raised` are the attacks on images of least preferred categories, `planes` the images around clean ones,
    `objectives` those that are to attain something else, `evolution` those that sites' responses decide.
    """

    images: list[Item]
    attacks: list[Item]
    controls: list[Item]
    population: list[Item]
    probes: list[Item]
    raised: list[Item]
    planes: list[Item]
    objectives: list[Item]
    arms: list[tuple[Arm, Item]]
    evolution: list[Item]

    @property
    def n_presentations(self) -> int:
        """Presentations of the day, repetitions included."""
        repeated = sum(int(row["repetitions"]) for row in [*self.images, *self.items])
        return repeated + len(self.probes)

    @property
    def n_images(self) -> int:
        """Images of the day."""
        return len(self.images) + len(self.items) + len(self.probes)

    @property
    def items(self) -> list[Item]:
        """All changed images but probes, in the order of the table of items."""
        own = [*self.attacks, *self.raised, *self.controls, *self.population, *self.planes]
        return [*own, *self.objectives, *self.of_arms, *self.evolution]

    @property
    def of_arms(self) -> list[Item]:
        """The attacks of all arms."""
        return [item for _, item in self.arms]


def run(context: StageContext) -> None:
    """Write plan.json, images.parquet and items.parquet; probes.parquet and arms.parquet where there are any.

    Where earlier days decide how much each arm attacks, allocation.parquet, too.
    """
    block = context.block
    is_measured = context.paths.sequence.measures(block)
    protocol = protocol_of_session(context.protocol, day=block.day, number=block.number, is_measured=is_measured)
    queue = context.read(catalog.QUEUE)
    not_attacked = from_text(context.decided.get("not_attacked", ""), place="not_attacked")
    sites = attacked_sites(
        None if context.block == FIRST else context.at(FIRST).read(catalog.SITES),
        protocol.sites.n_sites,
        not_attacked=not_attacked,
    )
    before = context.paths.sequence.of_day_before(context.block) if protocol.controls.yesterday else ()
    yesterday = yesterdays_attacks({block: context.at(block).read(catalog.STIMULI) for block in before})
    deciding = [context.at(one) for one in context.so_far if protocol.arms.decides(one.day, of=block.day)]
    effects = [one.read(catalog.ARM_EFFECTS) for one in deciding if one.path(catalog.ARM_EFFECTS).exists()]
    n_there = len(queue.anchors) * len(protocol.arms.sites_of(sites))
    allocation = allocate(effects, protocol.arms, day=block.day, most=n_there)
    rows = plan_rows(
        queue,
        protocol,
        sites=sites,
        seed_of=context.seed,
        was_shown=yesterday.__contains__,
        pairs_of_arms=pairs_by_arm(allocation),
    )
    budget = Budget(
        n_presentations=rows.n_presentations,
        n_images=rows.n_images,
        hours=session_hours(protocol, n_presentations=rows.n_presentations),
        allowed_hours=protocol.trial.hours_per_day,
    )
    context.write(catalog.PLANNED_IMAGES, as_columns(rows.images, PLANNED_IMAGES))
    context.write(catalog.PLANNED_ITEMS, as_columns(rows.items, PLANNED_ITEMS))
    if rows.probes:
        context.write(catalog.PLANNED_PROBES, as_columns(rows.probes, PLANNED_PROBES))
    if rows.arms:
        of_arms = [{"item_id": item["item_id"], "arm": arm.name} for arm, item in rows.arms]
        context.write(catalog.PLANNED_ARMS, as_columns(of_arms, PLANNED_ARMS))
    if allocation:
        context.write(catalog.ARM_ALLOCATION, as_columns(allocation, ARM_ALLOCATION))
    context.write(
        catalog.DAY_PLAN,
        DayPlan(
            simulated=context.simulated,
            day=context.day,
            budget=budget,
            n_clean=len(queue.clean),
            n_anchors=sum(row["role"] == "anchor" for row in rows.images),
            n_normalizers=len(queue.normalizers),
            n_attacked=len(rows.attacks) - (n_repeated := sum(row["kind"] == REPEATED for row in rows.attacks)),
            n_controls=len(rows.controls),
            n_singles=len(queue.singles),
            n_probes=len(rows.probes),
            n_population=len(rows.population),
            n_repeated=n_repeated,
            n_plane=len(rows.planes),
            n_objective=len(rows.objectives),
            n_arms=len(rows.arms),
            n_evolving=len(rows.evolution),
            n_preference=sum(row["role"] == PREFERENCE for row in rows.images),
            n_raised=len(rows.raised),
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
    pairs_of_arms: Mapping[str, int] | None = None,
) -> PlannedRows:
    """Plan a session: which images, attacks and controls, how often.

    Parameters
    ----------
    queue
        Its clean images.
    protocol
        Its sections images, attack, controls, population, probes, preference, ensemble, plane, objectives, evolution
        and image_sensitivity decide, with the numbers of the session (`protocol_of_session`).
    sites
        Outputs of the model that are attacked.
    seed_of
        Gives a seed by names, as `StageContext.seed` does.
    was_shown
        Whether the day before showed an attack on an anchor.
    pairs_of_arms
        See `arm_items`.
    """
    attacked = queue.day >= protocol.attack.first_day
    controlled = queue.anchors[: protocol.controls.n_images if attacked else 0]
    attacks = _attacks(queue, protocol.attack, sites=sites if attacked else (), seed=seed_of("fresh"))
    seeds = {image.image_id: seed_of("interpolation", image.image_id) for image in controlled}
    targets = {image_id: _other_category(queue, image_id, seed=seed) for image_id, seed in seeds.items()}
    preference, has_any = protocol.preference, protocol.preference.images_on(queue.day)
    chosen = [one for one in queue.preference if has_any and one.site_index in sites]
    return PlannedRows(
        images=[
            *_planned_images(queue, protocol.images),
            *repeated_images(queue, protocol.image_sensitivity),
            *middle_images(queue, protocol.plane, sites=sites),
            *planned_images(chosen, preference),
        ],
        attacks=[*attacks, *repeated_attacks(queue, protocol, sites=sites)],
        controls=[
            *_controls(controlled, protocol.controls, epsilons=protocol.attack.epsilons, targets=targets),
            *_shown_again(attacks, controlled, protocol.controls, was_shown=was_shown),
            *_shams(controlled, protocol.controls),
        ],
        population=population_rows(queue, protocol.population) if sites else [],
        probes=_probes(queue, protocol, sites=sites, seed_of=seed_of) if queue.day and sites else [],
        raised=planned_attacks(chosen, preference, epsilons=protocol.attack.epsilons),
        planes=plane_items(queue, protocol.plane, sites=sites),
        objectives=objective_rows(queue, protocol.objectives, sites=sites),
        arms=arm_items(queue, protocol.arms, sites=sites, seed=seed_of("pairs of arms"), n_pairs=pairs_of_arms),
        evolution=evolution_items(queue.day, protocol.evolution, sites=sites),
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
        ("single", queue.singles, 1),
        ("anchor", queue.anchors if images.anchors else (), images.anchor_repetitions),
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


def _probes(queue: ImageQueue, protocol: Protocol, *, sites: Sequence[int], seed_of: Callable[..., int]) -> list[Item]:
    """Deal probes out: to the day's fresh clean images in random order, to the sites and pairs of members in turn."""
    probes, n_members = protocol.probes, 1 + len(protocol.ensemble)
    fresh = [("clean", image) for image in queue.clean] + [("single", image) for image in queue.singles]
    bases = [
        *_dealt(fresh, probes.per_day, seed=seed_of("probes")),
        *_dealt([("anchor", image) for image in queue.anchors], probes.held_out, seed=seed_of("held-out probes")),
    ]
    aims = _aims(probes, len(bases), n_members=n_members, sites=sites, seed=seed_of("aims of probes"))
    return [
        {
            "item_id": f"{image.image_id}|probe-{place}|site-{site}|epsilon-{probes.epsilon:g}",
            "image_id": image.image_id,
            "role": role,
            "site_index": site,
            "first_member": first,
            "second_member": second,
            "epsilon": probes.epsilon,
        }
        for place, ((role, image), (site, first, second)) in enumerate(zip(bases, aims, strict=True))
    ]


def _dealt(images: Sequence[tuple[str, QueuedImage]], n: int, *, seed: int) -> list[tuple[str, QueuedImage]]:
    """Return n of the images: each in random order, then each again as often as it takes."""
    order = np.random.default_rng(seed).permutation(len(images))
    return [images[order[place % len(images)]] for place in range(n)]


def _aims(
    probes: Probes, n_probes: int, *, n_members: int, sites: Sequence[int], seed: int
) -> list[tuple[int, int, int]]:
    """Return what each probe is aimed at: a site, and two members that are to differ there; -1 where it is driven.

    Sites and pairs come equally often, in an order drawn anew a day, so that no image is always of the same site.
    """
    pairs = list(itertools.combinations(range(n_members), 2))
    n_differ = round(probes.disagreement * n_probes)
    aims = [
        (sites[place % len(sites)], *(pairs[(place // len(sites)) % len(pairs)] if place < n_differ else (-1, -1)))
        for place in range(n_probes)
    ]
    return [aims[place] for place in np.random.default_rng(seed).permutation(n_probes)]


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
