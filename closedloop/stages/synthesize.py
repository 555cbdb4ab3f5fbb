"""Synthesize: the day's attacks and controls as bytes, and what model t predicts for them, sealed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day_responses import read_day_responses
from closedloop.artifacts.day_use import PREFERENCE, PROBE
from closedloop.artifacts.naming import derive_seed, stimulus_id
from closedloop.artifacts.protocol.evolution.section import EVOLUTION, EVOLUTION_KINDS
from closedloop.artifacts.protocol.objectives.stated import objectives_on
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.attacks.audit import audit_columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.lattice import realised_epsilon
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult, no_attacks
from closedloop.attacks.synthesis.sources import site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel, freeze_for_attack, predict
from closedloop.stages.arms.asked import ArmSearch
from closedloop.stages.arms.images import make_arms, predict_all
from closedloop.stages.arms.models import ArmFiles
from closedloop.stages.context import StageContext
from closedloop.stages.controls import make_controls
from closedloop.stages.evolution.images import make_evolution
from closedloop.stages.evolution.told import read_told
from closedloop.stages.from_protocol.attack import lattice_of, memory_for_batches, method_of
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.objectives.images import ObjectiveSearch, make_objectives
from closedloop.stages.planes.images import make_planes
from closedloop.stages.planned_day import ImageBytes, PlannedDay, StimuliSoFar, followed_by
from closedloop.stages.population.decoder import fit_day_decoder, labelled_responses
from closedloop.stages.population.images import make_population
from closedloop.stages.preference.raised import joined, raise_sites
from closedloop.stages.probes import SearchWork, make_probes
from closedloop.stages.yesterday import AttackName, ShownAttack, images_of, yesterdays_attacks
from closedloop.stimuli.pools import load_images


def run(context: StageContext) -> None:
    """Write stimuli.parquet, audit.parquet, images.h5, predictions.h5 and, of an ensemble or probes, members.h5.

    Where a decoder is attacked, decoder.json, decoder.h5 and population.parquet too; where planes are shown,
    planes.parquet, plane_places.parquet and plane_axes.h5; where objectives are asked, objectives.parquet and
    objectives.h5; where arms attack, arms.json, arms.parquet and arms.h5; where some have an objective,
    arm_objectives.parquet; where images evolve, evolution.parquet and evolution.h5, and in the study's first session
    with any evolution_code.h5.
    """
    planned, items = context.read(catalog.PLANNED_IMAGES), context.read(catalog.PLANNED_ITEMS)
    recorded = context.read(catalog.STUDY_INPUTS)
    pool = open_study_pool(
        context.study,
        context.read(catalog.IMAGE_LIST) if recorded.n_images else None,
        context.read(catalog.ADDED_IMAGES)
        if recorded.n_images and context.path(catalog.ADDED_IMAGES).exists()
        else None,
    )
    probes, who = (
        context.read(one) if context.path(one).exists() else None
        for one in (catalog.PLANNED_PROBES, catalog.PLANNED_ARMS)
    )
    plan = PlannedDay(planned, items, load_images(pool, tuple(planned["image_id"])), probes, who)
    model_file = context.path(catalog.MODEL)
    model = load_site_model(model_file)
    members = model.members if isinstance(model, SiteEnsemble) else (model,)
    work = SearchWork(context.workers, context.scratch, context.progress)
    with memory_for_batches(context.protocol.attack, context.paths.protocol):
        attacks, raised, probed = _Search(context.protocol, model_file, len(members), context.seed(), work).of(plan)
    before = context.paths.sequence.of_day_before(context.block) if len(plan.yesterday) else ()
    again = _attacks_again(
        plan, yesterdays_attacks({block: context.at(block).read(catalog.STIMULI) for block in before})
    )
    shown = {block: context.at(block).read(catalog.IMAGES)["images"] for block in {one.session for one in again}}
    controls = make_controls(
        plan,
        attacks,
        noise_seeds=[context.seed(item_id) for item_id in items["item_id"][plan.noise]],
        again=images_of(again, shown, shape=plan.clean.shape[1:]),
    )
    attacks = joined(attacks, raised)
    images = np.concatenate(
        [plan.clean, *(part for part in (attacks.attacked, controls, probed.attacked) if len(part))]
    )
    for member in members:
        freeze_for_attack(member)
    columns = _stimulus_columns(plan, attacks, images, again=again)
    of_members = _of_members(members, images) if probes is not None or len(members) > 1 else None
    if of_members is not None:
        context.write(catalog.MEMBER_PREDICTIONS, {"predicted": of_members})
        columns = _with_probes(columns, plan, images, predicted=of_members.mean(axis=0))
    stimuli = StimuliSoFar(columns, _audit_columns(columns, images, attacks, probed), images)
    if len((population := plan.population).items["kind"]):
        until_today = [one for one in context.so_far if one.day < context.day]
        sessions = [  # z-scores are the same in whatever window spikes were counted
            labelled_responses(
                read_day_responses(context.at(one).read, one.day, window_s=1.0), n_outputs=model.spec.n_sites
            )
            for one in until_today
        ]
        decoder = fit_day_decoder(sessions, seed=context.seed("decoder"), place=str(context.paths.protocol))
        misled = make_population(
            population,
            decoder,
            model,
            model_file=model_file,
            protocol=context.protocol,
            first_index=len(stimuli.images),
            seed=context.seed(),
            noise_seeds=[context.seed(item_id) for item_id in population.noise_items],
            work=SearchWork(context.workers, context.scratch / "population", context.progress),
        )
        document = decoder.document(simulated=context.simulated, day=context.day, days=[one.day for one in until_today])
        stimuli = stimuli.followed_by(
            misled,
            (catalog.DECODER, document),
            (catalog.DECODER_WEIGHTS, decoder.arrays()),
            (catalog.SEALED_POPULATION, misled.sealed),
        )
    if n_planes := (planes := plan.planes).n_planes(section := context.protocol.plane):
        made_planes = make_planes(
            planes,
            model,
            section,
            first_index=len(stimuli.images),
            seeds=[context.seed(PLANE, number) for number in range(n_planes)],
        )
        stimuli = stimuli.followed_by(
            made_planes,
            (catalog.PLANES, made_planes.planes),
            (catalog.PLANE_PLACES, made_planes.places),
            (catalog.PLANE_AXES, made_planes.axes),
        )
    if len((stated := plan.objectives).items["kind"]):
        made = make_objectives(
            stated,
            ObjectiveSearch(
                objectives_on(context.protocol.objectives, context.day),
                context.protocol.attack,
                model,
                model_file,
                context.seed(),
                SearchWork(context.workers, context.scratch / "objectives", context.progress),
            ),
            first_index=len(stimuli.images),
        )
        stimuli = stimuli.followed_by(
            made, (catalog.SEALED_OBJECTIVES, made.sealed), (catalog.OBJECTIVE_PREDICTIONS, made.predictions)
        )
    if len((evolving := plan.items_of_kinds(*EVOLUTION_KINDS))["kind"]):
        sessions_before = [  # a lost one showed its images all the same
            context.at(one) for one in context.paths.sequence.with_lost(context.day + 1) if one < context.block
        ]
        evolved = make_evolution(
            evolving,
            context.protocol.evolution,
            read_told(
                [(one.block, one.read) for one in sessions_before],
                first_day=context.protocol.evolution.first_day,
                with_images=[one.block for one in sessions_before if one.has(catalog.EVOLVED_IMAGES)],
                lost=context.paths.sequence.lost,
            ),
            first_index=len(stimuli.images),
            seed_of=partial(derive_seed, context.protocol.seed, context.study.subject, EVOLUTION),
        )
        if evolved is not None:
            stimuli = stimuli.followed_by(evolved, *evolved.files)
    if who is not None:  # last: what its models say is sealed of every image
        names = [one.name for one in context.protocol.arms.models]
        files = ArmFiles(model_file, {name: context.path(catalog.model_of_arms(name)) for name in names})
        made_arms = make_arms(
            plan.of_arms,
            ArmSearch(
                context.protocol.arms,
                files,
                models := files.frozen(model),
                context.protocol.attack.batch_size,
                context.seed(),
                SearchWork(context.workers, context.scratch / "arms", context.progress),
            ),
            first_index=len(stimuli.images),
        )
        stimuli = stimuli.followed_by(made_arms)
        stimuli = stimuli.with_files(
            (catalog.ARM_ATTACKS, made_arms.attacks),
            (catalog.ARM_PREDICTIONS, {"predicted": predict_all(models, stimuli.images)}),
            (catalog.SEALED_MODELS, files.sealed(len(members), day=context.day, simulated=context.simulated)),
            *([(catalog.SEALED_ARM_OBJECTIVES, made_arms.objectives)] if made_arms.objectives else []),
        )
    for file, content in (
        *stimuli.files,
        (catalog.IMAGES, {"images": stimuli.images}),
        (catalog.STIMULI, stimuli.columns),
        (catalog.AUDIT, stimuli.audit),
        (catalog.PREDICTIONS, {"predicted": _predicted_clean(model, plan.clean, of_members)}),
    ):
        context.write(file, content)


def _of_members(members: Sequence[SiteModel], images: ImageBytes) -> NDArray[np.float32]:
    return np.stack([predict(member, images) for member in members])


def _predicted_clean(model: DayModel, clean: ImageBytes, of_members: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return the model's predictions for the clean images, the first of those that its members were asked about."""
    return predict(model, clean) if of_members is None else np.asarray(of_members[:, : len(clean)].mean(axis=0))


