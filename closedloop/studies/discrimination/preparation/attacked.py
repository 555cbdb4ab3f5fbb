"""The images that are shown where nobody brings any: attacks on units of a shipped network, made once, in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.naming import derive_seed, generator
from closedloop.attacks.engine.devices import own_device
from closedloop.attacks.one_call import attack
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import Workers
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import predict
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.storage import resolved, sha256_file
from closedloop.studies.discrimination.preparation.stimuli import PerturbedImage, StimulusPairs, gather_pairs
from closedloop.studies.networks import NetworkChoice, open_network

_FORMAT = "discrimination attacks 1"
_NAMES = ("attacked",)
_N_CATEGORIES, _N_PER_CATEGORY = 30, 1000
_PER_SHARD = 5  # images: seconds of work, so that a kill loses little


@dataclass(frozen=True)
class ImageRequest:
    """Which images are attacked.

    Attributes
    ----------
    network
        A shipped network or a weight file, cut at a layer.
    n_images
        Clean images; each is attacked at every epsilon, its own unit driven.
    epsilons
        Ascending.
    seed
        Of images, units and random starts.
    """

    network: NetworkChoice
    n_images: int
    epsilons: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class PairAttackShard:
    """Some images at one epsilon."""

    request: ImageRequest
    epsilon: float
    first: int
    folder: Path

    @property
    def rows(self) -> range:
        """Which of the images."""
        return range(self.first, min(self.first + _PER_SHARD, self.request.n_images))

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it."""
        weights = sha256_file(weights_file(self.request.network.source))
        who = (weights, self.request.network.layer, self.request.network.architecture or "")
        asked = (self.request.n_images, self.request.seed, self.epsilon)
        name = shard_name(_FORMAT, __version__, *who, *asked, repr(self.rows))
        return self.folder / f"{name}.npz"


def attacked_pairs(
    request: ImageRequest, folder: Path, *, workers: Workers, progress: ProgressCallback
) -> StimulusPairs:
    """Return clean images and their attacks; what was attacked before is read.

    Parameters
    ----------
    request
        Which.
    folder
        Of the pieces.
    workers
        Who attacks; what is found does not depend on it.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    CheckpointError, ProtocolError
        The network cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    shards = [
        PairAttackShard(request, epsilon, first, resolved(folder))
        for epsilon in request.epsilons
        for first in range(0, request.n_images, _PER_SHARD)
    ]
    left = [shard for shard in shards if not shard.path.exists()]
    progress(len(shards) - len(left), len(shards))
    run_pieces(
        [shard_piece(leave_attacks, shard, weights_file(request.network.source)) for shard in left],
        workers,
        lambda n_done: progress(len(shards) - len(left) + n_done, len(shards)),
    )
    names, clean = _clean_images(request)
    found = [
        PerturbedImage(names[row], clean[row], attacked, shard.epsilon)
        for shard in shards
        for row, attacked in zip(shard.rows, read_shard(shard.path, names=_NAMES)["attacked"], strict=True)
        if (attacked != clean[row]).any()  # at a tiny epsilon not one grey level may fit
    ]
    where = f"units of {request.network.name}, layer {request.network.layer}"
    return gather_pairs(found, source=f"{request.n_images} computed images, attacked at {where}")


def leave_attacks(shard: PairAttackShard) -> None:
    """Attack the images of a piece, unless its file is there, and leave the file."""
    made_once(shard.path, lambda path: write_shard({"attacked": _attacked(shard)}, path))


def _attacked(shard: PairAttackShard) -> NDArray[np.uint8]:
    _, clean = _clean_images(shard.request)
    model = open_network(shard.request.network).units.load(own_device("cpu"))
    images = clean[list(shard.rows)]
    seed = derive_seed(shard.request.seed, "discrimination", "attack", f"{shard.epsilon:g}", shard.first)
    found = attack(
        model,
        images,
        output=_units(shard, predict(model, clean)),
        epsilon=shard.epsilon,
        seed=seed,
        batch_size=len(images),
    )
    return np.asarray(found.attacked, dtype=np.uint8)


def _units(shard: PairAttackShard, responses: NDArray[np.floating]) -> Sequence[int]:
    """Return each image's unit: drawn of those that vary over the images, the same at every epsilon."""
    varying = np.flatnonzero(responses.std(axis=0) > 0)
    order = generator(shard.request.seed, "discrimination", "units").permutation(varying)
    return [int(order[row % len(order)]) for row in shard.rows]


def _clean_images(request: ImageRequest) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    side_px = open_network(request.network).side_px
    seed = derive_seed(request.seed, "discrimination", "pool")
    pool = ProceduralPool(seed=seed, side_px=side_px, n_categories=_N_CATEGORIES, n_per_category=_N_PER_CATEGORY)
    order = generator(request.seed, "discrimination", "clean images").permutation(_N_CATEGORIES * _N_PER_CATEGORY)
    names = tuple(pool.images()[int(place)].image_id for place in order[: request.n_images])
    return names, load_images(pool, names)
