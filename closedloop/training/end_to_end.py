"""Fit the whole site model to all days so far, end to end by gradient descent (section 3.1, Figure 4 box 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.gradients.numbers import Numbers
from closedloop.attacks.gradients.transforms import Shift
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import SiteModel, device_of, images_to_tensor, predict
from closedloop.training.decoupled_adam import DecoupledAdam, WeightGroup
from closedloop.training.resumable import (
    TrainingProgress,
    epoch_order,
    fingerprint,
    resume_training,
    save_training,
    tensors_as_arrays,
)

Float32 = NDArray[np.float32]
_SEEDS = 2**63


@dataclass(frozen=True)
class RefitRecipe:
    """How a day's refit descends; the defaults were measured on the simulated loop.

    Parameters
    ----------
    epochs
        Passes over all images of all days.
    base_learning_rate, readout_learning_rate
        Of AdamW; a base rate of 0 leaves the base model as it is.
    weight_decay
        Of AdamW, decoupled.
    batch_size
        Images a step.
    schedule
        Both learning rates stay, or fall to zero as half a cosine over the whole refit.
    shift
        Each image is moved by up to this fraction of its side along each axis, anew in every epoch; 0: it stays.

    Examples
    --------
    >>> from closedloop.training import RefitRecipe
    >>> RefitRecipe(epochs=10, schedule="cosine").batch_size
    64
    """

    epochs: int = 5
    base_learning_rate: float = 1e-3
    readout_learning_rate: float = 1e-2
    weight_decay: float = 1e-4
    batch_size: int = 64
    schedule: Literal["constant", "cosine"] = "constant"
    shift: float = 0.0


@dataclass(frozen=True)
class Responses:
    """Images and what the sites answered.

    Parameters
    ----------
    images
        uint8, (n, side, side, 3).
    responses
        Mean over repetitions, z-scored a site, (n, n_sites); NaN where unusable.
    weights
        Repetitions averaged, (n,) or (n, n_sites).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.training import Responses
    >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    >>> z_scored = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
    >>> recorded = Responses(photos, z_scored, weights=np.full(20, 4, dtype=np.float32))
    >>> recorded.responses.shape
    (20, 2)
    """

    images: NDArray[np.uint8]
    responses: Float32
    weights: Float32


@dataclass(frozen=True)
class RefitReport:
    """What a refit did.

    Parameters
    ----------
    losses
        Weighted mean squared error of each epoch, while it ran.
    correlation_before, correlation_after
        Pearson's r of each site on the held-out images, (n_sites,); NaN where fewer than 3 are usable.
    n_images
        Images that it was fitted to.
    resumed_from_epoch
        Epochs that an earlier, interrupted run had done.
    """

    losses: tuple[float, ...]
    correlation_before: Float32
    correlation_after: Float32
    n_images: int
    resumed_from_epoch: int


def refit(
    model: SiteModel,
    train: Responses,
    held_out: Responses,
    *,
    recipe: RefitRecipe,
    seed: int,
    checkpoint: Path | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> RefitReport:
    """Fit a site model in place.

    Weighted mean squared error on z-scored responses, unusable entries left out; BatchNorm keeps its statistics (its
    scale and shift are fitted). The result depends on the inputs alone: a run that was killed and continued from its
    checkpoint ends with the same bytes as one that was not.

    Parameters
    ----------
    model
        The previous day's model; changed in place and left in evaluation mode.
    train, held_out
        To fit to, and to correlate with afterwards; no image should be in both.
    recipe
        How to descend.
    seed
        Of the order of images, and of their shifts.
    checkpoint
        File that holds the state after each epoch; None keeps none.
    progress
        Called after every step.

    Raises
    ------
    ValueError
        Shapes do not agree, or nothing usable is left to fit to.
    StorageError
        The checkpoint cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.models import build_site_model, calibrate_readout, open_base_model
    >>> from closedloop.training import RefitRecipe, Responses, refit
    >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    >>> z_scored = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
    >>> recorded = Responses(photos, z_scored, weights=np.full(20, 4, dtype=np.float32))
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=2, side_px=32, seed=0)
    >>> calibrate_readout(model, photos)
    >>> report = refit(model, recorded, recorded, recipe=RefitRecipe(epochs=1), seed=0)
    >>> len(report.losses)
    1
    """
    weights = _usable_weights(model, train)
    before = held_out_correlation(model, held_out)
    model.eval().requires_grad_(True)
    optimizer = _optimizer(model, recipe)
    identity = _identity(model, train, recipe=recipe, seed=seed)
    losses = resume_training(checkpoint, identity=identity, module=model, optimizer=optimizer)
    done = len(losses)
    for epoch in range(done, recipe.epochs):
        order = epoch_order(len(train.images), seed=seed, epoch=epoch)
        losses.append(
            _epoch(
                model,
                train,
                weights,
                optimizer=optimizer,
                order=order,
                seed=seed,
                epoch=epoch,
                recipe=recipe,
                progress=progress,
            )
        )
        save_training(checkpoint, identity=identity, module=model, optimizer=optimizer, losses=losses)
    model.requires_grad_(False)
    after = held_out_correlation(model, held_out)
    return RefitReport(tuple(losses), before, after, len(train.images), done)


def held_out_correlation(model: SiteModel | SiteEnsemble, held_out: Responses) -> Float32:
    """Pearson's r between prediction and response of each site over its usable images, (n_sites,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.models import build_site_model, calibrate_readout, open_base_model
    >>> from closedloop.training import Responses, held_out_correlation
    >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    >>> z_scored = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
    >>> recorded = Responses(photos, z_scored, weights=np.full(20, 4, dtype=np.float32))
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=2, side_px=32, seed=0)
    >>> calibrate_readout(model, photos)
    >>> held_out_correlation(model, recorded).shape
    (2,)
    """
    predicted = predict(model, held_out.images)
    usable = np.isfinite(held_out.responses)
    pairs = ((predicted[rows, site], held_out.responses[rows, site]) for site, rows in enumerate(usable.T))
    return np.array([_pearson(a, b) for a, b in pairs], dtype=np.float32)


def _pearson(a: Float32, b: Float32) -> float:
    if len(a) < 3 or not np.ptp(a) or not np.ptp(b):
        return float("nan")
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def _usable_weights(model: SiteModel, train: Responses) -> Float32:
    """Weight of every entry, 0 where the response is unusable, mean 1 over all entries, (n, n_sites)."""
    shape = (len(train.images), model.spec.n_sites)
    if train.responses.shape != shape:
        raise ValueError(f"responses: expected shape {shape}, found {train.responses.shape}")
    weights = train.weights if train.weights.ndim == 2 else train.weights[:, None]
    spread = np.where(np.isfinite(train.responses), np.broadcast_to(weights, shape), 0).astype(np.float64)
    if not np.isfinite(spread).all() or spread.min(initial=0) < 0 or not spread.sum():
        raise ValueError("weights: expected finite numbers of repetitions, at least one of them above 0 and usable")
    return np.asarray(spread / spread.mean(), dtype=np.float32)


def _optimizer(model: SiteModel, recipe: RefitRecipe) -> DecoupledAdam:
    groups = [
        WeightGroup(list(model.trunk.parameters()), recipe.base_learning_rate),
        WeightGroup(list(model.readout.parameters()), recipe.readout_learning_rate),
    ]
    if not recipe.base_learning_rate:
        model.trunk.requires_grad_(False)
    return DecoupledAdam(groups, weight_decay=recipe.weight_decay)


def _identity(model: SiteModel, train: Responses, *, recipe: RefitRecipe, seed: int) -> str:
    arrays: list[NDArray[Any]] = [train.images, train.responses, train.weights, *tensors_as_arrays(model)]
    return fingerprint(f"refit {model.spec} {recipe} seed {seed}", arrays)


def _epoch(
    model: SiteModel,
    train: Responses,
    weights: Float32,
    *,
    optimizer: DecoupledAdam,
    order: NDArray[np.int64],
    seed: int,
    epoch: int,
    recipe: RefitRecipe,
    progress: Callable[[TrainingProgress], None] | None,
) -> float:
    """Run one pass over the images; the mean loss over images."""
    targets = np.nan_to_num(train.responses, nan=0.0)
    n_batches = -(-len(order) // recipe.batch_size)
    total = 0.0
    for index in range(n_batches):
        step = epoch * n_batches + index
        _set_rates(optimizer, recipe, fraction_done=step / (recipe.epochs * n_batches))
        rows = np.sort(order[index * recipe.batch_size : (index + 1) * recipe.batch_size])
        images = images_to_tensor(train.images[rows], device=device_of(model))
        if recipe.shift:
            moved = Shift(recipe.shift)(images, _numbers(rows, seed=seed, epoch=epoch))
            images = moved.contiguous(memory_format=torch.channels_last)  # as they came: faster
        loss = _weighted_mse(model(images), targets[rows], weights[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item() * len(rows)
        if progress is not None:
            seen = min((index + 1) * recipe.batch_size, len(order))
            progress(TrainingProgress(epoch, step + 1, recipe.epochs * n_batches, total / seen))
    return total / len(order)


def _numbers(rows: NDArray[np.int64], *, seed: int, epoch: int) -> Numbers:
    """Return what images of these rows are shifted by in an epoch: of each its own, whatever batch it is in."""
    seeds = tuple((seed + int(row)) % _SEEDS for row in rows)
    return Numbers(seeds, samples=(epoch,) * len(rows))


def _weighted_mse(predicted: Tensor, targets: Float32, weights: Float32) -> Tensor:
    target = torch.from_numpy(targets).to(predicted.device)
    weight = torch.from_numpy(weights).to(predicted.device)
    return (weight * (predicted - target) ** 2).mean()


def _set_rates(optimizer: DecoupledAdam, recipe: RefitRecipe, *, fraction_done: float) -> None:
    factor = 0.5 * (1 + np.cos(np.pi * fraction_done)) if recipe.schedule == "cosine" else 1.0
    rates = (recipe.base_learning_rate, recipe.readout_learning_rate)
    for group, rate in zip(optimizer.groups, rates, strict=True):
        group.rate = float(rate * factor)
