"""The attacks of a day's arms as bytes, and what every model of the day says of every image, sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.arms.section import Arm, Arms
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.items import NUMBERS, AttackItem, SynthesisResult, no_attacks
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.stages.arms.asked import ArmItems, ArmSearch, asked_images
from closedloop.stages.changed.images import ChangedImages, Foretold
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

    def of(self, rows: NDArray[np.int64]) -> ArmItems:
        """Return one arm's items, by their rows."""
        return ArmItems(
            {name: np.asarray(values)[rows] for name, values in self.items.items()},
            self.clean_index[rows],
            self.clean,
            np.asarray(self.images["role"] == "clean"),
            tuple(dict.fromkeys(self.items["site_index"].tolist())),
        )


@dataclass(frozen=True)
class MadeArms:
    """The images of a day's arms, with their rows of the stimulus table and of the audit, and what is sealed of them.

    Attributes
    ----------
    images
        uint8, (n_items, side, side, 3).
    rows, audit
        Of the stimulus table and of the audit, to stand as their last.
    attacks
        Of the table `ARM_ATTACKS`: who made what.
    objectives
        Of the table `SEALED_ARM_OBJECTIVES`; None where no arm has an objective.
    """

    images: ImageBytes
    rows: dict[str, Any]
    audit: dict[str, Any]
    attacks: dict[str, Any]
    objectives: dict[str, Any] | None


def make_arms(planned: PlannedArms, search: ArmSearch, *, first_index: int) -> MadeArms:
    """Find the images of all arms.

    Parameters
    ----------
    planned
        What is wanted.
    search
        How it is searched.
    first_index
        Row of the first image in images.h5.
    """
    found, asked = list[SynthesisResult](), list[tuple[NDArray[np.int64], dict[str, Any]]]()
    n_done = 0
    for arm in search.section.arms:
        rows = np.flatnonzero(planned.arm == arm.name)
        own = replace(search, work=_from(search.work, arm, n_done, len(planned.arm)))
        stated = arm.stated(search.section.epsilons[-1])
        if stated is None or not len(rows):
            found.append(_attacks_of(arm, rows, planned, own))
        else:
            made, sealed = asked_images(arm, stated, planned.of(rows), own)
            found.append(made)
            asked.append((rows, sealed))
        n_done += len(rows)
    images = np.concatenate([planned.clean[:0], *(one.attacked for one in found)])
    whole = SynthesisResult(
        attacked=images, **{name: np.concatenate([getattr(one, name) for one in found]) for name in NUMBERS}
    )
    changed = ChangedImages(images, planned.items, planned.clean_index, planned.clean, planned.images)
    foretold = Foretold(
        whole.predicted_clean, whole.predicted_attacked, whole.predicted_change_float, whole.lattice_bound
    )
    rows_of = changed.stimulus_rows(foretold, first_index=first_index)
    return MadeArms(
        images,
        rows_of,
        changed.audit_rows(foretold, rows_of),
        _attack_rows(planned, search.section, rows_of),
        _objective_rows(planned, search.section, rows_of, asked) if asked else None,
    )


def _from(work: SearchWork, arm: Arm, n_done: int, n_items: int) -> SearchWork:
    return SearchWork(work.workers, work.scratch / arm.name, lambda done, _: work.progress(n_done + done, n_items))


def _attacks_of(arm: Arm, rows: NDArray[np.int64], planned: PlannedArms, search: ArmSearch) -> SynthesisResult:
    if not len(rows):
        return no_attacks(planned.clean)
    items = [
        AttackItem(
            f"{search.seed}|{planned.items['item_id'][row]}",
            int(planned.clean_index[row]),
            int(planned.items["site_index"][row]),
            float(planned.items["epsilon"][row]),
        )
        for row in rows
    ]
    return synthesize(
        search.files.source_of(arm.model),
        items,
        planned.clean,
        method=method_of_arm(arm),
        lattice=lattice_of(arm.gradient),
        batch_size=search.batch_size,
        workers=search.work.workers or own_workers(),
        shard_folder=search.work.scratch,
        progress=search.work.progress,
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


def _attack_rows(planned: PlannedArms, section: Arms, rows: dict[str, Any]) -> dict[str, Any]:
    model_of = {arm.name: arm.model for arm in section.arms}
    return {
        "arm": planned.arm,
        "model": np.array([model_of[name] for name in planned.arm.tolist()], dtype=np.str_),
        **{name: np.asarray(rows[name]) for name in ("image_index", "clean_index", "site_index", "epsilon")},
        "predicted_change": np.asarray(rows["predicted_attacked"] - rows["predicted_clean"]),
    }


def _objective_rows(
    planned: PlannedArms,
    section: Arms,
    rows: dict[str, Any],
    asked: Sequence[tuple[NDArray[np.int64], dict[str, Any]]],
) -> dict[str, Any]:
    """Return what is sealed of all arms that have an objective; of several balls, each is an objective of its own."""
    order = np.concatenate([own for own, _ in asked])
    named = ("image_index", "image_id", "site_index", "realised_epsilon")
    has_balls = {arm.name: len(section.epsilons_of(arm)) > 1 for arm in section.arms}
    return {
        "objective": np.array(
            [
                f"{name}, epsilon {epsilon:g}" if has_balls[name] else name
                for name, epsilon in zip(planned.arm[order].tolist(), planned.items["epsilon"][order], strict=True)
            ],
            dtype=object,
        ),
        **{name: np.asarray(rows[name])[order] for name in named},
        **{name: np.concatenate([sealed[name] for _, sealed in asked]) for name in asked[0][1]},
    }
