"""A model's weights, and what comes of a shard, as one row of numbers: how they go from one process to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class FlatWeights:
    """All weights of a model in one row of numbers, and likewise what comes of a shard.

    That is its loss, for each weight whether it has a gradient, and the gradients.

    Parameters
    ----------
    weights
        In their order; float32.
    """

    def __init__(self, weights: Sequence[nn.Parameter]) -> None:
        self.weights = weights
        self.n_values = sum(weight.numel() for weight in weights)
        self.n_of_result = 1 + len(weights) + self.n_values

    @torch.no_grad()
    def put(self, flat: Tensor) -> None:
        """Write the weights to (n_values,)."""
        for weight, own in zip(self.weights, self._parts(flat), strict=True):
            own.copy_(weight)

    @torch.no_grad()
    def take(self, flat: Tensor) -> None:
        """Set the weights."""
        for weight, own in zip(self.weights, self._parts(flat), strict=True):
            weight.copy_(own)

    @torch.no_grad()
    def put_result(self, result: Tensor, loss: float) -> None:
        """Write a shard's loss and the weights' gradients to (n_of_result,)."""
        has_one, flat = result[1 : 1 + len(self.weights)], result[1 + len(self.weights) :]
        result[0] = loss
        for place, (weight, own) in enumerate(zip(self.weights, self._parts(flat), strict=True)):
            has_one[place] = weight.grad is not None
            if weight.grad is not None:
                own.copy_(weight.grad)

    def read_result(self, result: Tensor) -> tuple[float, list[Tensor | None]]:
        """Return a shard's loss and gradients."""
        has_one, flat = result[1 : 1 + len(self.weights)], result[1 + len(self.weights) :]
        parts = zip(has_one.tolist(), self._parts(flat), strict=True)
        return result[0].item(), [own if has else None for has, own in parts]

    def _parts(self, flat: Tensor) -> Iterator[Tensor]:
        sizes = [weight.numel() for weight in self.weights]
        for weight, part in zip(self.weights, torch.split(flat, sizes), strict=True):
            yield part.view(weight.shape)
