"""A day's images that are to attain an objective, as bytes, and what the model says of each, sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.attack import Attack
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.members import MembersSideBySide
from closedloop.attacks.synthesis.sources import ModelSource, site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel, predict
from closedloop.stages.changed.images import ChangedImages, Foretold
from closedloop.stages.from_protocol.attack import lattice_of
from closedloop.stages.objectives.aims import AimedItems, NaturalResponses, aims_of, method_of_objective
from closedloop.stages.objectives.layers import displaced
from closedloop.stages.objectives.sealed import ModelResponses, sealed_responses
from closedloop.stages.probes import SearchWork

ImageBytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_NATURAL = ("clean", "anchor")
"""Roles of the clean images among which a site's favourite is looked for."""


@dataclass(frozen=True)
class PlannedObjectives:
    """Planned rows of all objectives.

    Attributes
    ----------
    items
        Rows of the table of items, of this kind alone, objective by objective.
    images
        The table of the day's clean images.
    clean
        Their pixels, uint8, (n_images, side, side, 3).
    clean_index
        Row of these beneath each item, (n_items,).
    sites
        Outputs of the model for which the day makes images, in the order of the plan.
    """

    items: Columns
    images: Columns
    clean: ImageBytes
    clean_index: Rows
    sites: tuple[int, ...]

    def rows_of(self, objective: StatedObjective) -> Rows:
        """Return the rows of an objective's items."""
        names = [_objective_of(str(item_id)) for item_id in self.items["item_id"]]
        return np.flatnonzero(np.array(names) == objective.name)


@dataclass(frozen=True)
class MadeObjectives:
    """A day's images of objectives, with their rows of the stimulus table and of the audit, and what is sealed."""

    images: ImageBytes
    rows: dict[str, Any]
    audit: dict[str, Any]
    sealed: dict[str, Any]
    predictions: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class ObjectiveSearch:
    """How a day's objectives are searched.

    Attributes
    ----------
    objectives
        The protocol's, of the day.
    attack
        Its section attack: how many images at once.
    model, model_file
        The day's model, ready for attacks, and where it is.
    seed
        Of the random starts, with the items' names.
    work
        Who computes.
    """

    objectives: Sequence[StatedObjective]
    attack: Attack
    model: DayModel
    model_file: Path
    seed: int
    work: SearchWork

    @property
    def members(self) -> tuple[SiteModel, ...]:
        """The members of the day's model, which may be one."""
        return self.model.members if isinstance(self.model, SiteEnsemble) else (self.model,)


def make_objectives(planned: PlannedObjectives, search: ObjectiveSearch, *, first_index: int) -> MadeObjectives:
    """Find a day's images, objective by objective, and seal what the model says of them.

    Parameters
    ----------
    planned
        What is wanted.
    search
        How it is searched.
    first_index
        Row of the first image in images.h5.
    """
    of_clean = predict(search.model, planned.clean).astype(np.float64)
    fresh = planned.images["role"] == "clean"
    natural = NaturalResponses(of_clean[fresh] if fresh.any() else of_clean)
    parts = [_of_one(planned, search, one, natural, of_clean) for one in search.objectives]
    images = np.concatenate([part.images for part in parts])
    beneath = np.concatenate([part.beneath for part in parts])
    order = np.concatenate([part.rows for part in parts])
    items = {name: np.asarray(values)[order] for name, values in planned.items.items()}
    made = predict(search.model, images)
    sealed = {name: np.concatenate([part.sealed[name] for part in parts]) for name in parts[0].sealed}
    changed = ChangedImages(images, items, beneath, planned.clean, planned.images)
    site = items["site_index"].astype(np.int64)
    sealed |= sealed_responses(
        AimedItems(site, sealed["target_sd"]),
        natural,
        ModelResponses(of_clean[beneath], made.astype(np.float64)),
        tolerance=sealed.pop("tolerance"),
    )
    of_site = site >= 0
    foretold = Foretold(*(np.where(of_site, sealed[f"predicted_{name}"], np.nan) for name in ("clean", "made")))
    rows = changed.stimulus_rows(foretold, first_index=first_index)
    sealed |= {name: rows[name] for name in ("image_index", "image_id", "site_index", "realised_epsilon")}
    return MadeObjectives(
        images,
        rows,
        changed.audit_rows(foretold, rows),
        sealed,
        {"clean": of_clean[beneath].astype(np.float32), "made": made},
    )


