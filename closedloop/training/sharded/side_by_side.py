"""A step's shards computed by several processes of this machine, forked: weights and gradients lie in shared memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.engine.devices import own_device
from closedloop.execution.crew import Crew, working_crew
from closedloop.training.sharded.examples import FittedImages
from closedloop.training.sharded.flat import FlatWeights
from closedloop.training.sharded.gradients import GradientSum, ShardGradient, mean_loss, split_rows

_EPOCH, _ROUND, _N_ROWS, _FIRST_ROW = 0, 1, 2, 3  # places in what a round is described by


class WithHelpers:
    """Computes a step's gradient with helpers; made by `working_side_by_side`.

    Parameters
    ----------
    gradient
        Of a shard.
    examples
        What is fitted to.
    n_shards
        Of a step.
    batch_size
        Images of a step at most.
    device
        Where helpers compute, as in `own_device`.
    """

    def __init__(
        self, gradient: ShardGradient, examples: FittedImages, *, n_shards: int, batch_size: int, device: str
    ) -> None:
        self._gradient, self._examples, self._n_shards, self._device = gradient, examples, n_shards, device
        self._flat = FlatWeights(gradient.weights)
        self._shared_weights = _shared(self._flat.n_values, torch.float32)
        self._results = _shared(n_shards * self._flat.n_of_result, torch.float32).view(n_shards, -1)
        self._round = _shared(_FIRST_ROW + batch_size, torch.int64)
        self._owner, self._taken = os.getpid(), 0
        self.crew = Crew(self.work)

    def __call__(self, rows: NDArray[np.int64], *, epoch: int) -> float:
        """Leave the gradient of a step's images in the model's weights and return their mean loss."""
        parts = split_rows(rows, self._n_shards)
        self._flat.put(self._shared_weights)
        self._round[_EPOCH], self._round[_N_ROWS] = epoch, len(rows)
        self._round[_FIRST_ROW : _FIRST_ROW + len(rows)] = torch.from_numpy(rows)
        self._round[_ROUND] += 1
        self.crew.run(len(parts))
        total, losses = GradientSum(self._flat.weights), list[float]()
        for result in self._results[: len(parts)]:
            loss, gradients = self._flat.read_result(result)
            losses.append(loss)
            total.add(gradients)
        total.leave()
        return mean_loss(losses, parts)

    def work(self, part: int) -> None:
        """Compute a shard of the round, in whichever process, and leave its gradient in shared memory."""
        epoch, number, n_rows = self._round[:_FIRST_ROW].tolist()
        if os.getpid() != self._owner and number != self._taken:
            if not self._taken:
                self._gradient.split.model.to(own_device(self._device))
            self._flat.take(self._shared_weights)
            self._taken = number
        rows = self._round[_FIRST_ROW : _FIRST_ROW + n_rows].numpy()
        own = split_rows(rows, self._n_shards)[part]
        loss = self._gradient.of_rows(self._examples, own, epoch=epoch, n_of_step=n_rows)
        self._flat.put_result(self._results[part], loss)


@contextmanager
def working_side_by_side(
    gradient: ShardGradient, examples: FittedImages, *, n_shards: int, batch_size: int, n_processes: int, device: str
) -> Iterator[WithHelpers]:
    """Fork helpers for the block.

    Parameters
    ----------
    gradient, examples, n_shards, batch_size, device
        Of `WithHelpers`.
    n_processes
        This one among them; more than shards have nothing to do.
    """
    step = WithHelpers(gradient, examples, n_shards=n_shards, batch_size=batch_size, device=device)
    with working_crew(step.work, n_processes=min(n_processes, n_shards)) as crew:
        step.crew = crew
        yield step


def _shared(n: int, dtype: torch.dtype) -> Tensor:
    """Return zeros in memory that this process and those which it forks share."""
    memory = mmap.mmap(-1, max(n, 1) * dtype.itemsize)
    return torch.frombuffer(memory, dtype=dtype, count=n)
