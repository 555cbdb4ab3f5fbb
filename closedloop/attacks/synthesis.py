"""Many attacks: both directions of each item, on eight bits, in shards that survive a crash (section 3.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.balls.units import radius_at
from closedloop.attacks.engine import Method, Problem, find, from_bytes
from closedloop.attacks.lattice import GREY_LEVELS, realised_epsilon, to_lattice
from closedloop.attacks.objectives import Model, SignedResponse, ValueOf, response_of, value_and_gradient
from closedloop.attacks.shards import Arrays, load_shard, save_shard
from closedloop.attacks.slots import Task
from closedloop.execution.local import run_in_processes

_FORMAT = "attack shard 2"
_DIRECTIONS = (+1, -1)

Progress = Callable[[int, int], None]
"""Called with (items done, items in all) after every shard."""


@dataclass(frozen=True)
class AttackItem:
    """One attack to find: this clean image, this site, this budget.

    Parameters
    ----------
    item_name
        Unique name; the random starts derive from it, never from the order of items.
    image_index
        Index of the clean image.
    site_index
        Index of the model's site.
    epsilon
        L2 norm in [0, 1] pixel units on a 224 x 224 x 3 image.
    """

    item_name: str
    image_index: int
    site_index: int
    epsilon: float


@dataclass(frozen=True)
class SynthesisResult:
    """Attacked images and what the model predicts for them, one row an item.

    Predictions are of the item's own site, in the model's response units, on the bytes that will be shown.

    Parameters
    ----------
    attacked
        Attacked images, uint8, shape (n_items, height, width, 3).
    predicted_clean, predicted_attacked
        Responses to the clean and the attacked image, shape (n_items,).
    predicted_change_float
        Change of the response at the float optimum, before the image was put on eight bits, shape (n_items,).
    realised_epsilon
        Epsilon from the bytes, 224 px units, shape (n_items,).
    direction
        +1 where the kept attack raises the response, -1 where it lowers it, shape (n_items,).
    """

    attacked: NDArray[np.uint8]
    predicted_clean: NDArray[np.float64]
    predicted_attacked: NDArray[np.float64]
    predicted_change_float: NDArray[np.float64]
    realised_epsilon: NDArray[np.float64]
    direction: NDArray[np.int64]

    @property
    def predicted_change(self) -> NDArray[np.float64]:
        """Predicted response change on the bytes, attacked minus clean, shape (n_items,)."""
        return self.predicted_attacked - self.predicted_clean

    @property
    def rounding_loss(self) -> NDArray[np.float64]:
        """Size of the float optimum's change minus the size of the bytes' change, shape (n_items,)."""
        return np.abs(self.predicted_change_float) - np.abs(self.predicted_change)


_ARRAY_NAMES = tuple(SynthesisResult.__dataclass_fields__)


def synthesize(
    model: Model,
    items: Sequence[AttackItem],
    clean_images: NDArray[np.uint8],
    *,
    model_hash: str,
    method: Method,
    batch_size: int,
    shard_folder: Path,
    device: torch.device | str = "cpu",
    n_processes: int = 1,
    progress: Progress | None = None,
) -> SynthesisResult:
    """Find all attacks; for each item both directions, the larger predicted change kept (section 3.1).

    Work is cut by item order into shards of `batch_size` items. A finished shard is a file in `shard_folder` named by
    the hash of everything it depends on; one that is already there is read instead of computed, so a run killed
    anywhere and started again gives identical bytes.

    Parameters
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_sites), on `device`, in ``eval`` mode.
    items
        Attacks to find; names must be unique.
    clean_images
        uint8, shape (n_images, height, width, 3), square.
    model_hash
        Identifies the model's state: another model must have another hash.
    method
        How to search.
    batch_size
        Items per shard, and images per forward pass.
    shard_folder
        Where finished shards are kept; made if missing.
    device
        Where the model lives.
    n_processes
        Forked processes that share the shards out; with a GPU it must be 1. The result does not depend on it.
    progress
        Called with (items done, items in all) after every shard.

    Returns
    -------
    SynthesisResult
        In the order of `items`.

    Raises
    ------
    DocumentError
        A file in `shard_folder` bears a shard's name but is none.
    StorageError
        A shard cannot be written.
    """
    _check(items, clean_images, batch_size)
    shards = [
        _Shard(tuple(items[start : start + batch_size]), clean_images, method, torch.device(device))
        for start in range(0, len(items), batch_size)
    ]

    def find(shard: _Shard) -> Arrays:
        return _computed_or_stored(model, shard, model_hash=model_hash, folder=shard_folder)

    def tell(n_done: int) -> None:
        if progress is not None:
            progress(min(n_done * batch_size, len(items)), len(items))

    run_in_processes([partial(_leave, find, shard) for shard in shards], n_processes=n_processes, on_done=tell)
    found = [find(shard) for shard in shards]
    return SynthesisResult(**{name: np.concatenate([shard[name] for shard in found]) for name in _ARRAY_NAMES})


def _leave(find: Callable[[_Shard], Arrays], shard: _Shard) -> None:
    """Find a shard for the file it leaves."""
    find(shard)


def seed_of(item_name: str, direction: int) -> int:
    """Seed of an item's random start in one direction, from its name alone; a 63-bit integer."""
    digest = hashlib.sha256(f"{item_name}|{direction:+d}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True)
class _Shard:
    """The items of one shard with what they need."""

    items: tuple[AttackItem, ...]
    clean_images: NDArray[np.uint8]
    method: Method
    device: torch.device

    @property
    def clean(self) -> NDArray[np.uint8]:
        return self.clean_images[[item.image_index for item in self.items]]

    @property
    def site_index(self) -> Tensor:
        return torch.tensor([item.site_index for item in self.items], device=self.device)

    @property
    def radius(self) -> NDArray[np.float64]:
        side_px = self.clean_images.shape[1]
        return np.array([radius_at(item.epsilon, side_px) for item in self.items])


def _computed_or_stored(model: Model, work: _Shard, *, model_hash: str, folder: Path) -> Arrays:
    path = folder / f"{_hash_of_inputs(work, model_hash)}.npz"
    stored = load_shard(path, names=_ARRAY_NAMES)
    if stored is not None:
        return stored
    delta, sign = _search(model, work)
    up, down = (_on_bytes(model, work, one, s) for one, s in zip(delta, sign, strict=True))
    computed = _larger_change(up, down)
    save_shard(path, computed)
    return computed


def _hash_of_inputs(work: _Shard, model_hash: str) -> str:
    inputs = {
        "format": _FORMAT,
        "model": model_hash,
        "method": _named(work.method),
        "items": [asdict(item) for item in work.items],
        "images": [hashlib.sha256(image.tobytes()).hexdigest() for image in work.clean],
        "shape": work.clean.shape,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _named(settings: object) -> str:
    """Name settings by type and fields; they are frozen dataclasses of plain values and of each other."""
    return repr(settings)


def _search(model: Model, work: _Shard) -> tuple[Tensor, Tensor]:
    """Search both directions of every item: perturbations, (2, n_items, 3, height, width), up before down."""
    n = len(work.items)
    sign = torch.tensor(_DIRECTIONS, dtype=torch.float32, device=work.device).repeat_interleave(n)
    objective = SignedResponse(work.site_index.repeat(len(_DIRECTIONS)), sign)
    problem = Problem(model, from_bytes(work.clean_images, device=work.device), objective)
    tasks = [
        Task(row=place * n + row, image=item.image_index, radii=(radius,), seed=seed_of(item.item_name, direction))
        for place, direction in enumerate(_DIRECTIONS)
        for row, (item, radius) in enumerate(zip(work.items, work.radius.tolist(), strict=True))
    ]
    found = {one.task.row: one.delta for one in find(problem, tasks, method=work.method, batch_size=n)}
    deltas = torch.stack([found[row] for row in range(len(tasks))]).to(work.device)
    return deltas.view(len(_DIRECTIONS), n, *deltas.shape[1:]), sign.view(len(_DIRECTIONS), n)


def _on_bytes(model: Model, work: _Shard, delta: Tensor, sign: Tensor) -> Arrays:
    """Put the attacks of one direction on eight bits, and say what the model predicts for them."""
    clean = work.clean
    x = _to_tensor(clean, work.device)
    at_optimum = value_and_gradient(_driven(model, work, sign), x + delta)
    attacked = to_lattice(clean, _to_numpy(delta), radius=work.radius, gain_gradient=_to_numpy(at_optimum.gradient))
    predicted_clean = _predict(model, clean, work)
    direction = sign.double().cpu().numpy()
    return {
        "attacked": attacked,
        "predicted_clean": predicted_clean,
        "predicted_attacked": _predict(model, attacked, work),
        "predicted_change_float": direction * at_optimum.value.double().cpu().numpy() - predicted_clean,
        "realised_epsilon": realised_epsilon(clean, attacked),
        "direction": direction.astype(np.int64),
    }


def _driven(model: Model, work: _Shard, sign: Tensor) -> ValueOf:
    return lambda images: response_of(model(images), work.site_index) * sign


def _larger_change(up: Arrays, down: Arrays) -> Arrays:
    """Keep, item by item, the direction with the larger predicted change on the bytes (section 3.1)."""
    size_up = np.abs(up["predicted_attacked"] - up["predicted_clean"])
    size_down = np.abs(down["predicted_attacked"] - down["predicted_clean"])
    keep_up = size_up >= size_down
    return {
        name: np.where(keep_up.reshape(-1, *[1] * (up[name].ndim - 1)), up[name], down[name]) for name in _ARRAY_NAMES
    }


def _predict(model: Model, images: NDArray[np.uint8], work: _Shard) -> NDArray[np.float64]:
    with torch.no_grad():
        responses = response_of(model(_to_tensor(images, work.device)), work.site_index)
    return np.asarray(responses.double().cpu().numpy())


def _to_tensor(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(device).float() / GREY_LEVELS


def _to_numpy(channels_first: Tensor) -> NDArray[np.float32]:
    return np.asarray(channels_first.permute(0, 2, 3, 1).cpu().numpy())


def _check(items: Sequence[AttackItem], clean_images: NDArray[np.uint8], batch_size: int) -> None:
    if len({item.item_name for item in items}) != len(items):
        raise ValueError("attack items need unique names: the random starts derive from them")
    if not items or batch_size < 1:
        raise ValueError(f"expected at least one item and a batch size of at least 1, found {len(items)}, {batch_size}")
    if clean_images.dtype != np.uint8 or clean_images.ndim != 4 or clean_images.shape[1] != clean_images.shape[2]:
        raise ValueError(f"expected square uint8 images (n, side, side, 3), found {clean_images.shape}")
