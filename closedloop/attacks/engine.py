"""The engine: a flat queue of searches through a batch of slots; who has ended leaves and the next one enters.

A slot is one start of one task, with its own image, objective, radius, step and random numbers, so that nothing found
depends on the batch it was found in. Searching may run in bfloat16; what is kept is chosen and valued in float32.
Memory is that of the slots, however many tasks there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.balls.ball import Ball, per_item
from closedloop.attacks.balls.l2 import L2
from closedloop.attacks.estimators.estimator import Draws, GradientEstimator
from closedloop.attacks.estimators.plain import Plain
from closedloop.attacks.objectives import Model, Objective, ValueAndGradient, ValueOf, check_independent
from closedloop.attacks.precision import Precision, ascending
from closedloop.attacks.searches.paper31 import Paper31
from closedloop.attacks.searches.search import Search, begin
from closedloop.attacks.slots import Run, Slots, State, Task, joined

ImageSource = Callable[[Sequence[int]], Tensor]
"""Indices of clean images to float images in [0, 1], (n, 3, height, width), on the model's device."""


@dataclass(frozen=True)
class Problem:
    """A model, the clean images, and what counts.

    Attributes
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), in ``eval`` mode.
    images
        Clean images by index.
    objective
        Its parameters are on the model's device.
    """

    model: Model
    images: ImageSource
    objective: Objective


@dataclass(frozen=True)
class Method:
    """How to search.

    Attributes
    ----------
    search
        Steps, radii, restarts.
    estimator
        Which gradient it follows.
    ball
        Which norm.
    precision
        Of the ascent; what is found is chosen and valued in float32 whatever it is.
    """

    search: Search = field(default_factory=Paper31)
    estimator: GradientEstimator = field(default_factory=Plain)
    ball: Ball = field(default_factory=L2)
    precision: Precision = "float32"


class Found(NamedTuple):
    """The best perturbation of a task at one radius.

    Attributes
    ----------
    task, rung
        What was searched; the radius is ``task.radii[rung]``.
    delta
        In the ball and in the box, shape (3, height, width).
    value
        The objective there, by the model itself.
    score
        By what it was chosen: the value that the gradient estimator gives it; the same for the plain one.
    n_gradients
        Gradients of a model taken for it, over all starts.
    """

    task: Task
    rung: int
    delta: Tensor
    value: float
    score: float
    n_gradients: int


def find(problem: Problem, tasks: Iterable[Task], *, method: Method, batch_size: int) -> Iterator[Found]:
    """Search all tasks; the best of each start and radius comes as soon as its last start has ended.

    Parameters
    ----------
    problem
        Model, images and objective.
    tasks
        What to find; taken one by one as slots become free.
    method
        How to search.
    batch_size
        Slots: images in one forward pass. The result does not depend on it.

    Raises
    ------
    ValueError
        The model is in training mode, or the batch size is below 1.
    """
    check_independent(problem.model)
    if batch_size < 1:
        raise ValueError(f"batch size: expected at least 1, found {batch_size}")
    runs = (Run(task, restart, rung=0) for task in tasks for restart in range(method.search.restarts))
    yield from _best_of_starts(_ended_runs(problem, runs, method, batch_size), n_starts=method.search.restarts)


def from_bytes(images: NDArray[np.uint8], *, device: torch.device, levels: int = 255) -> ImageSource:
    """Clean images from whole numbers, (n_images, height, width, 3), 0 to `levels`."""

    def chosen(places: Sequence[int]) -> Tensor:
        return torch.from_numpy(images[list(places)]).permute(0, 3, 1, 2).to(device).float() / levels

    return chosen


def _ended_runs(problem: Problem, runs: Iterator[Run], method: Method, batch_size: int) -> Iterator[tuple[Run, Found]]:
    live: list[Slots] = []
    while True:
        n_free = batch_size - sum(len(slots.runs) for slots in live)
        if new := list(islice(runs, n_free)):
            live.append(_entering(problem, new, method))
        if not live:
            return
        slots, done = _step(problem, joined(live), method)
        live = [slots.those(~done)] if not bool(done.all()) else []
        if bool(done.any()):
            ended = slots.those(done)
            delta, value, score = _chosen(problem, ended, method)
            yield from _found(ended, delta, value, score, method)
            live.extend(_next_rungs(ended, delta, score, method))


