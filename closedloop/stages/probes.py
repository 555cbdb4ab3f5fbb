"""A day's probes as bytes: driven to where members of the model disagree, or where it expects the largest response."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.items import NUMBERS, AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import ModelSource, disagreement_file, site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.models.ensemble import pairs_of_members
from closedloop.stages.from_protocol.attack import lattice_of, probe_method_of


@dataclass(frozen=True)
class SearchWork:
    """How attacks and probes are computed; no byte depends on it.

    Attributes
    ----------
    workers
        Who does what can be shared out; None: this machine.
    scratch
        Folder for half-done work that a restart finds again.
    progress
        Called with (done, total).
    """

    workers: Workers | None
    scratch: Path
    progress: ProgressCallback


def make_probes(
    planned: Columns,
    clean: NDArray[np.uint8],
    clean_index: NDArray[np.int64],
    *,
    model: Path,
    protocol: Protocol,
    n_members: int,
    seed: int,
    work: SearchWork,
) -> SynthesisResult:
    """Find a day's probes.

    Parameters
    ----------
    planned
        The table of probes (`day.plan.PLANNED_PROBES`).
    clean
        The day's clean images, uint8, (n_images, side, side, 3).
    clean_index
        Row of these that each probe is made from, (n_probes,).
    model
        The day's model.
    protocol
        Its sections probes and attack say how they are searched, and how many images at once.
    n_members
        Of the model.
    seed
        Of the random starts, with the probes' names.
    work
        How it is computed.

    Returns
    -------
    SynthesisResult
        In the order of the table. Predictions are of what a probe is aimed at: the difference of two members at its
        site, or the model's response there.
    """
    probes, attack = protocol.probes, protocol.attack
    place_of_pair = {pair: place for place, pair in enumerate(pairs_of_members(n_members))}
    found: list[tuple[NDArray[np.int64], SynthesisResult]] = []
    for rows, source in _by_aim(planned, model):
        outputs = planned["site_index"][rows].astype(np.int64)
        if source.n_sites:
            pairs = zip(planned["first_member"][rows].tolist(), planned["second_member"][rows].tolist(), strict=True)
            outputs = outputs + source.n_sites * np.array([place_of_pair[pair] for pair in pairs], dtype=np.int64)
        items = [
            AttackItem(f"{seed}|{planned['item_id'][row]}", int(clean_index[row]), int(output), float(epsilon))
            for row, output, epsilon in zip(rows, outputs, planned["epsilon"][rows], strict=True)
        ]
        made = synthesize(
            source.model,
            items,
            clean,
            method=probe_method_of(probes),
            lattice=lattice_of(probes.gradient),
            batch_size=attack.batch_size,
            workers=work.workers or own_workers(),
            shard_folder=work.scratch / source.name,
            progress=work.progress,
        )
        found.append((rows, made))
    return _in_order(found)


@dataclass(frozen=True)
class _Source:
    """What some probes are driven on: the model itself, or the differences of its members; then of so many sites."""

    name: str
    model: ModelSource
    n_sites: int = 0


def _by_aim(planned: Columns, model: Path) -> list[tuple[NDArray[np.int64], _Source]]:
    is_driven = planned["first_member"] < 0
    parts = []
    if is_driven.any():
        parts.append((np.flatnonzero(is_driven), _Source("driven", site_model_file(model))))
    if not is_driven.all():
        source = disagreement_file(model)
        parts.append((np.flatnonzero(~is_driven), _Source("differing", source, source.n_sites)))
    return parts


def _in_order(found: list[tuple[NDArray[np.int64], SynthesisResult]]) -> SynthesisResult:
    order = np.argsort(np.concatenate([rows for rows, _ in found]))

    def column(name: str) -> NDArray[Any]:
        return np.asarray(np.concatenate([getattr(made, name) for _, made in found])[order])

    return SynthesisResult(attacked=column("attacked"), **{name: column(name) for name in NUMBERS})
