"""Images of an arm that has an objective: found as those of the section objectives, sealed by the arm's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.arms.section import Arm, Arms
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.batch_size import BatchSize
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.members import ModelsSideBySide
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.stages.arms.models import ArmFiles
from closedloop.stages.from_protocol.attack import lattice_of
from closedloop.stages.objectives.aims import AimedItems, NaturalResponses, aims_of, method_of_objective
from closedloop.stages.objectives.sealed import ModelResponses, sealed_responses
from closedloop.stages.probes import SearchWork

ImageBytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ArmSearch:
    """How a day's arms are searched.

    Attributes
    ----------
    section
        The protocol's.
    files
        Where the models are.
    models
        The same by name, ready for attacks.
    batch_size
        Images at once.
    seed
        Of the random starts, with the items' names.
    work
        Who computes.
    """

    section: Arms
    files: ArmFiles
    models: Mapping[str, DayModel]
    batch_size: BatchSize
    seed: int
    work: SearchWork


@dataclass(frozen=True)
class ArmItems:
    """The planned items of one arm, with the day's clean images.

    Attributes
    ----------
    items
        Rows of the table of items.
    beneath
        Row of the clean image of each, (n_items,).
    clean
        The day's, uint8, (n_clean, side, side, 3).
    is_fresh
        Which of these are shown for the first time: by the responses to them levels are stated; (n_clean,).
    sites
        Outputs of the model that arms attack.
    """

    items: Columns
    beneath: NDArray[np.int64]
    clean: ImageBytes
    is_fresh: NDArray[np.bool_]
    sites: Sequence[int]

    @property
    def site(self) -> NDArray[np.int64]:
        """Output of the model that each is made for, (n_items,)."""
        return self.items["site_index"].astype(np.int64)


def asked_images(
    arm: Arm, stated: StatedObjective, planned: ArmItems, search: ArmSearch
) -> tuple[SynthesisResult, dict[str, NDArray[Any]]]:
    """Find an arm's images, and return with them what is sealed of each: its level, and whether it is reached.

    Parameters
    ----------
    arm
        Which.
    stated
        Its objective.
    planned
        What is wanted.
    search
        How it is searched.
    """
    model, site = search.models[arm.model], planned.site
    of_clean = predict(model, planned.clean).astype(np.float64)
    natural = NaturalResponses(of_clean[planned.is_fresh] if planned.is_fresh.any() else of_clean)
    targets = np.resize(np.array(arm.asked), len(site))
    in_sd = [natural.in_sd(stated, int(one), float(target)) for one, target in zip(site, targets, strict=True)]
    asked = AimedItems(site, np.array(in_sd))
    rival = search.models[arm.objective.against] if arm.objective is not None and arm.objective.against else None
    held = _at_sites(rival, planned.clean[planned.beneath], site)
    found = _found(arm, stated, planned, search, aims_of(stated, asked, natural, sites=planned.sites, other=held))
    made = predict(model, found.attacked).astype(np.float64)
    responses = sealed_responses(
        asked,
        natural,
        ModelResponses(of_clean[planned.beneath], made),
        tolerance=np.full(len(site), stated.tolerance),
    )
    sealed = {
        "objective_kind": np.full(len(site), stated.kind, dtype=object),
        "target": targets,
        "target_sd": asked.target_sd,
        "other_clean": held,
        "other_made": _at_sites(rival, found.attacked, site),
        **responses,
    }
    return _of_own_site(found, sealed), sealed


def _found(
    arm: Arm, stated: StatedObjective, planned: ArmItems, search: ArmSearch, aims: Sequence[Any]
) -> SynthesisResult:
    names, source = planned.items["item_id"], search.files.source_of(arm.model)
    radius = planned.items["epsilon"] if arm.has_ball else np.full(len(names), stated.epsilon)
    if arm.objective is not None and arm.objective.against:
        source = ModelsSideBySide(source, search.files.source_of(arm.objective.against))
    return synthesize(
        source,
        [
            AttackItem(f"{search.seed}|{name}", int(image), int(site), float(epsilon), aim)
            for name, image, site, epsilon, aim in zip(names, planned.beneath, planned.site, radius, aims, strict=True)
        ],
        planned.clean,
        method=method_of_objective(stated),
        lattice=lattice_of(stated.gradient),
        directions=(+1,),
        batch_size=search.batch_size,
        workers=search.work.workers or own_workers(),
        shard_folder=search.work.scratch,
        progress=search.work.progress,
    )


def _of_own_site(found: SynthesisResult, sealed: Mapping[str, NDArray[Any]]) -> SynthesisResult:
    """Return what was found with the responses of the sites, in place of what the objectives make of them."""
    nothing = np.full(len(found.attacked), np.nan)
    return SynthesisResult(
        attacked=found.attacked,
        predicted_clean=sealed["predicted_clean"],
        predicted_attacked=sealed["predicted_made"],
        predicted_change_float=nothing,
        lattice_bound=nothing,
        realised_epsilon=found.realised_epsilon,
        direction=found.direction,
        n_gradients=found.n_gradients,
    )


def _at_sites(model: DayModel | None, images: ImageBytes, site: NDArray[np.int64]) -> Floats:
    """Return a model's response of each image's site; NaN where none is asked."""
    if model is None:
        return np.full(len(images), np.nan)
    return np.asarray(predict(model, images).astype(np.float64)[np.arange(len(images)), site])