@dataclass(frozen=True)
class _Search:
    """How a day's attacks and probes are searched; where `work` puts what is half done decides no byte.

    Attributes
    ----------
    protocol
        Its sections attack and probes.
    model
        The day's model.
    n_members
        It has.
    seed
        Of the random starts, with the items' names.
    work
        Who computes, where half-done work lies, who is told.
    """

    protocol: Protocol
    model: Path
    n_members: int
    seed: int
    work: SearchWork

    def of(self, plan: PlannedDay) -> tuple[SynthesisResult, SynthesisResult, SynthesisResult]:
        """Find the day's attacks, those that raise sites on images of least preferred categories, then its probes."""
        attack, items, work = self.protocol.attack, _attack_items(plan, seed=self.seed), self.work
        n_made = len(items) + len(plan.raised)
        n_to_make = n_made + len(plan.clean_index_of_probes)
        attacks = probed = no_attacks(plan.clean)
        if items:
            attacks = synthesize(
                site_model_file(self.model),
                items,
                plan.clean,
                method=method_of(attack),
                lattice=lattice_of(attack.gradient),
                batch_size=attack.batch_size,
                workers=work.workers or own_workers(),
                shard_folder=work.scratch,
                progress=lambda done, _total: work.progress(done, n_to_make),
            )
        raised = raise_sites(
            {name: values[plan.raised] for name, values in plan.items.items()},
            plan.clean,
            plan.clean_index(plan.raised),
            model=self.model,
            protocol=self.protocol,
            seed=self.seed,
            work=SearchWork(
                work.workers,
                work.scratch / PREFERENCE,
                lambda done, _total: work.progress(len(items) + done, n_to_make),
            ),
        )
        if plan.probes is not None:
            probed = make_probes(
                plan.probes,
                plan.clean,
                plan.clean_index_of_probes,
                model=self.model,
                protocol=self.protocol,
                n_members=self.n_members,
                seed=self.seed,
                work=SearchWork(
                    work.workers,
                    work.scratch / "probes",
                    lambda done, _total: work.progress(n_made + done, n_to_make),
                ),
            )
        return attacks, raised, probed


