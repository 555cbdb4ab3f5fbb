"""The search of section 3.2, for artificial units: restarts, 2 epsilon then epsilon, annealing with restarts.

What the paper leaves open is a field here: what no progress means, the floor of the step, where a schedule begins
again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.searches.search import Move, Progress, counted

_N_PHASES = 2


@dataclass(frozen=True)
class Strengthened:
    """Uniform start in the ball of 2 epsilon; first in that ball, then in epsilon's, annealed steps.

    Attributes
    ----------
    restarts
        Random starts an item gets; the best is kept (section 3.2: 100).
    steps
        Gradients in each of the two balls (section 3.2: 250; that they are counted for each ball is our reading).
    wide_fraction
        The first ball, as a fraction of the radius (section 3.2: 2).
    step_fraction
        First step of a schedule (section 3.2: epsilon).
    factor
        What the step is multiplied by after no progress (section 3.2: .9).
    patience
        Gradients without a new best value that count as no progress (open in the paper).
    floor
        Step size below which the schedule begins again from the best point (open in the paper).
    annealings
        Times a schedule may begin again in each ball (section 3.2: 4); after the last the ball is done.
    """

    restarts: int = 100
    steps: int = 250
    wide_fraction: float = 2.0
    step_fraction: float = 1.0
    factor: float = 0.9
    patience: int = 1
    floor: float = 0.05
    annealings: int = 4

    def __post_init__(self) -> None:
        if min(self.restarts, self.steps, self.patience) < 1 or self.annealings < 0 or self.wide_fraction < 1:
            raise ValueError(
                "expected restarts, steps, patience and wide_fraction of at least 1 and no negative annealings, "
                f"found {self}"
            )
        if not 0 < self.floor < self.step_fraction or not 0 < self.factor < 1:
            raise ValueError(f"expected 0 < floor < step_fraction and 0 < factor < 1, found {self}")

    @property
    def start_fraction(self) -> float:
        """The wide ball."""
        return self.wide_fraction

    @property
    def first_step(self) -> float:
        """The largest step."""
        return self.step_fraction

    @property
    def goes_back(self) -> bool:
        """When a schedule begins again, and when the ball changes."""
        return True

    def ball_fraction(self, phase: Tensor) -> Tensor:
        """Phase 0 is in the wide ball, phase 1 in the item's own."""
        return torch.where(phase == 0, self.wide_fraction, 1.0)

    def move(self, progress: Progress, improved: Tensor) -> Move:
        """Step on, less far after no progress; at the floor begin again from the best, at the end change the ball."""
        after = counted(progress, improved)
        no_progress = after.stuck >= self.patience
        step = torch.where(no_progress, after.step * self.factor, after.step)
        at_floor = step < self.floor
        may_begin_again = after.annealings < self.annealings
        ball_done = (after.in_phase >= self.steps) | (at_floor & ~may_begin_again)
        begin_again = at_floor & may_begin_again & ~ball_done
        last = after.phase == _N_PHASES - 1
        fresh = begin_again | ball_done
        none = torch.zeros_like(after.taken)
        return Move(
            Progress(
                taken=after.taken,
                in_phase=torch.where(ball_done, none, after.in_phase),
                stuck=torch.where(no_progress | fresh, none, after.stuck),
                step=torch.where(fresh, self.step_fraction, step),
                phase=torch.where(ball_done & ~last, after.phase + 1, after.phase),
                annealings=torch.where(ball_done, none, after.annealings + begin_again),
            ),
            step=torch.where(begin_again, self.step_fraction, step),
            from_best=begin_again,
            next_ball=ball_done & ~last,
            done=ball_done & last,
        )
