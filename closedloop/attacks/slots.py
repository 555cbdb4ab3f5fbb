"""The items that are being searched at one moment: tensors with one row a slot, all of them independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from closedloop.attacks.searches.search import Progress


@dataclass(frozen=True)
class Task:
    """What is to be found: perturbations of one image that make one objective large.

    Attributes
    ----------
    row
        Row of the objective's parameters.
    image
        Index of the clean image.
    radii
        Radii of the balls, ascending. Each search after the first starts from what the one before found, scaled, and
        keeps it where it finds no better: a ladder is monotone.
    seed
        Of the random start and of the gradient estimator.
    """

    row: int
    image: int
    radii: tuple[float, ...]
    seed: int

    def __post_init__(self) -> None:
        if not self.radii or list(self.radii) != sorted(self.radii) or self.radii[0] < 0:
            raise ValueError(f"a task needs ascending radii of at least 0, found {self.radii}")


class Run(NamedTuple):
    """One start of a task, at one radius."""

    task: Task
    restart: int
    rung: int

    @property
    def seed(self) -> int:
        """Seed of this start: the task's for the first, unrelated ones for the others."""
        return (self.task.seed + self.restart * _STRIDE) % _SEEDS

    @property
    def radius(self) -> float:
        """Radius it searches."""
        return self.task.radii[self.rung]


class State(NamedTuple):
    """What is known of each slot, every field's first axis (n_slots,).

    Attributes
    ----------
    clean, delta
        Clean images in [0, 1] and where the search is, (n_slots, 3, height, width).
    best_delta, best_ascent, best_value
        The best iterate of the ball it is in, the ascent direction there, and its value; -inf before the first.
    radius
        Radius of each slot's task.
    row
        Row of the objective's parameters, int64.
    """

    clean: Tensor
    delta: Tensor
    best_delta: Tensor
    best_ascent: Tensor
    best_value: Tensor
    radius: Tensor
    row: Tensor


@dataclass(frozen=True)
class Slots:
    """Runs, their state and what the search knows of each, in the same order."""

    runs: tuple[Run, ...]
    state: State
    progress: Progress

    def those(self, chosen: Tensor) -> Slots:
        """Return some slots, by a bool mask (n_slots,)."""
        runs = tuple(run for run, keep in zip(self.runs, chosen.tolist(), strict=True) if keep)
        state = State(*(field[chosen] for field in self.state))
        return Slots(runs, state, Progress(*(field[chosen] for field in self.progress)))


def joined(parts: Sequence[Slots]) -> Slots:
    """Slots of several groups, one after the other; at least one group."""
    if len(parts) == 1:
        return parts[0]
    return Slots(
        tuple(run for part in parts for run in part.runs),
        State(*(torch.cat(fields) for fields in zip(*(part.state for part in parts), strict=True))),
        Progress(*(torch.cat(fields) for fields in zip(*(part.progress for part in parts), strict=True))),
    )


_SEEDS = 2**63
_STRIDE = 0x9E3779B97F4A7C15 % _SEEDS  # odd, from the golden ratio: seeds of restarts never meet those of neighbours
