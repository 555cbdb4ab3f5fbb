"""The slots of the engine: a start of a task enters one, takes steps, has ended, or goes on to its next radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from closedloop.attacks.balls import per_item
from closedloop.attacks.engine.evaluation import Evaluator
from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import ItemProgress


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
        keeps it where it finds no better (warm start): what is found never falls with the radius.
    seed
        Of the random start and of the gradient estimator.

    Examples
    --------
    >>> from closedloop.attacks import Task, radius_at
    >>> radii = tuple(radius_at(epsilon, side_px=32) for epsilon in (1.0, 2.5, 10.0))
    >>> task = Task(row=0, image=5, radii=radii, seed=1)
    """

    row: int
    image: int
    radii: tuple[float, ...]
    seed: int

    def __post_init__(self) -> None:
        if not self.radii or list(self.radii) != sorted(self.radii) or self.radii[0] < 0:
            raise ValueError(f"a task needs ascending radii of at least 0, found {self.radii}")


class Start(NamedTuple):
    """One start of a task, at one radius."""

    task: Task
    restart: int
    radius_index: int

    @property
    def seed(self) -> int:
        """Seed of this start: the task's for the first, unrelated ones for the others."""
        return (self.task.seed + self.restart * _STRIDE) % _SEEDS

    @property
    def radius(self) -> float:
        """Radius it searches."""
        return self.task.radii[self.radius_index]


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
    """Starts, their state and what the search knows of each, in the same order."""

    starts: tuple[Start, ...]
    state: State
    progress: ItemProgress

    def select(self, chosen: Tensor) -> Slots:
        """Return some slots, by a bool mask (n_slots,)."""
        starts = tuple(start for start, keep in zip(self.starts, chosen.tolist(), strict=True) if keep)
        state = State(*(field[chosen] for field in self.state))
        return Slots(starts, state, ItemProgress(*(field[chosen] for field in self.progress)))

    def to(self, device: torch.device) -> Slots:
        """Return the same slots in the memory of another device."""
        state = State(*(field.to(device) for field in self.state))
        return Slots(self.starts, state, ItemProgress(*(field.to(device) for field in self.progress)))

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.state.radius.device


def concatenate(parts: Sequence[Slots]) -> Slots:
    """Slots of several groups, one after the other; at least one group."""
    if len(parts) == 1:
        return parts[0]
    return Slots(
        tuple(start for part in parts for start in part.starts),
        State(*(torch.cat(fields) for fields in zip(*(part.state for part in parts), strict=True))),
        ItemProgress(*(torch.cat(fields) for fields in zip(*(part.progress for part in parts), strict=True))),
    )


class Best(NamedTuple):
    """The best perturbation of each ended slot: (n, 3, height, width), and its value and score, (n,)."""

    delta: Tensor
    value: Tensor
    score: Tensor


def fill_slots(evaluator: Evaluator, starts: Sequence[Start]) -> Slots:
    """Return slots in which starts stand where they begin."""
    clean = evaluator.problem.images([start.task.image for start in starts])
    radius = _radii(starts, clean)
    state = State(
        clean=clean,
        delta=_draw_starts(evaluator.method, starts, clean, radius),
        best_delta=torch.zeros_like(clean),
        best_ascent=torch.zeros_like(clean),
        best_value=torch.full_like(radius, -torch.inf),
        radius=radius,
        row=torch.tensor([start.task.row for start in starts], device=clean.device),
    )
    progress = evaluator.method.search.begin(len(starts), clean.device)
    return Slots(tuple(starts), state._replace(best_delta=state.delta), progress)


def step(evaluator: Evaluator, slots: Slots) -> tuple[Slots, Tensor]:
    """Take one gradient in every slot and move; return the slots after it and which of them have ended."""
    state, method = slots.state, evaluator.method
    value, gradient = evaluator.estimate(state.clean + state.delta, state.row, _draws(slots))
    ascent = method.ball.ascent(gradient)
    if method.estimator.comparable:
        state, improved = _keep_better(state, value=value, ascent=ascent)
    else:
        improved = torch.ones_like(slots.progress.taken, dtype=torch.bool)  # no step tells; the last one is compared
    move = method.search.move(slots.progress, improved)
    from_best = _mask(move.from_best, state.delta)
    origin = torch.where(from_best, state.best_delta, state.delta)
    ascent = torch.where(from_best, state.best_ascent, ascent)
    ahead = origin + per_item(move.step * state.radius, origin) * ascent
    delta = torch.where(_mask(move.next_ball, origin), state.best_delta, ahead)
    radius = state.radius * method.search.ball_fraction(move.progress.phase).to(state.radius)
    state = state._replace(
        delta=method.ball.project(delta, clean=state.clean, radius=radius),
        best_value=torch.where(move.next_ball, -torch.inf, state.best_value),
    )
    return Slots(slots.starts, state, move.progress), move.done


