"""The attacks on images of least preferred categories as bytes: "change (here, increase) the response" (section 2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.items import NUMBERS, AttackItem, SynthesisResult, no_attacks
from closedloop.attacks.synthesis.sources import site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.stages.from_protocol.attack import lattice_of, method_of
from closedloop.stages.probes import SearchWork

_UP = (+1,)


def raise_sites(
    planned: Columns,
    clean: NDArray[np.uint8],
    clean_index: NDArray[np.int64],
    *,
    model: Path,
    protocol: Protocol,
    seed: int,
    work: SearchWork,
) -> SynthesisResult:
    """Find the attacks that are to raise sites, searched as the day's others are, upwards alone.

    Parameters
    ----------
    planned
        Their rows of the table of items.
    clean
        The day's clean images, uint8, (n_images, side, side, 3).
    clean_index
        Row of these that each attack is made from, (n_attacks,).
    model
        The day's model.
    protocol
        Its section attack says how they are searched, and how many images at once.
    seed
        Of the random starts, with the attacks' names.
    work
        How it is computed.
    """
    if not len(clean_index):
        return no_attacks(clean)
    attack = protocol.attack
    names = zip(planned["item_id"], clean_index, planned["site_index"], planned["epsilon"], strict=True)
    return synthesize(
        site_model_file(model),
        [AttackItem(f"{seed}|{name}", int(row), int(site), float(epsilon)) for name, row, site, epsilon in names],
        clean,
        method=method_of(attack),
        lattice=lattice_of(attack.gradient),
        directions=_UP,
        batch_size=attack.batch_size,
        workers=work.workers or own_workers(),
        shard_folder=work.scratch,
        progress=work.progress,
    )


def joined(first: SynthesisResult, then: SynthesisResult) -> SynthesisResult:
    """Return the attacks of two searches, one after the other."""
    if not len(then.attacked):
        return first
    numbers = {name: np.concatenate([getattr(first, name), getattr(then, name)]) for name in NUMBERS}
    return SynthesisResult(attacked=np.concatenate([first.attacked, then.attacked]), **numbers)
