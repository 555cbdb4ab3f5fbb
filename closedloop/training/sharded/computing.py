"""Who computes a fit's shards: this process, several of this machine, or those that torchrun started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from closedloop.attacks.engine.devices import own_device
from closedloop.execution.ranks import Rank
from closedloop.training.sharded.examples import FittedImages
from closedloop.training.sharded.gradients import InThisProcess, ShardGradient, StepGradient
from closedloop.training.sharded.side_by_side import working_side_by_side


@dataclass(frozen=True)
class Computing:
    """Who computes, and where.

    Attributes
    ----------
    n_processes
        Of this machine.
    rank
        This process among those that torchrun started, which compute then; None: it started none.
    device
        Of `own_device`.
    """

    n_processes: int
    rank: Rank | None
    device: str


@contextmanager
def step_gradient(
    gradient: ShardGradient, examples: FittedImages, *, n_shards: int, batch_size: int, part: str, computing: Computing
) -> Iterator[StepGradient]:
    """Have the steps of a fit computed in the block; the model is on the device in it, and on the processor after.

    Parameters
    ----------
    gradient
        Of a shard, on the processor.
    examples
        What is fitted to.
    n_shards
        Of a step.
    batch_size
        Images of a step at most.
    part
        Of the model that is fitted, as in `split_model`.
    computing
        Who computes.

    Raises
    ------
    ExecutionError
        There is no such device, or a process that torchrun started cannot be reached.
    """
    model = gradient.split.model
    try:
        if computing.rank is not None and n_shards > 1:
            from closedloop.training.sharded.ranks import working_across_ranks  # noqa: PLC0415 - for torchrun alone

            model.to(own_device(computing.device))
            across = working_across_ranks(gradient, examples, n_shards=n_shards, part=part, rank=computing.rank)
            with across as together:
                yield together
        elif min(computing.n_processes, n_shards) > 1:
            side_by_side = working_side_by_side(
                gradient,
                examples,
                n_shards=n_shards,
                batch_size=batch_size,
                n_processes=computing.n_processes,
                device=computing.device,
            )
            with side_by_side as helped:  # before a graphics card is used: who has used one can fork no more
                model.to(own_device(computing.device))
                yield helped
        else:
            model.to(own_device(computing.device))
            yield InThisProcess(gradient, examples, n_shards)
    finally:
        model.to("cpu")
