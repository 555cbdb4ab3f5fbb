"""What happens to slots: a run enters, takes steps, has ended, or goes on to its next radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from closedloop.attacks.balls.ball import per_item
from closedloop.attacks.estimators.estimator import Draws
from closedloop.attacks.evaluation import Evaluator
from closedloop.attacks.problem import Method
from closedloop.attacks.searches.search import begin
from closedloop.attacks.slots import Run, Slots, State


class Best(NamedTuple):
    """The best perturbation of each ended slot: (n, 3, height, width), and its value and score, (n,)."""

    delta: Tensor
    value: Tensor
    score: Tensor


def entered(evaluator: Evaluator, runs: Sequence[Run]) -> Slots:
    """Put runs at their start."""
    clean = evaluator.problem.images([run.task.image for run in runs])
    radius = _radii(runs, clean)
    state = State(
        clean=clean,
        delta=_starts(evaluator.method, runs, clean, radius),
        best_delta=torch.zeros_like(clean),
        best_ascent=torch.zeros_like(clean),
        best_value=torch.full_like(radius, -torch.inf),
        radius=radius,
        row=torch.tensor([run.task.row for run in runs], device=clean.device),
    )
    progress = begin(len(runs), first_step=evaluator.method.search.first_step, device=clean.device)
    return Slots(tuple(runs), state._replace(best_delta=state.delta), progress)


def stepped(evaluator: Evaluator, slots: Slots) -> tuple[Slots, Tensor]:
    """Take one gradient in every slot and move; return the slots after it and which of them have ended."""
    state, method = slots.state, evaluator.method
    value, gradient = evaluator.estimate(state.clean + state.delta, state.row, _draws(slots))
    ascent = method.ball.ascent(gradient)
    if method.estimator.comparable:
        state, improved = _remembered(state, value=value, ascent=ascent)
    else:
        improved = torch.ones_like(slots.progress.taken, dtype=torch.bool)  # no step tells; the last one is compared
    move = method.search.move(slots.progress, improved)
    from_best = _mask(move.from_best, state.delta)
    start = torch.where(from_best, state.best_delta, state.delta)
    ascent = torch.where(from_best, state.best_ascent, ascent)
    ahead = start + per_item(move.step * state.radius, start) * ascent
    delta = torch.where(_mask(move.next_ball, start), state.best_delta, ahead)
    radius = state.radius * method.search.ball_fraction(move.progress.phase).to(state.radius)
    state = state._replace(
        delta=method.ball.project(delta, clean=state.clean, radius=radius),
        best_value=torch.where(move.next_ball, -torch.inf, state.best_value),
    )
    return Slots(slots.runs, state, move.progress), move.done


def best_of(evaluator: Evaluator, ended: Slots) -> Best:
    """Choose between the best and the last iterate of ended slots, in float32."""
    state, compared = ended.state, _compared(evaluator, ended)
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


def next_rungs(evaluator: Evaluator, ended: Slots, best: Best) -> Slots | None:
    """Let runs with a larger radius to come go on from what they found, scaled; it stays the one to beat."""
    climbing = [run.rung + 1 < len(run.task.radii) for run in ended.runs]
    if not any(climbing):
        return None
    those = torch.tensor(climbing, device=best.delta.device)
    slots, found = ended.those(those), best.delta[those]
    runs, state = tuple(run._replace(rung=run.rung + 1) for run in slots.runs), slots.state
    radius = _radii(runs, found)
    progress = begin(len(runs), first_step=evaluator.method.search.first_step, device=found.device)
    widest = radius * evaluator.method.search.ball_fraction(progress.phase).to(radius)
    larger = found * per_item(radius / state.radius.clamp_min(torch.finfo(radius.dtype).tiny), found)
    state = state._replace(
        delta=evaluator.method.ball.project(larger, clean=state.clean, radius=widest),
        best_delta=found,
        best_ascent=evaluator.method.ball.ascent(found),
        best_value=best.score[those],
        radius=radius,
    )
    return Slots(runs, state, progress)


def _compared(evaluator: Evaluator, ended: Slots) -> Tensor:
    """Say which ends are compared with another iterate, start or radius; to ask costs as much as a few gradients."""
    always = evaluator.method.estimator.comparable or evaluator.method.search.restarts > 1
    compared = [always or len(run.task.radii) > 1 for run in ended.runs]
    return torch.tensor(compared, device=ended.state.radius.device)


def _radii(runs: Sequence[Run], like: Tensor) -> Tensor:
    return torch.tensor([run.radius for run in runs], dtype=torch.float64).to(like)


def _starts(method: Method, runs: Sequence[Run], clean: Tensor, radius: Tensor) -> Tensor:
    if not method.search.start_fraction > 0:
        return torch.zeros_like(clean)
    widest = radius * method.search.start_fraction
    draw = method.ball.start(widest, shape=clean.shape[1:], seeds=[run.seed for run in runs])
    return method.ball.project(draw.to(clean), clean=clean, radius=widest)


def _remembered(state: State, *, value: Tensor, ascent: Tensor) -> tuple[State, Tensor]:
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
    return Draws(tuple(run.seed for run in slots.runs), tuple(slots.progress.taken.tolist()))


_ROUNDINGS = 4
