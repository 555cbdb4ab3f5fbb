"""Many attacks, by any workers, in shards that survive a crash: the bytes of a day, whoever computes them.

A shard is a fixed number of items and a file named by everything that decides what is in it. A piece of work is some
shards that one worker puts through one queue. Nothing here holds more than one shard in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.engine.batch_size import BatchSize
from closedloop.attacks.engine.devices import able_to_fork, on_cuda, share_out
from closedloop.attacks.lattice import LatticeSettings, pixel_type
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.items import IMAGES, NUMBERS, AttackItem, SynthesisResult, check_items
from closedloop.attacks.synthesis.pieces import AttackPiece, AttackShard, do_piece, named_shard, unfinished
from closedloop.attacks.synthesis.shards import read_shard
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.confined.npy import map_npy
from closedloop.errors import ExecutionError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored.piece import FilePiece
from closedloop.execution.workers import HERE, Workers
from closedloop.storage import resolved, sha256_bytes
from closedloop.storage.arrays import save_rows

ITEMS_PER_SHARD = 32
"""Items whose attacks are one file: what a crash can cost each worker, at most."""

_SHARDS_A_PIECE = {"cpu": 1, "cuda": 32}  # a graphics card's wide queue runs dry at the end of a piece


CLEAN = "clean-"
"""What the name of the file of clean images begins with; all others are finished shards."""


def synthesize(
    source: ModelSource,
    items: Sequence[AttackItem],
    clean_images: NDArray[Any],
    *,
    method: Method,
    shard_folder: Path,
    lattice: LatticeSettings | None = None,
    directions: tuple[int, ...] = (+1, -1),
    workers: Workers = HERE,
    device: str = "auto",
    batch_size: BatchSize = "auto",
    items_per_shard: int = ITEMS_PER_SHARD,
    progress: ProgressCallback | None = None,
) -> SynthesisResult:
    """Find all attacks; for each item both directions, the larger predicted change kept (section 3.1).

    A run killed anywhere and started again, with other workers too, gives identical bytes: finished shards are read.

    Parameters
    ----------
    source
        Where each worker gets the model from: `site_model_file`, `units_file`, or `InMemory` (this machine only).
    items
        Attacks to find; names must be unique.
    clean_images
        In whole levels of the lattice: uint8 for 255, shape (n_images, height, width, 3), square.
    method
        How to search; frozen dataclasses of plain values, so that their representation names them.
    shard_folder
        Where finished shards are kept; made if missing. Without a store a cluster's workers must see it under the
        same path.
    lattice
        How float optima are put on the lattice, and on which; 255 levels by default.
    directions
        +1 raises the response, -1 lowers it; of both the larger change is kept.
    workers
        Who does it.
    device
        Where each worker computes: "auto" (CUDA where there is a device), "cpu", "cuda" (workers share the devices
        out), or one device's name.
    batch_size
        Images at once in each worker, or "auto".
    items_per_shard
        Items a file. Another number gives other files with the same content.
    progress
        Called with (items done, items in total) after every piece.

    Returns
    -------
    SynthesisResult
        In the order of `items`; the attacked images are mapped from a file in `shard_folder`.

    Raises
    ------
    DocumentError
        A file in `shard_folder` bears a shard's name but is none.
    ExecutionError
        The workers cannot be had, were lost, or cannot load this source's model.
    StorageError
        A shard cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, torch
    >>> from closedloop.attacks import COSINE, AttackItem, InMemory, Method, synthesize
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()
    >>> photos = np.full((1, 8, 8, 3), 128, dtype=np.uint8)
    >>> items = [AttackItem("photo 0, site 1", image_index=0, site_index=1, epsilon=10.0)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = synthesize(
    ...         InMemory(model, name="tiny"), items, photos, method=Method(COSINE), shard_folder=Path(folder)
    ...     )
    >>> found.realised_epsilon <= 10.0
    array([ True])
    """
    settings = LatticeSettings() if lattice is None else lattice
    workers = able_to_fork(workers, device)
    _check(items, clean_images, settings.levels, items_per_shard)
    if not directions or not set(directions) <= {+1, -1} or len(set(directions)) < len(directions):
        raise ValueError(f"directions: expected +1, -1 or both, found {directions}")
    _check_travels(source, workers)
    hashes = [sha256_bytes(image.tobytes() + repr(image.shape).encode()) for image in clean_images]
    shards = [
        named_shard(
            tuple(items[start : start + items_per_shard]),
            image_hashes=hashes,
            source=source,
            method=method,
            lattice=settings,
            directions=directions,
            folder=resolved(shard_folder),
        )
        for start in range(0, len(items), items_per_shard)
    ]
    images_file = resolved(shard_folder) / f"{CLEAN}{shard_name(*hashes)}.npy"
    made_once(images_file, partial(_save, clean_images))
    pieces = [
        AttackPiece(
            group,
            images_file,
            source,
            method,
            settings,
            directions,
            batch_size,
            device,
            n_sharing=max(workers.n, 1),
        )
        for group in _groups(shards, device, workers)
    ]
    _run_pieces(pieces, workers, progress, n_items=len(items))
    return _collect(shards, resolved(shard_folder))


def _groups(shards: Sequence[AttackShard], device: str, workers: Workers) -> Iterator[tuple[AttackShard, ...]]:
    n = share_out(len(shards), workers, most=_SHARDS_A_PIECE["cuda" if on_cuda(device) else "cpu"])
    for start in range(0, len(shards), n):
        yield tuple(shards[start : start + n])


def _run_pieces(
    pieces: Sequence[AttackPiece], workers: Workers, progress: ProgressCallback | None, *, n_items: int
) -> None:
    left = [replace(piece, shards=missing) for piece in pieces if (missing := unfinished(piece.shards))]
    sizes = [sum(len(shard.items) for shard in piece.shards) for piece in left]

    def report(n_done: int) -> None:
        if progress is not None:
            progress(min(n_items - sum(sizes) + n_done * max(sizes, default=0), n_items), n_items)

    if sum(sizes) < n_items:
        report(0)
    run_pieces([_filed(piece, workers) for piece in left], workers, report)


def _filed(piece: AttackPiece, workers: Workers) -> FilePiece:
    reads = piece.source.reads if workers.store else ()
    return FilePiece(partial(do_piece, piece), leaves=tuple(shard.path for shard in piece.shards), reads=reads)


def _collect(shards: Sequence[AttackShard], folder: Path) -> SynthesisResult:
    """Write the images of all shards to one file, shard by shard, and map it; the numbers are read."""
    numbers = [read_shard(shard.path, names=NUMBERS) for shard in shards]
    file = folder / f"attacked-{shard_name(*[shard.path.name for shard in shards])}.npy"
    made_once(file, partial(_save_images, shards))
    columns = {name: np.concatenate([one[name] for one in numbers]) for name in NUMBERS}
    return SynthesisResult(attacked=map_npy(file), **columns)


def _save_images(shards: Sequence[AttackShard], path: Path) -> None:
    """Write the images in the order of the items."""
    n_images = sum(len(shard.items) for shard in shards)
    blocks = (read_shard(shard.path, names=(IMAGES,))[IMAGES] for shard in shards)
    first = next(blocks)
    save_rows(path, chain([first], blocks), shape=(n_images, *first.shape[1:]), dtype=first.dtype)


def _save(images: NDArray[Any], path: Path) -> None:
    save_rows(path, [images], shape=images.shape, dtype=images.dtype)


def _check_travels(source: ModelSource, workers: Workers) -> None:
    if workers.is_cluster and not source.travels:
        raise ExecutionError(
            f"--workers {workers.kind}: expected a model in a file, found one in memory. Use workers of this machine "
            "(--workers N), or save the model first."
        )


def _check(items: Sequence[AttackItem], clean_images: NDArray[Any], levels: int, items_per_shard: int) -> None:
    check_items(tuple(items))
    if items_per_shard < 1:
        raise ValueError(f"items per shard: expected at least 1, found {items_per_shard}")
    expected = pixel_type(levels)
    if clean_images.dtype != expected or clean_images.ndim != 4 or clean_images.shape[1] != clean_images.shape[2]:
        raise ValueError(
            f"expected square images of type {expected}, (n, side, side, 3), found {clean_images.dtype} "
            f"{clean_images.shape}"
        )
