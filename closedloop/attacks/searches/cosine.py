"""A constant number of steps whose size falls along half a cosine (Loshchilov and Hutter 2017, without restarts)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.searches.search import Move, Progress, counted, straight_on


@dataclass(frozen=True)
class Cosine:
    """Steps that begin large and end small, or at nothing.

    Attributes
    ----------
    steps
        Gradients an item takes.
    step_fraction
        Size of the first step as a fraction of the radius. On units of the shipped networks 1.5 gained more than 1, 2
        and 3, at 10, 25 and 50 gradients (`python -m benchmarks attack_gain`).
    last_fraction
        What the size falls towards, as a fraction of the radius. Where steps on the lattice follow, .1 leaves them more
        to gain than 0 does (docs/benchmarks.md).
    random_start
        Whether to start at a random point of the ball, or at the clean image.
    restarts
        Random starts an item gets.
    """

    steps: int = 100
    step_fraction: float = 1.5
    last_fraction: float = 0.0
    random_start: bool = True
    restarts: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 <= self.last_fraction <= self.step_fraction or self.restarts < 1:
            raise ValueError(
                f"a search needs steps and restarts >= 1 and 0 <= last_fraction <= step_fraction, found {self}"
            )
        if not self.step_fraction > 0:
            raise ValueError(f"a search needs a step_fraction > 0, found {self}")

    @property
    def start_fraction(self) -> float:
        """The whole ball, or no random start."""
        return 1.0 if self.random_start else 0.0

    @property
    def first_step(self) -> float:
        """The largest step."""
        return self.step_fraction

    @property
    def goes_back(self) -> bool:
        """Never."""
        return False

    def ball_fraction(self, phase: Tensor) -> Tensor:
        """One ball only."""
        return torch.ones_like(phase, dtype=torch.float32)

    def move(self, progress: Progress, improved: Tensor) -> Move:
        """Step on, a little less each time."""
        after = counted(progress, improved)
        turn = math.pi * progress.taken.float() / self.steps
        step = self.last_fraction + (self.step_fraction - self.last_fraction) * (1 + turn.cos()) / 2
        return straight_on(after, step=step, done=after.taken >= self.steps)