@dataclass(frozen=True)
class _MadeOfOne:
    """The images of one objective: rows of the planned items, the clean images that they are compared with, bytes."""

    rows: Rows
    beneath: Rows
    images: ImageBytes
    sealed: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _AskedOfOne:
    """What is asked of one objective, a row an item: where its search starts, and where another member is held."""

    names: list[str]
    items: AimedItems
    start: Rows
    images: ImageBytes
    held: Floats


def _of_one(
    planned: PlannedObjectives,
    search: ObjectiveSearch,
    objective: StatedObjective,
    natural: NaturalResponses,
    of_clean: Floats,
) -> _MadeOfOne:
    rows = planned.rows_of(objective)
    n, site = len(rows), planned.items["site_index"][rows].astype(np.int64)
    targets = np.resize(np.array(objective.targets if objective.kind == "level" else (np.nan,)), n)
    in_sd = [natural.in_sd(objective, int(one), float(target)) for one, target in zip(site, targets, strict=True)]
    beneath, start, images = _starts(planned, objective, rows, of_clean, seed=search.seed)
    rival = search.members[objective.members[1]] if objective.kind == "controversial" else None
    held = _response_of(rival, planned.clean[beneath], site)
    names = [f"{search.seed}|{name}" for name in planned.items["item_id"][rows]]
    asked = _AskedOfOne(names, AimedItems(site, np.array(in_sd)), start, images, held)
    shown = _shown(planned, search, objective, natural, asked)
    sealed: dict[str, NDArray[Any]] = {
        "objective": np.full(n, objective.name, dtype=object),
        "objective_kind": np.full(n, objective.kind, dtype=object),
        "target": targets,
        "target_sd": np.array(in_sd),
        "tolerance": np.full(n, objective.tolerance),
        "other_clean": held,
        "other_made": _response_of(rival, shown, site),
    }
    return _MadeOfOne(rows, beneath, shown, sealed)


def _shown(
    planned: PlannedObjectives,
    search: ObjectiveSearch,
    objective: StatedObjective,
    natural: NaturalResponses,
    asked: _AskedOfOne,
) -> ImageBytes:
    """Return the bytes that attain an objective."""
    if objective.kind == "layer_displacement":
        member = search.members[objective.members[0]]
        return displaced(
            member, asked.images[asked.start], objective, names=asked.names, batch_size=search.attack.batch_size
        )
    source: ModelSource = site_model_file(search.model_file)
    aims = aims_of(objective, asked.items, natural, sites=planned.sites, other=asked.held)
    found = synthesize(
        MembersSideBySide(source) if objective.kind == "controversial" else source,
        [
            AttackItem(name, int(image), int(site), objective.epsilon, aim)
            for name, image, site, aim in zip(asked.names, asked.start, asked.items.site, aims, strict=True)
        ],
        asked.images,
        method=method_of_objective(objective),
        lattice=lattice_of(objective.gradient),
        directions=(+1,),
        batch_size=search.attack.batch_size,
        workers=search.work.workers or own_workers(),
        shard_folder=search.work.scratch / objective.name,
        progress=search.work.progress,
    )
    return np.asarray(found.attacked)


def _response_of(model: SiteModel | None, images: ImageBytes, site: Rows) -> Floats:
    """Return a member's response of each image's site; NaN where none is asked."""
    if model is None:
        return np.full(len(images), np.nan)
    return np.asarray(predict(model, images).astype(np.float64)[np.arange(len(images)), site])


def _starts(
    planned: PlannedObjectives, objective: StatedObjective, rows: Rows, of_clean: Floats, *, seed: int
) -> tuple[Rows, Rows, ImageBytes]:
    """Return the clean image that each item is compared with, where its search starts, and among which images."""
    beneath = planned.clean_index[rows]
    if objective.kind != "maximise" or objective.start == "clean":
        return beneath, beneath, planned.clean
    offered = np.flatnonzero(np.isin(planned.images["role"], _NATURAL))
    site = planned.items["site_index"][rows].astype(np.int64)
    favourite = offered[of_clean[offered][:, site].argmax(axis=0)]
    if objective.start == "favourite":
        return favourite, favourite, planned.clean
    shape = (len(rows), *planned.clean.shape[1:])
    noise = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return favourite, np.arange(len(rows)), noise


def _objective_of(item_id: str) -> str:
    """Return the name of an item's objective (`rows.item_name`)."""
    parts = item_id.split("|")
    return parts[-2] if parts[-1].startswith("target-") else parts[-1]
