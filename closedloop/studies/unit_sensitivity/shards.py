"""The work of `unit_sensitivity` cut into pieces, each a file named by everything it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.batch_size import BatchSize, choose_batch_size, fastest_batch
from closedloop.attacks.engine.devices import on_cuda, own_device
from closedloop.attacks.largest_change import Changes, Target, largest_changes
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import Schedule
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.attacks.synthesis.sources import UnitsFile
from closedloop.execution.shards import made_once, shard_name
from closedloop.storage import sha256_bytes

_FORMAT = "unit sensitivity 1"
_ARRAYS = ("up", "down", "n_gradients")
_BATCHES_PER_SHARD = 1  # searches that a piece begins with: its batch is full, and little is lost by a kill


@dataclass(frozen=True)
class UnitShard:
    """Some (unit, image) pairs of one network, with all that a worker needs.

    Attributes
    ----------
    network
        Where its units come from.
    units
        Unit of each pair.
    image_ids
        Names of the pairs' images.
    pixels
        The pairs' images, uint8, (n_pairs, side, side, 3).
    epsilons
        At 224 px, ascending.
    search, warm_start
        How to search (`largest_changes`).
    seed
        Seed of the study.
    batch_size, device, n_sharing
        Images at once or "auto", where to compute, and how many processes share this machine.
    folder
        Where its file goes.
    """

    network: UnitsFile
    units: tuple[int, ...]
    image_ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    epsilons: tuple[float, ...]
    search: Schedule
    warm_start: bool
    seed: int
    batch_size: BatchSize
    device: str
    n_sharing: int
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it; batch size, device and workers play no part."""
        name = shard_name(
            *(_FORMAT, __version__, self.network.name, repr(self.units), repr(self.image_ids)),
            *(sha256_bytes(self.pixels.tobytes()), repr(self.pixels.shape), repr(self.epsilons)),
            *(repr(self.search), self.warm_start, self.seed),
        )
        return self.folder / f"{name}.npz"


def pairs_per_shard(search: Schedule, *, side_px: int, device: str) -> int:
    """Return how many (unit, image) pairs fill a shard: each is searched in two directions from every start.

    Parameters
    ----------
    search
        Its number of starts counts.
    side_px
        Side of the images.
    device
        Where the shard will be computed: the fastest batch depends on it.
    """
    batch = fastest_batch((side_px, side_px), torch.device("cuda" if on_cuda(device) else "cpu"))
    return max(1, _BATCHES_PER_SHARD * batch // (2 * search.restarts))


def leave_shard(shard: UnitShard) -> None:
    """Search a piece, unless its file is there, and leave the file."""
    if shard.path.exists():
        return
    changes = _searched(shard)
    made_once(shard.path, partial(write_shard, {name: getattr(changes, name) for name in _ARRAYS}))


def read_changes(shards: Sequence[UnitShard]) -> Changes:
    """Read what the pieces found, (n_pairs, n_epsilons), in their order.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    found = [read_shard(shard.path, names=_ARRAYS) for shard in shards]
    return Changes(**{name: np.concatenate([part[name] for part in found]) for name in _ARRAYS})


def _searched(shard: UnitShard) -> Changes:
    device = own_device(shard.device)
    model = shard.network.load(device)
    method = Method(search=shard.search)
    side_px = shard.pixels.shape[1]
    targets = [
        Target(f"unit sensitivity|{shard.seed}|unit {unit}|image {image_id}", place, unit)
        for place, (unit, image_id) in enumerate(zip(shard.units, shard.image_ids, strict=True))
    ]
    batch_size = choose_batch_size(
        shard.batch_size, model, (side_px, side_px), device=device, n_sharing=shard.n_sharing, method=method
    )
    return largest_changes(
        model,
        targets,
        shard.pixels,
        radii=[radius_at(epsilon, side_px) for epsilon in shard.epsilons],
        method=method,
        batch_size=batch_size,
        warm_start=shard.warm_start,
    )
