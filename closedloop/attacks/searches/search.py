"""The port of a search. It sees no image and no gradient: only whether each item's last step made progress."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Progress(NamedTuple):
    """How far each item of a batch has come, every field of shape (n_items,).

    Attributes
    ----------
    taken
        Gradients taken since the item began, int64.
    in_phase
        Gradients taken since its ball last changed, int64.
    stuck
        Gradients taken since its best value last improved, int64.
    step
        The step size it is at, as a fraction of the radius, float32.
    phase
        Which of the search's balls it is in, int64.
    annealings
        Schedules begun again in this phase, int64.
    """

    taken: Tensor
    in_phase: Tensor
    stuck: Tensor
    step: Tensor
    phase: Tensor
    annealings: Tensor


class Move(NamedTuple):
    """What each item does next, every field of shape (n_items,).

    Attributes
    ----------
    progress
        Its progress after this gradient.
    step
        Step size along the ball's ascent direction, as a fraction of the item's radius.
    from_best
        Whether it steps from its best iterate, along the direction found there, and not from where it is.
    next_ball
        Whether its ball changes: it goes on from its best iterate, brought into the new ball, and forgets its value.
    done
        Whether this is its last step.
    """

    progress: Progress
    step: Tensor
    from_best: Tensor
    next_ball: Tensor
    done: Tensor


class Search(Protocol):
    """A rule for all items of a batch, each by itself."""

    @property
    def start_fraction(self) -> float:
        """Ball of the random start as a fraction of the item's radius; 0 starts at the clean image."""
        ...

    @property
    def restarts(self) -> int:
        """How many random starts an item gets; the best is kept."""
        ...

    @property
    def first_step(self) -> float:
        """Step size an item begins with, as a fraction of its radius."""
        ...

    @property
    def goes_back(self) -> bool:
        """Whether it steps from the best iterate at times, and so needs values that compare between steps."""
        ...

    def ball_fraction(self, phase: Tensor) -> Tensor:
        """Radius of the ball of a phase (n_items,), as a fraction of the item's; 1 in the last phase."""
        ...

    def move(self, progress: Progress, improved: Tensor) -> Move:
        """Decide what to do with a gradient.

        Parameters
        ----------
        progress
            Before this gradient.
        improved
            Whether the iterate that the gradient was taken at is the best of its ball so far, bool, (n_items,).
        """
        ...


def begin(n_items: int, *, first_step: float, device: torch.device) -> Progress:
    """Progress of items that have not begun."""
    zero = torch.zeros(n_items, dtype=torch.int64, device=device)
    step = torch.full((n_items,), first_step, device=device)
    return Progress(taken=zero, in_phase=zero, stuck=zero, step=step, phase=zero, annealings=zero)


def counted(progress: Progress, improved: Tensor) -> Progress:
    """Progress with one more gradient taken."""
    return progress._replace(
        taken=progress.taken + 1,
        in_phase=progress.in_phase + 1,
        stuck=torch.where(improved, torch.zeros_like(progress.stuck), progress.stuck + 1),
    )


def straight_on(progress: Progress, *, step: Tensor, done: Tensor) -> Move:
    """Step from where the items are."""
    nowhere = torch.zeros_like(done)
    return Move(progress, step=step, from_best=nowhere, next_ball=nowhere, done=done)