def _attack_items(plan: PlannedDay, *, seed: int) -> list[AttackItem]:
    return [
        AttackItem(
            item_name=f"{seed}|{plan.items['item_id'][row]}",
            image_index=int(clean),
            site_index=int(plan.items["site_index"][row]),
            epsilon=float(plan.items["epsilon"][row]),
        )
        for row, clean in zip(plan.attacks, plan.clean_index(plan.attacks), strict=True)
    ]


def _attacks_again(plan: PlannedDay, shown: Mapping[AttackName, ShownAttack]) -> list[ShownAttack]:
    """Find the planned attacks of the day before among those that it showed."""
    names = zip(
        *(plan.items[name][plan.yesterday].tolist() for name in ("image_id", "site_index", "epsilon")), strict=True
    )
    return [shown[image_id, site_index, epsilon] for image_id, site_index, epsilon in names]


def _stimulus_columns(
    plan: PlannedDay, attacks: SynthesisResult, images: ImageBytes, *, again: Sequence[ShownAttack] = ()
) -> dict[str, Any]:
    """Return clean images first, in the order of the image table, then attacks and controls in that of the items.

    What is sealed of an attack of the day before is the sign that its own model foretold.
    """
    rows = np.concatenate([plan.attacks, plan.raised, plan.controls])
    n_clean, n_controls = len(plan.clean), len(plan.controls)
    of_controls = np.zeros(n_controls, dtype=np.int32)
    of_controls[np.isin(plan.controls, plan.yesterday)] = [one.predicted_sign for one in again]
    clean_index = np.r_[np.arange(n_clean), plan.clean_index(rows)]
    return {
        "stimulus_id": [stimulus_id(image) for image in images[: len(clean_index)]],
        "image_index": np.arange(len(clean_index)),
        "kind": ["clean"] * n_clean + list(plan.items["kind"][rows]),
        "role": plan.images["role"][clean_index],
        "image_id": plan.images["image_id"][clean_index],
        "category": plan.images["category"][clean_index],
        "item_id": [""] * n_clean + list(plan.items["item_id"][rows]),
        "clean_index": clean_index,
        "site_index": np.r_[np.full(n_clean, -1), plan.items["site_index"][rows]],
        "epsilon": np.r_[np.zeros(n_clean), plan.items["epsilon"][rows]],
        "realised_epsilon": realised_epsilon(images[clean_index], images[: len(clean_index)]),
        "predicted_clean": _pad(attacks.predicted_clean, n_clean, n_controls, np.nan),
        "predicted_attacked": _pad(attacks.predicted_attacked, n_clean, n_controls, np.nan),
        "predicted_sign": np.r_[np.zeros(n_clean), np.sign(attacks.predicted_change), of_controls].astype(np.int32),
        "repetitions": np.r_[plan.images["repetitions"], plan.items["repetitions"][rows]],
    }


