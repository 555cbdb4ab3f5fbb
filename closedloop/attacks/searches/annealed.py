"""Large steps first; one that gained nothing is taken again, smaller: converged items stop by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.searches.search import Move, Progress, counted


@dataclass(frozen=True)
class Annealed:
    """Steepest ascent that goes back to its best iterate, with a smaller step, whenever a step did not pay.

    Attributes
    ----------
    steps
        Gradients an item takes at most.
    step_fraction
        Size of the first step as a fraction of the radius.
    factor
        What a step is multiplied by after no progress.
    patience
        Gradients without progress before that.
    floor
        Step size, as a fraction of the radius, below which an item has converged and stops.
    random_start
        Whether to start at a random point of the ball, or at the clean image.
    restarts
        Random starts an item gets.
    """

    steps: int = 100
    step_fraction: float = 1.5
    factor: float = 0.7
    patience: int = 1
    floor: float = 0.01
    random_start: bool = True
    restarts: int = 1

    def __post_init__(self) -> None:
        if min(self.steps, self.patience, self.restarts) < 1 or not 0 < self.floor < self.step_fraction:
            raise ValueError(f"expected steps, patience, restarts >= 1 and 0 < floor < step_fraction, found {self}")
        if not 0 < self.factor < 1:
            raise ValueError(f"expected a factor between 0 and 1, found {self}")

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
        """After a step without progress."""
        return True

    def ball_fraction(self, phase: Tensor) -> Tensor:
        """One ball only."""
        return torch.ones_like(phase, dtype=torch.float32)

    def move(self, progress: Progress, improved: Tensor) -> Move:
        """Step on after progress; else back to the best iterate and less far."""
        after = counted(progress, improved)
        no_progress = after.stuck >= self.patience
        step = torch.where(no_progress, after.step * self.factor, after.step)
        stuck = torch.where(no_progress, torch.zeros_like(after.stuck), after.stuck)
        return Move(
            after._replace(step=step, stuck=stuck),
            step=step,
            from_best=no_progress,
            next_ball=torch.zeros_like(no_progress),
            done=(after.taken >= self.steps) | (step < self.floor),
        )
