"""Synthesize: the day's attacks and controls as bytes, and what model t predicts for them, sealed beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS
from closedloop.artifacts.day.stimuli import PREDICTIONS, STIMULI, STIMULUS_AUDIT, STIMULUS_IMAGES
from closedloop.artifacts.day_files import MODEL_NAME, model_folder
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns, read_table, write_table
from closedloop.attacks.audit import audit_columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.lattice import realised_epsilon, realised_norm, scale_to_norm
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.checkpoints import load_site_model
from closedloop.models.site_model import freeze_for_attack, predict
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol import lattice_of, method_of
from closedloop.stages.pool import open_study_pool
from closedloop.stimuli.controls import gaussian_direction, interpolation_direction
from closedloop.stimuli.pools import load_images

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class _Plan:
    """The day's tables with the pixels of the clean images, in the order of the image table."""

    images: Columns
    items: Columns
    clean: Images

    def clean_index(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the clean image of planned items, as a row of the image table."""
        place = {image_id: row for row, image_id in enumerate(self.images["image_id"])}
        return np.array([place[image_id] for image_id in self.items["image_id"][rows]], dtype=np.int64)

    def items_of(self, *kinds: str) -> NDArray[np.int64]:
        """Return the rows of the item table of these kinds."""
        return np.flatnonzero(np.isin(self.items["kind"], kinds))


def run(context: StageContext) -> None:
    """Write stimuli.parquet, audit.parquet, images.h5 and predictions.h5."""
    plan = _read_plan(context)
    model_file = model_folder(context.paths, context.day) / MODEL_NAME
    attacks = _attack(context, plan, model_file)
    controls = _make_controls(context, plan, attacks)
    images = np.concatenate([plan.clean, attacks.attacked, controls])
    columns = _stimulus_columns(plan, attacks, images)
    simulated = context.simulated
    write_arrays(context.working / "images.h5", STIMULUS_IMAGES, {"images": images}, simulated=simulated)
    write_table(context.working / "stimuli.parquet", STIMULI, columns, simulated=simulated)
    audit = _audit_columns(columns, images, attacks)
    write_table(context.working / "audit.parquet", STIMULUS_AUDIT, audit, simulated=simulated)
    model = freeze_for_attack(load_site_model(model_file))
    sealed = {"predicted": predict(model, plan.clean)}
    write_arrays(context.working / "predictions.h5", PREDICTIONS, sealed, simulated=simulated)


def _read_plan(context: StageContext) -> _Plan:
    folder = context.published("plan")
    images = read_table(folder / "images.parquet", PLANNED_IMAGES)
    items = read_table(folder / "items.parquet", PLANNED_ITEMS)
    pool = open_study_pool(context.study)
    return _Plan(images, items, load_images(pool, tuple(images["image_id"])))


def _attack(context: StageContext, plan: _Plan, model_file: Path) -> SynthesisResult:
    rows = plan.items_of("attacked")
    items = [
        AttackItem(
            item_name=f"{context.seed()}|{plan.items['item_id'][row]}",
            image_index=int(clean),
            site_index=int(plan.items["site_index"][row]),
            epsilon=float(plan.items["epsilon"][row]),
        )
        for row, clean in zip(rows, plan.clean_index(rows), strict=True)
    ]
    attack = context.protocol.attack
    return synthesize(
        site_model_file(model_file),
        items,
        plan.clean,
        method=method_of(attack),
        lattice=lattice_of(attack.gradient),
        batch_size=attack.batch_size,
        workers=context.workers or own_workers(),
        shard_folder=context.scratch,
        progress=context.progress,
    )


def _make_controls(context: StageContext, plan: _Plan, attacks: SynthesisResult) -> Images:
    """Change the control images by as much as the attacks of the same epsilon were really changed, in bytes."""
    rows = plan.items_of("gaussian", "linear")
    if not len(rows):
        return np.empty((0, *plan.clean.shape[1:]), dtype=np.uint8)
    clean = plan.clean[plan.clean_index(rows)]
    direction = np.stack([_direction(context, plan, int(row), image) for row, image in zip(rows, clean, strict=True)])
    attacked = plan.items_of("attacked")
    attack_norm = realised_norm(plan.clean[plan.clean_index(attacked)], attacks.attacked)
    attack_epsilon = plan.items["epsilon"][attacked]
    norm = np.array([attack_norm[attack_epsilon == epsilon].mean() for epsilon in plan.items["epsilon"][rows]])
    return scale_to_norm(clean, direction, norm=norm)


def _direction(context: StageContext, plan: _Plan, row: int, image: Images) -> NDArray[np.float32]:
    if plan.items["kind"][row] == "gaussian":
        return gaussian_direction(image.shape, context.seed(plan.items["item_id"][row]))
    other = np.flatnonzero(plan.images["image_id"] == plan.items["other_image_id"][row])[0]
    return interpolation_direction(image, plan.clean[other])


def _stimulus_columns(plan: _Plan, attacks: SynthesisResult, images: Images) -> dict[str, Any]:
    """Put clean images first, in the order of the image table, then attacks and controls in that of the item table."""
    rows = np.concatenate([plan.items_of("attacked"), plan.items_of("gaussian", "linear")])
    n_clean, n_controls = len(plan.clean), len(rows) - len(attacks.attacked)
    clean_index = np.r_[np.arange(n_clean), plan.clean_index(rows)]
    return {
        "stimulus_id": [stimulus_id(image) for image in images],
        "image_index": np.arange(len(images)),
        "kind": ["clean"] * n_clean + list(plan.items["kind"][rows]),
        "role": plan.images["role"][clean_index],
        "image_id": plan.images["image_id"][clean_index],
        "category": plan.images["category"][clean_index],
        "item_id": [""] * n_clean + list(plan.items["item_id"][rows]),
        "clean_index": clean_index,
        "site_index": np.r_[np.full(n_clean, -1), plan.items["site_index"][rows]],
        "epsilon": np.r_[np.zeros(n_clean), plan.items["epsilon"][rows]],
        "realised_epsilon": realised_epsilon(images[clean_index], images),
        "predicted_clean": _only_attacks(attacks.predicted_clean, n_clean, n_controls, np.nan),
        "predicted_attacked": _only_attacks(attacks.predicted_attacked, n_clean, n_controls, np.nan),
        "predicted_sign": _only_attacks(np.sign(attacks.predicted_change), n_clean, n_controls, 0).astype(np.int32),
        "repetitions": np.r_[plan.images["repetitions"], plan.items["repetitions"][rows]],
    }


def _audit_columns(columns: dict[str, Any], images: Images, attacks: SynthesisResult) -> dict[str, Any]:
    """Audit what is no clean image: the attacks, then the controls."""
    changed = np.flatnonzero(np.array(columns["kind"]) != "clean")
    n_controls = len(changed) - len(attacks.attacked)
    named = ("stimulus_id", "image_index", "clean_index", "kind", "category", "site_index", "epsilon")
    audit = audit_columns(
        ((images[columns["clean_index"][row]], images[row]) for row in changed),
        predicted_change_float=_only_attacks(attacks.predicted_change_float, 0, n_controls, np.nan),
        predicted_change=_only_attacks(attacks.predicted_change, 0, n_controls, np.nan),
        lattice_bound=_only_attacks(attacks.lattice_bound, 0, n_controls, np.nan),
    )
    return {name: np.array(columns[name])[changed] for name in named} | audit


def _only_attacks(values: NDArray[Any], n_before: int, n_after: int, missing: float) -> NDArray[Any]:
    return np.concatenate([np.full(n_before, missing), values, np.full(n_after, missing)])
