"""Fit the whole site model to all days so far, end to end by gradient descent (section 3.1, Figure 4 box 3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.execution.ranks import Rank
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import SiteModel, device_of, images_to_tensor, predict
from closedloop.storage import remove_file
from closedloop.training.decoupled_adam import DecoupledAdam, WeightGroup
from closedloop.training.resumable import (
    NOTHING_DONE,
    PartOfEpoch,
    TrainingProgress,
    epoch_order,
    fingerprint,
    resume_within_epoch,
    save_training,
    tensors_as_arrays,
)
from closedloop.training.sharded.computing import Computing, step_gradient
from closedloop.training.sharded.examples import FittedImages
from closedloop.training.sharded.feature_file import FeatureFile, open_feature_file
from closedloop.training.sharded.gradients import ShardGradient, StepGradient
from closedloop.training.sharded.split import SplitModel, frozen_features, split_model

Float32 = NDArray[np.float32]

SAVED_EVERY_S = 60.0
"""A refit's state is written after each epoch, and within one as often as this."""


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
    shards
        That each step's images are split into: their gradients are computed one by one, by whichever process, and
        summed up in order. Another number rounds otherwise; the number of processes changes nothing.
    precision
        Of the pass through the network. Weights, readout, loss and sums are float32 in any case.
    train
        What is fitted: "all", the "readout", or everything "from LAYER" on. Features of what is not are computed once
        and kept, where images are not shifted.

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
    shards: int = field(default=1, repr=False)  # not in the text by which half-done fits of earlier versions are known
    precision: Literal["float32", "bfloat16"] = field(default="float32", repr=False)
    train: str = field(default="all", repr=False)


@dataclass(frozen=True)
class Responses:
    """Images and what the sites answered.

    Parameters
    ----------
    images
        uint8, (n, side, side, 3); a map of a file serves, of which a step reads its own rows.
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
    n_processes: int = 1,
    rank: Rank | None = None,
    device: str = "cpu",
    saved_every_s: float = SAVED_EVERY_S,
) -> RefitReport:
    """Fit a site model in place.

    Weighted mean squared error on z-scored responses, unusable entries left out; BatchNorm keeps its statistics (its
    scale and shift are fitted), and no dropout drops. The result depends on the inputs alone: a run that was killed and
    continued from its checkpoint, or shared out over several processes, ends with the same bytes as one that was not.

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
        File that holds the state after each epoch, and in between; None keeps none. Features of what is not fitted are
        kept beside it.
    progress
        Called after every step.
    n_processes
        Of this machine, that a step's shards are shared out over.
    rank
        This process, where torchrun started several, which compute the shards then (`execution.ranks`).
    device
        Where this process computes, as in `attacks.engine.devices.own_device`; its helpers take theirs in turn. A
        graphics card rounds otherwise than a processor.
    saved_every_s
        Seconds between two states within an epoch.

    Raises
    ------
    ValueError
        Shapes do not agree, or nothing usable is left to fit to.
    StorageError
        The checkpoint cannot be written.
    ProtocolError
        The model has no such layer to be fitted from.
    ExecutionError
        There is no such device, or it has too little memory, or a process that torchrun started was lost.

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
    split = split_model(model, recipe.train)
    optimizer = _optimizer(model, recipe)
    identity = _identity(model, train, recipe=recipe, seed=seed)
    losses, begun = resume_within_epoch(checkpoint, identity=identity, module=model, optimizer=optimizer)
    done = len(losses)
    examples = FittedImages(train.images, np.nan_to_num(train.responses, nan=0.0), weights, seed, recipe.shift)
    save = partial(save_training, checkpoint, identity=identity, module=model, optimizer=optimizer, losses=losses)
    beside, computing = checkpoint, Computing(n_processes, rank, device)
    if done == recipe.epochs:
        beside, computing = None, Computing(1, None, "cpu")
    with (
        _kept_features(split, examples, recipe=recipe, beside=beside, identity=identity) as features,
        step_gradient(
            ShardGradient(split, recipe.precision),
            replace(examples, features=features),
            n_shards=recipe.shards,
            batch_size=recipe.batch_size,
            part=recipe.train,
            computing=computing,
        ) as gradient,
    ):
        optimizer.follow()
        tell = progress or _tell_nobody
        steps = _RefitSteps(recipe, seed, len(train.images), optimizer, gradient, tell, saved_every_s)
        for epoch in range(done, recipe.epochs):
            losses.append(steps.run_epoch(epoch, begun=begun if epoch == done else NOTHING_DONE, save=save))
            save()
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
    asked = {
        field.name: getattr(recipe, field.name)
        for field in fields(recipe)
        if not field.repr and getattr(recipe, field.name) != field.default
    }
    beside = f" {asked}" if asked else ""
    return fingerprint(f"refit {model.spec} {recipe} seed {seed}{beside}", arrays)


@contextmanager
def _kept_features(
    split: SplitModel, examples: FittedImages, *, recipe: RefitRecipe, beside: Path | None, identity: str
) -> Iterator[FeatureFile | None]:
    """Open the file of a frozen part's features, where there is one, an epoch to come, and a place to keep them."""
    if split.frozen is None or recipe.shift or beside is None:
        yield None
        return
    path = beside.with_suffix(f".{identity[:16]}.features")
    for other in beside.parent.glob(f"{beside.stem}.*.features"):
        if other != path:
            remove_file(other)  # of a training that is not continued
    first = images_to_tensor(examples.images[:1], device=device_of(split.model))
    shape = tuple(frozen_features(split, first).shape[1:])
    with open_feature_file(path, shape=shape, n_rows=len(examples.images)) as features:
        yield features


@dataclass(frozen=True)
class _RefitSteps:
    """Moves a model's weights, step by step."""

    recipe: RefitRecipe
    seed: int
    n_images: int
    optimizer: DecoupledAdam
    gradient: StepGradient
    progress: Callable[[TrainingProgress], None]
    saved_every_s: float

    def run_epoch(self, epoch: int, *, begun: PartOfEpoch, save: Callable[..., None]) -> float:
        """Run one pass over the images, or what is left of it; the mean loss over images."""
        size, order = self.recipe.batch_size, epoch_order(self.n_images, seed=self.seed, epoch=epoch)
        n_batches = -(-len(order) // size)
        n_steps, total, saved_s = self.recipe.epochs * n_batches, begun.loss, time.monotonic()
        for index in range(begun.n_steps, n_batches):
            step = epoch * n_batches + index
            _set_rates(self.optimizer, self.recipe, fraction_done=step / n_steps)
            rows = np.sort(order[index * size : (index + 1) * size])
            total += self.gradient(rows, epoch=epoch) * len(rows)
            self.optimizer.step()
            seen = min((index + 1) * size, len(order))
            if seen < len(order) and time.monotonic() - saved_s >= self.saved_every_s:
                save(begun=PartOfEpoch(index + 1, total))
                saved_s = time.monotonic()
            self.progress(TrainingProgress(epoch, step + 1, n_steps, total / seen))
        return total / len(order)


def _tell_nobody(_training: TrainingProgress) -> None:
    """Tell nobody how far a training is."""


def _set_rates(optimizer: DecoupledAdam, recipe: RefitRecipe, *, fraction_done: float) -> None:
    factor = 0.5 * (1 + np.cos(np.pi * fraction_done)) if recipe.schedule == "cosine" else 1.0
    rates = (recipe.base_learning_rate, recipe.readout_learning_rate)
    for group, rate in zip(optimizer.groups, rates, strict=True):
        group.rate = float(rate * factor)