def _entering(problem: Problem, runs: Sequence[Run], method: Method) -> Slots:
    clean = problem.images([run.task.image for run in runs])
    radius = torch.tensor([run.radius for run in runs], dtype=torch.float64).to(clean)
    search = method.search
    delta = torch.zeros_like(clean)
    if search.start_fraction > 0:
        widest = radius * search.start_fraction
        draw = method.ball.start(widest, shape=clean.shape[1:], seeds=[run.seed for run in runs])
        delta = method.ball.project(draw.to(clean), clean=clean, radius=widest)
    return Slots(
        tuple(runs),
        State(
            clean=clean,
            delta=delta,
            best_delta=delta,
            best_ascent=torch.zeros_like(clean),
            best_value=torch.full_like(radius, -torch.inf),
            radius=radius,
            row=torch.tensor([run.task.row for run in runs], device=clean.device),
        ),
        begin(len(runs), first_step=search.first_step, device=clean.device),
    )


def _step(problem: Problem, slots: Slots, method: Method) -> tuple[Slots, Tensor]:
    """Take one gradient in every slot and move; return the slots after it and which of them have ended."""
    state = slots.state
    with ascending(method.precision, state.clean.device):
        value, gradient = _estimate(problem, slots, method)
    if method.estimator.comparable:
        state, improved = _remembered(state, value=value, ascent=method.ball.ascent(gradient))
    else:
        improved = torch.ones_like(slots.progress.taken, dtype=torch.bool)  # no step tells; the last one is compared
    move = method.search.move(slots.progress, improved)
    from_best = per_item(move.from_best, state.delta) > 0
    start = torch.where(from_best, state.best_delta, state.delta)
    ascent = torch.where(from_best, state.best_ascent, method.ball.ascent(gradient))
    stepped = start + per_item(move.step * state.radius, start) * ascent
    delta = torch.where(per_item(move.next_ball, start) > 0, state.best_delta, stepped)
    radius = state.radius * method.search.ball_fraction(move.progress.phase).to(state.radius)
    state = state._replace(
        delta=method.ball.project(delta, clean=state.clean, radius=radius),
        best_value=torch.where(move.next_ball, -torch.inf, state.best_value),
    )
    return Slots(slots.runs, state, move.progress), move.done


def _remembered(state: State, *, value: Tensor, ascent: Tensor) -> tuple[State, Tensor]:
    """Keep the better of two iterates; the later one, nearer to convergence, where they differ by rounding only."""
    rounding = _ROUNDINGS * torch.finfo(value.dtype).eps * value.abs()
    as_good = value + rounding >= state.best_value
    keep = as_good.view(-1, *[1] * (ascent.dim() - 1))
    kept = state._replace(
        best_delta=torch.where(keep, state.delta, state.best_delta),
        best_ascent=torch.where(keep, ascent, state.best_ascent),
        best_value=torch.maximum(value, state.best_value),
    )
    return kept, value > state.best_value + rounding.where(state.best_value > -torch.inf, torch.zeros_like(rounding))


def _estimate(problem: Problem, slots: Slots, method: Method) -> ValueAndGradient:
    state = slots.state
    padded = _padded(len(slots.runs))
    images = (state.clean + state.delta)[padded].contiguous(memory_format=torch.channels_last)
    found = method.estimator.estimate(_value_of(problem, state.row[padded]), images, _draws(slots, padded))
    return ValueAndGradient(found.value[: len(slots.runs)], found.gradient[: len(slots.runs)])


