"""Pieces of a synthesis that any process can do: it loads the model and maps the clean images by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from closedloop import __version__
from closedloop.attacks.engine.batch_size import BatchSize, choose_batch_size
from closedloop.attacks.engine.devices import own_device
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import Attacked, AttackItem
from closedloop.attacks.synthesis.shards import Arrays, write_shard
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.attacks.synthesis.work import Work
from closedloop.confined.npy import map_npy
from closedloop.execution.shards import made_once, shard_name

_FORMAT = "attack shard 4"


@dataclass(frozen=True)
class AttackShard:
    """Items whose attacks are one file."""

    items: tuple[AttackItem, ...]
    path: Path


@dataclass(frozen=True)
class AttackPiece:
    """Shards that one worker does, through one queue; each is a file as soon as its own items are done.

    Attributes
    ----------
    shards
        What to make.
    images_file
        Clean images in whole levels, in numpy's format.
    source
        The model.
    method, lattice, directions
        How to search, how to put the float optimum on the lattice, and which directions to try.
    batch_size
        Images at once, or "auto".
    device
        "auto", "cpu", "cuda" or one device by name.
    n_sharing
        Processes that share this machine's memory.
    """

    shards: tuple[AttackShard, ...]
    images_file: Path
    source: ModelSource
    method: Method
    lattice: LatticeSettings
    directions: tuple[int, ...]
    batch_size: BatchSize
    device: str
    n_sharing: int


def named_shard(
    items: tuple[AttackItem, ...],
    *,
    image_hashes: Sequence[str],
    source: ModelSource,
    method: Method,
    lattice: LatticeSettings,
    directions: tuple[int, ...],
    folder: Path,
) -> AttackShard:
    """Return a shard named by everything that decides what is in it; batch size, workers and devices play no part.

    Parameters
    ----------
    items
        Attacks of the shard.
    image_hashes
        Of all clean images, by their index.
    source
        The model.
    method, lattice, directions
        How to search, how to put the float optimum on the lattice, and which directions to try.
    folder
        Where the file goes.
    """
    images = tuple(image_hashes[item.image_index] for item in items)
    how = (repr(method), repr(lattice), repr(directions))
    name = shard_name(_FORMAT, __version__, source.name, *how, repr(items), repr(images))
    return AttackShard(items, folder / f"{name}.npz")


def unfinished(shards: Sequence[AttackShard]) -> tuple[AttackShard, ...]:
    """Return the shards whose files are not there."""
    return tuple(shard for shard in shards if not shard.path.exists())


def do_piece(piece: AttackPiece) -> None:
    """Make the shards of a piece that are not there yet."""
    missing = unfinished(piece.shards)
    if not missing:
        return
    device = own_device(piece.device)
    model = piece.source.load(device)
    images = map_npy(piece.images_file)
    items = [item for shard in missing for item in shard.items]
    work = Work(items, images, piece.method, piece.lattice, piece.directions, device)
    batch_size = choose_batch_size(
        piece.batch_size, model, images.shape[1:3], device=device, n_sharing=piece.n_sharing, method=piece.method
    )
    _sort_into(missing, attacks(model, work, batch_size=batch_size))


def _sort_into(shards: Sequence[AttackShard], found: Iterable[tuple[int, Attacked]]) -> None:
    """Write each shard as soon as the last of its items has come."""
    home = [(number, row) for number, shard in enumerate(shards) for row in range(len(shard.items))]
    waiting: list[dict[int, Attacked]] = [{} for _ in shards]
    for place, attacked in found:
        number, row = home[place]
        waiting[number][row] = attacked
        if len(waiting[number]) == len(shards[number].items):
            arrays = _arrays(waiting[number])
            waiting[number].clear()
            made_once(shards[number].path, partial(write_shard, arrays))


def _arrays(rows: dict[int, Attacked]) -> Arrays:
    ordered = [rows[row] for row in range(len(rows))]
    return {name: np.array([getattr(one, name) for one in ordered]) for name in Attacked._fields}
