"""The gradient of a shard, and the sum over a step's shards in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.precision import Precision, ascending
from closedloop.errors import ExecutionError
from closedloop.models.site_model import device_of
from closedloop.training.sharded.examples import BatchShard, FittedImages
from closedloop.training.sharded.split import SplitModel

_NO_MEMORY = "can't allocate memory"  # torch's, of a processor's memory


class StepGradient(Protocol):
    """Who computes a step's gradient."""

    def __call__(self, rows: NDArray[np.int64], *, epoch: int) -> float:
        """Leave the gradient of a step's images in the model's weights and return their mean loss."""


@dataclass(frozen=True)
class ShardGradient:
    """Computes a shard's gradient.

    Attributes
    ----------
    split
        The model; a weight that is not fitted has no gradient.
    precision
        Of the pass through the trunk.
    """

    split: SplitModel
    precision: Precision

    @property
    def weights(self) -> list[nn.Parameter]:
        """All weights of the model, in their order."""
        return list(self.split.model.parameters())

    def of_rows(self, examples: FittedImages, rows: NDArray[np.int64], *, epoch: int, n_of_step: int) -> float:
        """Leave the gradient of a shard's part of a step's loss in the weights; return the mean loss of its images.

        Parameters
        ----------
        examples
            What is fitted to.
        rows, n_of_step
            The shard's, and how many images the step has.
        epoch
            Counted from 0.

        Raises
        ------
        ExecutionError
            The device has too little memory.
        """
        return self.of_shard(self.shard(examples, rows, epoch=epoch, n_of_step=n_of_step))

    def shard(self, examples: FittedImages, rows: NDArray[np.int64], *, epoch: int, n_of_step: int) -> BatchShard:
        """Return what a shard consists of, features of the frozen part computed.

        Parameters
        ----------
        examples, rows, epoch, n_of_step
            As in `of_rows`.
        """
        device = device_of(self.split.model)
        with _enough_memory(self.split, len(rows)), _reproducibly(), ascending(self.precision, device):
            return examples.shard(self.split, rows, epoch=epoch, n_of_step=n_of_step)

    def of_shard(self, shard: BatchShard) -> float:
        """Do as `of_rows` for a shard that is at hand."""
        for weight in self.weights:
            weight.grad = None
        with _enough_memory(self.split, len(shard.inputs)), _reproducibly():
            with ascending(self.precision, shard.inputs.device):
                loss = _weighted_mse(self.split.fitted(shard.inputs), shard)
            part = loss if shard.share == 1 else loss * shard.share
            part.backward()  # type: ignore[no-untyped-call]
            return loss.item()


@contextmanager
def _enough_memory(split: SplitModel, n: int) -> Iterator[None]:
    """Say in one line that there is too little memory for so many images."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY in str(error)):
            raise
        raise ExecutionError(
            f"refit: expected memory of {device_of(split.model)} for {n} images at once, found too little. Raise "
            "fit.shards or lower fit.batch_size (`closedloop amend`), or free some memory, and run the same command "
            "again."
        ) from error


@contextmanager
def _reproducibly() -> Iterator[None]:
    """Have a graphics card sum up in the same order every time; a processor does."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


class GradientSum:
    """Sums shards' gradients in the order in which they are added, whoever computed them.

    Parameters
    ----------
    weights
        What they are of.
    """

    def __init__(self, weights: Sequence[nn.Parameter]) -> None:
        self._weights = weights
        self._sums: list[Tensor | None] = [None] * len(weights)

    def add(self, gradients: Sequence[Tensor | None]) -> None:
        """Add a shard's, one for each weight; None where a weight has none."""
        for place, gradient in enumerate(gradients):
            before = self._sums[place]
            if gradient is None:
                continue
            if before is None:
                self._sums[place] = torch.empty_like(self._weights[place]).copy_(gradient)
            else:
                before.add_(gradient.to(before.device))

    def leave(self) -> None:
        """Leave the sums in the weights."""
        for weight, total in zip(self._weights, self._sums, strict=True):
            weight.grad = total


def split_rows(rows: NDArray[np.int64], n_shards: int) -> list[NDArray[np.int64]]:
    """Split a step's rows into shards of one size, or sizes that differ by one; of few rows, fewer shards.

    Parameters
    ----------
    rows
        Of the step.
    n_shards
        At most.
    """
    return np.array_split(rows, min(n_shards, len(rows)))


@dataclass(frozen=True)
class InThisProcess:
    """Computes a step's gradient in this process, one shard after the other.

    Attributes
    ----------
    gradient
        Of a shard.
    examples
        What is fitted to.
    n_shards
        Of a step.
    """

    gradient: ShardGradient
    examples: FittedImages
    n_shards: int

    def __call__(self, rows: NDArray[np.int64], *, epoch: int) -> float:
        """Leave the gradient of a step's images in the model's weights and return their mean loss."""
        parts = split_rows(rows, self.n_shards)
        weights, losses = self.gradient.weights, list[float]()
        total = GradientSum(weights)
        for part in parts:
            losses.append(self.gradient.of_rows(self.examples, part, epoch=epoch, n_of_step=len(rows)))
            if len(parts) > 1:
                total.add([weight.grad for weight in weights])
        if len(parts) > 1:
            total.leave()
        return mean_loss(losses, parts)


def mean_loss(losses: Sequence[float], parts: Sequence[NDArray[np.int64]]) -> float:
    """Return a step's mean loss over its images, from its shards'.

    Parameters
    ----------
    losses, parts
        Mean loss and rows of each shard.
    """
    if len(parts) == 1:
        return losses[0]
    return sum(loss * len(part) for loss, part in zip(losses, parts, strict=True)) / sum(map(len, parts))


def _weighted_mse(predicted: Tensor, shard: BatchShard) -> Tensor:
    return (shard.weights * (predicted - shard.targets) ** 2).mean()
