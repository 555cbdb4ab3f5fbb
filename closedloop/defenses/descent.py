"""Training by epochs that a kill cannot spoil: everything drawn derives from the seed and the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.training.resumable import epoch_order, resume_training, save_training

LossOf = Callable[[NDArray[np.int64], torch.Generator], Tensor]
"""Rows of the examples and the epoch's generator to the mean loss of a batch."""

_WARM_UP = 0.05  # of all steps; a rate that begins at its largest breaks BatchNorm's first batches


@dataclass(frozen=True)
class DescentSettings:
    """How a network descends.

    Attributes
    ----------
    epochs, batch_size
        Length; the slides took batches of 256, and 300 epochs..
    learning_rate
        Largest; of RAdam, the slides' optimiser. It falls as half a cosine, where the slides reduced it on plateaus
        over 300 epochs.
    seed
        Of all that is drawn.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 128
    seed: int = 0


def descend(
    module: nn.Module,
    loss_of: LossOf,
    *,
    n_examples: int,
    settings: DescentSettings,
    until: int,
    checkpoint: Path | None,
    identity: str,
) -> list[float]:
    """Train to the end of an epoch, going on from a state on disk; return the mean loss of each epoch.

    Parameters
    ----------
    module
        What is trained, changed in place and left in evaluation mode.
    loss_of
        Of a batch; it may attack the module, and leaves it in training mode.
    n_examples
        To draw from.
    settings
        How.
    until
        Epochs that are done at the end, at most ``settings.epochs``.
    checkpoint
        File of the state between epochs; None keeps none.
    identity
        Of the whole training (`training.resumable.fingerprint`); a state of another is passed over.
    """
    optimizer = torch.optim.RAdam(module.parameters(), lr=settings.learning_rate)
    losses = resume_training(checkpoint, identity=identity, module=module, optimizer=optimizer)
    for epoch in range(len(losses), min(until, settings.epochs)):
        losses.append(_epoch(loss_of, optimizer, n_examples=n_examples, settings=settings, epoch=epoch))
        save_training(checkpoint, identity=identity, module=module, optimizer=optimizer, losses=losses)
    module.eval()
    return losses


def _epoch(
    loss_of: LossOf,
    optimizer: torch.optim.Optimizer,
    *,
    n_examples: int,
    settings: DescentSettings,
    epoch: int,
) -> float:
    order = epoch_order(n_examples, seed=settings.seed, epoch=epoch)
    size = min(settings.batch_size, n_examples)
    n_batches = n_examples // size
    seed = int(np.random.default_rng([settings.seed, epoch, 1]).integers(2**62))
    generator, total = torch.Generator().manual_seed(seed), 0.0
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's own generator
        torch.manual_seed(seed)
        for batch in range(n_batches):
            _set_rate(optimizer, settings, done=(epoch * n_batches + batch) / (settings.epochs * n_batches))
            loss = loss_of(order[batch * size : (batch + 1) * size], generator)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
    return total / n_batches


def _set_rate(optimizer: torch.optim.Optimizer, settings: DescentSettings, *, done: float) -> None:
    rising = min((done + 0.001) / _WARM_UP, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * done))