def _chosen(problem: Problem, ended: Slots, method: Method) -> tuple[Tensor, Tensor, Tensor]:
    """Choose between the best and the last iterate in float32: perturbation, value and score of each slot."""
    state, n = ended.state, len(ended.runs)
    padded = _padded(n)
    value_of = _value_of(problem, state.row[padded])

    def scored(delta: Tensor) -> tuple[Tensor, Tensor]:
        images = (state.clean + delta)[padded].contiguous(memory_format=torch.channels_last)
        return value_of(images)[:n], method.estimator.value(value_of, images)[:n]

    with torch.no_grad():
        (best_value, best_score), (last_value, last_score) = scored(state.best_delta), scored(state.delta)
    last = last_score + _ROUNDINGS * torch.finfo(last_score.dtype).eps * last_score.abs() >= best_score
    return (
        torch.where(last.view(-1, *[1] * (state.delta.dim() - 1)), state.delta, state.best_delta),
        torch.where(last, last_value, best_value),
        torch.where(last, last_score, best_score),
    )


def _found(ended: Slots, delta: Tensor, value: Tensor, score: Tensor, method: Method) -> Iterator[tuple[Run, Found]]:
    taken = (ended.progress.taken * method.estimator.n_gradients).tolist()
    for place, run in enumerate(ended.runs):
        yield (
            run,
            Found(run.task, run.rung, delta[place].cpu(), float(value[place]), float(score[place]), int(taken[place])),
        )


def _next_rungs(ended: Slots, delta: Tensor, score: Tensor, method: Method) -> Iterator[Slots]:
    """Let runs with a larger radius to come go on from what they found, scaled; it stays the one to beat."""
    climbing = torch.tensor([run.rung + 1 < len(run.task.radii) for run in ended.runs], device=delta.device)
    if not bool(climbing.any()):
        return
    slots = ended.those(climbing)
    found, state = delta[climbing], slots.state
    runs = tuple(run._replace(rung=run.rung + 1) for run in slots.runs)
    radius = torch.tensor([run.radius for run in runs], dtype=torch.float64).to(state.radius)
    larger = found * per_item(radius / state.radius.clamp_min(torch.finfo(state.radius.dtype).tiny), found)
    progress = begin(len(runs), first_step=method.search.first_step, device=delta.device)
    widest = radius * method.search.ball_fraction(progress.phase).to(radius)
    yield Slots(
        runs,
        state._replace(
            delta=method.ball.project(larger, clean=state.clean, radius=widest),
            best_delta=found,
            best_ascent=method.ball.ascent(found),
            best_value=score[climbing],
            radius=radius,
        ),
        progress,
    )


def _best_of_starts(ended: Iterable[tuple[Run, Found]], *, n_starts: int) -> Iterator[Found]:
    """Keep the best start of each task and radius; the earlier start where two are equal."""
    waiting: dict[tuple[Task, int], list[tuple[int, Found]]] = {}
    for run, found in ended:
        key = (found.task, found.rung)
        candidates = waiting.setdefault(key, [])
        candidates.append((run.restart, found))
        if len(candidates) == n_starts:
            del waiting[key]
            best = max(candidates, key=lambda one: (one[1].score, -one[0]))[1]
            yield best._replace(n_gradients=sum(one.n_gradients for _, one in candidates))


def _value_of(problem: Problem, rows: Tensor) -> ValueOf:
    def value(images: Tensor) -> Tensor:
        responses = problem.model(images)
        return problem.objective.value(responses.float() if responses.dtype is torch.bfloat16 else responses, rows)

    return value


def _draws(slots: Slots, padded: Sequence[int]) -> Draws:
    taken = slots.progress.taken.tolist()
    return Draws(tuple(slots.runs[place].seed for place in padded), tuple(taken[place] for place in padded))


def _padded(n: int) -> list[int]:
    """Fill a batch up: a forward pass of one image alone rounds otherwise than one of several (measured)."""
    return [min(place, n - 1) for place in range(-(-n // _MULTIPLE) * _MULTIPLE)]


_MULTIPLE = 4  # also keeps the shapes that the library prepares for few while a queue runs dry
_ROUNDINGS = 4
