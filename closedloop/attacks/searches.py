"""How to search: how far each step goes, in which ball, when it goes back and when it stops. A search is one table row.

The four searches differ in numbers alone, so that the loop that moves images exists once (`engine`). To add a search,
add a row::

    HASTY = Schedule("hasty", steps=10, step_fraction=2.0, last_fraction=0.1)

and, where a command or a protocol should know its name, name it in ``SEARCHES``. To change one, replace its fields:
``dataclasses.replace(COSINE, steps=25)``. A search sees no image and no gradient: only whether each item's last step
made progress.

Sources: section 3.1 (`PAPER31`) and 3.2 (`STRENGTHENED`) of the paper; Loshchilov and Hutter 2017 (`COSINE`, without
its restarts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

SEARCHES: dict[str, Schedule] = {}
"""Searches by name; their rows stand at the end of this file."""


class ItemProgress(NamedTuple):
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

    progress: ItemProgress
    step: Tensor
    from_best: Tensor
    next_ball: Tensor
    done: Tensor


@dataclass(frozen=True, repr=False)
class Schedule:
    """A search: how the step shrinks, whether it goes back, in which balls, when it stops.

    The paper keeps the end point of a search; the engine keeps the best iterate, which is never worse.

    Attributes
    ----------
    name
        Its name in commands and protocols.
    steps
        Gradients an item takes in each ball, at most.
    step_fraction
        Size of the first step as a fraction of the radius. On units of the shipped networks 1.5 with `COSINE` gained
        more than 1, 2 and 3, at 10, 25 and 50 gradients (`python -m benchmarks attack_gain`).
    last_fraction
        What the size falls towards along half a cosine, as a fraction of the radius; None: it does not fall by itself.
        Where steps on the lattice follow, .1 leaves them more to gain than 0 does (docs/benchmarks.md).
    factor
        What the size is multiplied by after no progress; None: progress plays no part.
    patience
        Gradients without a new best value that count as no progress (open in section 3.2).
    goes_back
        Whether each step after no progress is taken from the best iterate.
    floor
        Size, as a fraction of the radius, below which a schedule has ended (open in section 3.2).
    annealings
        Times a schedule that has ended begins again from the best iterate, in each ball (section 3.2: 4); after that
        the ball is done.
    balls
        The schedule is followed in each, one after the other, as fractions of the item's radius; the last is 1.
    random_start
        Whether to start at a random point of the first ball, or at the clean image.
    restarts
        Random starts an item gets; the best is kept.
    described_by
        The settings that describe the search in documents, in this order, beside any that no row of `SEARCHES` implies;
        where empty, all that differ from the defaults here.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from closedloop.attacks import COSINE
    >>> replace(COSINE, steps=25, step_fraction=1.0)
    Cosine(steps=25, step_fraction=1.0, last_fraction=0.0, random_start=True, restarts=1)
    """

    name: str
    steps: int = 100
    step_fraction: float = 1.0
    last_fraction: float | None = None
    factor: float | None = None
    patience: int = 1
    goes_back: bool = False
    floor: float = 0.0
    annealings: int = 0
    balls: tuple[float, ...] = (1.0,)
    random_start: bool = True
    restarts: int = 1
    described_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.balls or self.balls[-1] != 1 or min(self.balls) < 1:
            raise ValueError(f"expected balls of at least 1 and the last of them 1, found {self.balls}")
        if min(self.steps, self.patience, self.restarts) < 1 or self.annealings < 0 or not self.step_fraction > 0:
            raise ValueError(
                "a search needs steps, patience and restarts >= 1, annealings >= 0 and a step_fraction > 0, "
                f"found {self}"
            )
        if self.last_fraction is not None and not 0 <= self.last_fraction <= self.step_fraction:
            raise ValueError(f"a search needs 0 <= last_fraction <= step_fraction, found {self}")
        if self.factor is not None and not (0 < self.factor < 1 and 0 < self.floor < self.step_fraction):
            raise ValueError(f"expected 0 < factor < 1 and 0 < floor < step_fraction, found {self}")
        if self.last_fraction is not None and self.factor is not None:
            raise ValueError(f"a step shrinks by itself or after no progress, not both: found {self}")

    def __repr__(self) -> str:
        """Return the search with its settings: documents, and names of finished shards, hold this text."""
        return f"{self.name.capitalize()}({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"

    @property
    def settings(self) -> dict[str, Any]:
        """What describes it, by name; two searches that differ have different ones."""
        row = SEARCHES.get(self.name) if self.described_by else None
        settings = {name: getattr(self, name) for name in self.described_by}
        for field in fields(self):
            value = getattr(self, field.name)
            implied = value == (field.default if row is None else getattr(row, field.name))
            if not implied and field.name not in {"name", "described_by"}:
                settings.setdefault(field.name, value)
        return settings

    @property
    def wide_fraction(self) -> float:
        """The first ball."""
        return self.balls[0]

    @property
    def start_fraction(self) -> float:
        """Ball of the random start as a fraction of the item's radius; 0 starts at the clean image."""
        return self.balls[0] if self.random_start else 0.0

    @property
    def compares_steps(self) -> bool:
        """Whether it steps from the best iterate at times, and so needs values that compare between steps."""
        return self.factor is not None or len(self.balls) > 1

    def ball_fraction(self, phase: Tensor) -> Tensor:
        """Radius of the ball of a phase (n_items,), as a fraction of the item's."""
        fraction = torch.full_like(phase, self.balls[0], dtype=torch.float32)
        for number, ball in enumerate(self.balls[1:], start=1):
            fraction = torch.where(phase == number, ball, fraction)
        return fraction

    def begin(self, n_items: int, device: torch.device) -> ItemProgress:
        """Progress of items that have not begun."""
        zero = torch.zeros(n_items, dtype=torch.int64, device=device)
        step = torch.full((n_items,), self.step_fraction, device=device)
        return ItemProgress(taken=zero, in_phase=zero, stuck=zero, step=step, phase=zero, annealings=zero)

    def move(self, progress: ItemProgress, improved: Tensor) -> Move:
        """Decide what each item does with a gradient.

        Parameters
        ----------
        progress
            Before this gradient.
        improved
            Whether the iterate that the gradient was taken at is the best of its ball so far, bool, (n_items,).
        """
        after = _count_step(progress, improved)
        if self.factor is not None:
            return self._by_progress(after, factor=self.factor)
        step = after.step if self.last_fraction is None else self._on_cosine(progress.in_phase, self.last_fraction)
        return self._end_ball(after, step=step, from_best=None, ball_done=after.in_phase >= self.steps)

    def _on_cosine(self, in_phase: Tensor, last: float) -> Tensor:
        turn = math.pi * in_phase.float() / self.steps
        return last + (self.step_fraction - last) * (1 + turn.cos()) / 2

    def _by_progress(self, after: ItemProgress, *, factor: float) -> Move:
        """Step less far after no progress; at the floor begin again from the best, or be done with the ball."""
        no_progress = after.stuck >= self.patience
        step = torch.where(no_progress, after.step * factor, after.step)
        at_floor = step < self.floor
        ball_done = (after.in_phase >= self.steps) | (at_floor & (after.annealings >= self.annealings))
        begin_again = at_floor & ~ball_done
        step = torch.where(begin_again, self.step_fraction, step)
        after = after._replace(
            stuck=after.stuck.masked_fill(no_progress | begin_again, 0),
            step=step,
            annealings=after.annealings + begin_again,
        )
        from_best = begin_again | no_progress if self.goes_back else begin_again
        return self._end_ball(after, step=step, from_best=from_best, ball_done=ball_done)

    def _end_ball(self, after: ItemProgress, *, step: Tensor, from_best: Tensor | None, ball_done: Tensor) -> Move:
        """Return the move where items that are done with their ball go to the next one, or stop in the last."""
        nowhere = torch.zeros_like(ball_done)
        from_best = nowhere if from_best is None else from_best
        if len(self.balls) == 1:
            return Move(after, step=step, from_best=from_best, next_ball=nowhere, done=ball_done)
        last = after.phase == len(self.balls) - 1
        next_ball = ball_done & ~last
        progress = ItemProgress(
            taken=after.taken,
            in_phase=after.in_phase.masked_fill(ball_done, 0),
            stuck=after.stuck.masked_fill(ball_done, 0),
            step=torch.where(ball_done, self.step_fraction, after.step),
            phase=after.phase + next_ball,
            annealings=after.annealings.masked_fill(ball_done, 0),
        )
        return Move(progress, step=step, from_best=from_best, next_ball=next_ball, done=ball_done & last)