def _with_probes(
    columns: dict[str, Any], plan: PlannedDay, images: ImageBytes, *, predicted: NDArray[np.float32]
) -> dict[str, Any]:
    """Add the probes' rows, last, where there are any; predicted is the day's model's response at a probe's site."""
    if (probes := plan.probes) is None:
        return columns
    clean_index, site = plan.clean_index_of_probes, probes["site_index"].astype(np.int64)
    places = np.arange(len(images) - len(clean_index), len(images))
    before, after = (predicted[rows, site].astype(np.float64) for rows in (clean_index, places))
    own = {
        "stimulus_id": [stimulus_id(images[place]) for place in places],
        "image_index": places,
        "kind": [PROBE] * len(places),
        "role": probes["role"],
        "image_id": probes["image_id"],
        "category": plan.images["category"][clean_index],
        "item_id": probes["item_id"],
        "clean_index": clean_index,
        "site_index": site,
        "epsilon": probes["epsilon"],
        "realised_epsilon": realised_epsilon(images[clean_index], images[places]),
        "predicted_clean": before,
        "predicted_attacked": after,
        "predicted_sign": np.sign(after - before).astype(np.int32),
        "repetitions": np.ones(len(places), dtype=np.int32),
    }
    return followed_by(columns, own)


def _audit_columns(
    columns: dict[str, Any], images: ImageBytes, attacks: SynthesisResult, probed: SynthesisResult
) -> dict[str, Any]:
    """Audit what is no clean image: the attacks, then the controls, then the probes."""
    changed = np.flatnonzero(np.array(columns["kind"]) != "clean")
    n_controls = len(changed) - len(attacks.attacked) - len(probed.attacked)

    def predicted(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(attacks, name), np.full(n_controls, np.nan), getattr(probed, name)])

    named = ("stimulus_id", "image_index", "clean_index", "kind", "category", "site_index", "epsilon")
    audit = audit_columns(
        ((images[columns["clean_index"][row]], images[row]) for row in changed),
        predicted_change_float=predicted("predicted_change_float"),
        predicted_change=predicted("predicted_change"),
        lattice_bound=predicted("lattice_bound"),
    )
    return {name: np.array(columns[name])[changed] for name in named} | audit


def _pad(values: NDArray[Any], n_before: int, n_after: int, missing: float) -> NDArray[Any]:
    """Return the attacks' values with a missing value for each clean image before and each control after them."""
    return np.concatenate([np.full(n_before, missing), values, np.full(n_after, missing)])