def best_of(evaluator: Evaluator, ended: Slots) -> Best:
    """Choose between the best and the last iterate of ended slots, in float32."""
    state, compared = ended.state, _needs_comparison(evaluator, ended)
    if not bool(compared.any()):
        value = evaluator.value(state.clean + state.delta, state.row)
        return Best(state.delta, value, value)
    best_value, best_score = evaluator.value_and_score(state.clean + state.best_delta, state.row)
    last_value, last_score = evaluator.value_and_score(state.clean + state.delta, state.row)
    last = (last_score + _rounding(last_score) >= best_score) | (state.best_value == -torch.inf)
    return Best(
        torch.where(_mask(last, state.delta), state.delta, state.best_delta),
        torch.where(last, last_value, best_value),
        torch.where(compared, torch.where(last, last_score, best_score), last_value),
    )


def next_radii(evaluator: Evaluator, ended: Slots, best: Best) -> Slots | None:
    """Return the starts that have a larger radius to search, beginning from what they found, scaled (warm start).

    What they found stays the one to beat.

    Parameters
    ----------
    evaluator
        Problem and method.
    ended
        Slots whose search has ended.
    best
        What was found in each.

    Returns
    -------
    Slots or None
        Those that go on; None where all have searched their last radius.
    """
    going_on = [start.radius_index + 1 < len(start.task.radii) for start in ended.starts]
    if not any(going_on):
        return None
    chosen = torch.tensor(going_on, device=best.delta.device)
    slots, found = ended.select(chosen), best.delta[chosen]
    starts = tuple(start._replace(radius_index=start.radius_index + 1) for start in slots.starts)
    state = slots.state
    radius = _radii(starts, found)
    progress = evaluator.method.search.begin(len(starts), found.device)
    widest = radius * evaluator.method.search.ball_fraction(progress.phase).to(radius)
    larger = found * per_item(radius / state.radius.clamp_min(torch.finfo(radius.dtype).tiny), found)
    state = state._replace(
        delta=evaluator.method.ball.project(larger, clean=state.clean, radius=widest),
        best_delta=found,
        best_ascent=evaluator.method.ball.ascent(found),
        best_value=best.score[chosen],
        radius=radius,
    )
    return Slots(starts, state, progress)


def _needs_comparison(evaluator: Evaluator, ended: Slots) -> Tensor:
    """Return which ends are compared with another iterate, start or radius; to ask costs as much as a few gradients."""
    always = evaluator.method.estimator.comparable or evaluator.method.search.restarts > 1
    compared = [always or len(start.task.radii) > 1 for start in ended.starts]
    return torch.tensor(compared, device=ended.state.radius.device)


def _radii(starts: Sequence[Start], like: Tensor) -> Tensor:
    return torch.tensor([start.radius for start in starts], dtype=torch.float64).to(like)


def _draw_starts(method: Method, starts: Sequence[Start], clean: Tensor, radius: Tensor) -> Tensor:
    if not method.search.start_fraction > 0:
        return torch.zeros_like(clean)
    widest = radius * method.search.start_fraction
    draw = method.ball.start(widest, shape=clean.shape[1:], seeds=[start.seed for start in starts])
    return method.ball.project(draw.to(clean), clean=clean, radius=widest)


def _keep_better(state: State, *, value: Tensor, ascent: Tensor) -> tuple[State, Tensor]:
    """Keep the better of two iterates; the later one, nearer to convergence, where they differ by rounding only."""
    rounding = _rounding(value)
    keep = _mask(value + rounding >= state.best_value, ascent)
    kept = state._replace(
        best_delta=torch.where(keep, state.delta, state.best_delta),
        best_ascent=torch.where(keep, ascent, state.best_ascent),
        best_value=torch.maximum(value, state.best_value),
    )
    first = state.best_value == -torch.inf
    return kept, value > state.best_value + torch.where(first, torch.zeros_like(rounding), rounding)


def _rounding(value: Tensor) -> Tensor:
    return _ROUNDINGS * torch.finfo(value.dtype).eps * value.abs()


def _mask(chosen: Tensor, like: Tensor) -> Tensor:
    return chosen.view(-1, *[1] * (like.dim() - 1))


def _draws(slots: Slots) -> Draws:
    return Draws(tuple(start.seed for start in slots.starts), tuple(slots.progress.taken.tolist()))


_SEEDS = 2**63
_STRIDE = 0x9E3779B97F4A7C15 % _SEEDS  # odd, from the golden ratio: seeds of restarts never meet those of neighbours
_ROUNDINGS = 4