def _count_step(progress: ItemProgress, improved: Tensor) -> ItemProgress:
    """Progress with one more gradient taken."""
    return progress._replace(
        taken=progress.taken + 1,
        in_phase=progress.in_phase + 1,
        stuck=torch.where(improved, torch.zeros_like(progress.stuck), progress.stuck + 1),
    )


_CONSTANT = ("steps", "step_fraction", "random_start", "restarts")
_FALLING = ("steps", "step_fraction", "last_fraction", "random_start", "restarts")
_SHRINKING = ("steps", "step_fraction", "factor", "patience", "floor", "random_start", "restarts")
_REPEATED = ("restarts", "steps", "wide_fraction", "step_fraction", "factor", "patience", "floor", "annealings")

PAPER31 = Schedule("paper31", steps=100, step_fraction=1 / 3, described_by=_CONSTANT)
"""Section 3.1: "PGD with random starts, 100 steps and step size = epsilon / 3"."""

COSINE = Schedule("cosine", steps=100, step_fraction=1.5, last_fraction=0.0, described_by=_FALLING)
"""Steps that begin large and end small, or at nothing."""

ANNEALED = Schedule(
    "annealed", steps=100, step_fraction=1.5, factor=0.7, goes_back=True, floor=0.01, described_by=_SHRINKING
)
"""Large steps first; one that gained nothing is taken again from the best iterate, smaller: converged items stop."""

STRENGTHENED = Schedule(
    "strengthened",
    steps=250,
    step_fraction=1.0,
    factor=0.9,
    floor=0.05,
    annealings=4,
    balls=(2.0, 1.0),
    restarts=100,
    described_by=_REPEATED,
)
"""Section 3.2, for artificial units: annealing with restarts in the ball of 2 epsilon, then in that of epsilon.

That the 250 steps are counted for each ball is our reading.
"""

SEARCHES.update({search.name: search for search in (COSINE, PAPER31, ANNEALED, STRENGTHENED)})
