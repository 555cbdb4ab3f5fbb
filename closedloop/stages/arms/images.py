"""The attacks of a day's arms as bytes, and what every model of the day says of every image, sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.arms.section import Arm, Arms
from closedloop.artifacts.tables import Columns
from closedloop.attacks.audit import audit_columns
from closedloop.attacks.engine.batch_size import BatchSize
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.lattice import realised_epsilon
from closedloop.attacks.synthesis.items import NUMBERS, AttackItem, SynthesisResult, no_attacks
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.stages.arms.models import ArmFiles
from closedloop.stages.from_protocol.attack import lattice_of, method_of_arm
from closedloop.stages.probes import SearchWork

ImageBytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PlannedArms:
    """Planned rows of all arms.

    Attributes
    ----------
    items
        Rows of the table of items, of this kind alone, arm by arm.
    arm
        Who makes each, (n_items,).
    images
        The table of the day's clean images.
    clean
        Their pixels, uint8, (n_images, side, side, 3).
    clean_index
        Row of these beneath each item, (n_items,).
    """

    items: Columns
    arm: NDArray[np.str_]
    images: Columns
    clean: ImageBytes
    clean_index: NDArray[np.int64]


@dataclass(frozen=True)
class MadeArms:
    """The attacks of a day's arms: images with their rows of the stimulus table and of the audit, and who made them."""

    images: ImageBytes
    rows: dict[str, Any]
    audit: dict[str, Any]
    attacks: dict[str, Any]


def make_arms(
    planned: PlannedArms,
    section: Arms,
    files: ArmFiles,
    *,
    batch_size: BatchSize,
    first_index: int,
    seed: int,
    work: SearchWork,
) -> MadeArms:
    """Find the attacks of all arms.

    Parameters
    ----------
    planned
        What is wanted.
    section
        The protocol's.
    files
        Where their models are.
    batch_size
        Images at once.
    first_index
        Row of the first image in images.h5.
    seed
        Of the random starts, with the items' names.
    work
        How it is computed.
    """
    found = list[SynthesisResult]()
    n_done = 0
    for arm in section.arms:
        rows = np.flatnonzero(planned.arm == arm.name)
        found.append(_attacks_of(arm, rows, planned, files, batch_size, seed=seed, work=_from(work, arm, n_done)))
        n_done += len(rows)
    images = np.concatenate([planned.clean[:0], *(one.attacked for one in found)])
    numbers = {name: np.concatenate([getattr(one, name) for one in found]) for name in NUMBERS}
    whole = SynthesisResult(attacked=images, **numbers)
    rows_of = _stimulus_rows(planned, whole, first_index=first_index)
    return MadeArms(images, rows_of, _audit_rows(planned, whole, rows_of), _attack_rows(planned, section, rows_of))


def _from(work: SearchWork, arm: Arm, n_done: int) -> SearchWork:
    return SearchWork(
        work.workers, work.scratch / arm.name, lambda done, total: work.progress(n_done + done, n_done + total)
    )


def _attacks_of(
    arm: Arm,
    rows: NDArray[np.int64],
    planned: PlannedArms,
    files: ArmFiles,
    batch_size: BatchSize,
    *,
    seed: int,
    work: SearchWork,
) -> SynthesisResult:
    if not len(rows):
        return no_attacks(planned.clean)
    items = [
        AttackItem(
            f"{seed}|{planned.items['item_id'][row]}",
            int(planned.clean_index[row]),
            int(planned.items["site_index"][row]),
            float(planned.items["epsilon"][row]),
        )
        for row in rows
    ]
    return synthesize(
        files.source_of(arm.model),
        items,
        planned.clean,
        method=method_of_arm(arm),
        lattice=lattice_of(arm.gradient),
        batch_size=batch_size,
        workers=work.workers or own_workers(),
        shard_folder=work.scratch,
        progress=work.progress,
    )


def predict_all(models: Mapping[str, DayModel], images: ImageBytes) -> NDArray[np.float32]:
    """Return what every model of a day answers to every image, (n_models, n_images, n_sites).

    Parameters
    ----------
    models
        By name, in the order in which they are sealed.
    images
        uint8, (n_images, side, side, 3).
    """
    return np.stack([predict(model, images) for model in models.values()])


def _stimulus_rows(planned: PlannedArms, found: SynthesisResult, *, first_index: int) -> dict[str, Any]:
    clean = planned.clean[planned.clean_index]
    return {
        "stimulus_id": [stimulus_id(image) for image in found.attacked],
        "image_index": first_index + np.arange(len(found.attacked)),
        "kind": planned.items["kind"],
        "role": planned.items["role"],
        "image_id": planned.items["image_id"],
        "category": planned.images["category"][planned.clean_index],
        "item_id": planned.items["item_id"],
        "clean_index": planned.clean_index,
        "site_index": planned.items["site_index"],
        "epsilon": planned.items["epsilon"],
        "realised_epsilon": realised_epsilon(clean, found.attacked),
        "predicted_clean": found.predicted_clean,
        "predicted_attacked": found.predicted_attacked,
        "predicted_sign": np.sign(found.predicted_change).astype(np.int32),
        "repetitions": planned.items["repetitions"],
    }


def _audit_rows(planned: PlannedArms, found: SynthesisResult, rows: dict[str, Any]) -> dict[str, Any]:
    audit = audit_columns(
        zip(planned.clean[planned.clean_index], found.attacked, strict=True),
        predicted_change_float=found.predicted_change_float,
        predicted_change=found.predicted_change,
        lattice_bound=found.lattice_bound,
    )
    named = ("stimulus_id", "image_index", "clean_index", "kind", "category", "site_index", "epsilon")
    return {name: np.asarray(rows[name]) for name in named} | audit


def _attack_rows(planned: PlannedArms, section: Arms, rows: dict[str, Any]) -> dict[str, Any]:
    model_of = {arm.name: arm.model for arm in section.arms}
    return {
        "arm": planned.arm,
        "model": np.array([model_of[name] for name in planned.arm.tolist()], dtype=np.str_),
        **{name: np.asarray(rows[name]) for name in ("image_index", "clean_index", "site_index", "epsilon")},
        "predicted_change": np.asarray(rows["predicted_attacked"] - rows["predicted_clean"]),
    }
