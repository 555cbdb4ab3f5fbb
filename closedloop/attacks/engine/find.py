"""The loop of the engine: a flat queue of searches through a batch of slots; one that has ended makes room.

A slot is one start of one task, with its own image, objective, radius, step and random numbers, so that nothing found
depends on the batch it was found in. Searching may run in bfloat16; what is kept is chosen and valued in float32.
Memory is that of the slots, however many tasks there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor

from closedloop.attacks.engine.evaluation import Evaluator, Width, if_it_fits
from closedloop.attacks.engine.room import Room
from closedloop.attacks.engine.steps import Best, Slots, Start, Task, best_of, concatenate, next_radii, step
from closedloop.attacks.objectives import check_independent
from closedloop.attacks.problem import Method, Problem


class Optimum(NamedTuple):
    """The best perturbation found for a task at one radius.

    Attributes
    ----------
    task, radius_index
        What was searched; the radius is ``task.radii[radius_index]``.
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
    radius_index: int
    delta: Tensor
    value: float
    score: float
    n_gradients: int


def find(problem: Problem, tasks: Iterable[Task], *, method: Method, batch_size: int) -> Iterator[Optimum]:
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
        Slots, and images in one forward pass as long as memory suffices; halved where it does not. The result does
        not depend on it.

    Raises
    ------
    ExecutionError
        There is no memory for a few images.
    ValueError
        The model is in training mode, or the batch size is below 1.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import COSINE, Method, Problem, SignedResponse, Task, find
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()
    >>> grey = torch.full((1, 3, 8, 8), 0.5)
    >>> raise_both = SignedResponse(torch.tensor([0, 1]), torch.tensor([1.0, 1.0]))
    >>> problem = Problem(model, lambda places: grey[list(places)], raise_both)
    >>> tasks = [Task(row=0, image=0, radii=(0.1,), seed=0), Task(row=1, image=0, radii=(0.1, 0.2), seed=1)]
    >>> found = list(find(problem, tasks, method=Method(COSINE), batch_size=8))
    >>> sorted((one.task.row, one.radius_index) for one in found)
    [(0, 0), (1, 0), (1, 1)]
    """
    if batch_size < 1:
        raise ValueError(f"batch size: expected at least 1, found {batch_size}")
    yield from find_with(Evaluator(problem, method, Width(batch_size)), tasks, n_slots=batch_size)


def find_with(evaluator: Evaluator, tasks: Iterable[Task], *, n_slots: int) -> Iterator[Optimum]:
    """Search all tasks by an evaluator that others use too; see `find`.

    Parameters
    ----------
    evaluator
        Problem and method.
    tasks
        What to find.
    n_slots
        Starts that are searched at once.
    """
    check_independent(evaluator.problem.model)
    n_starts = evaluator.method.search.restarts
    starts = (Start(task, restart, radius_index=0) for task in tasks for restart in range(n_starts))
    yield from _best_of_starts(_search(evaluator, starts, n_slots), n_starts=n_starts)


def _search(evaluator: Evaluator, starts: Iterator[Start], n_slots: int) -> Iterator[tuple[Start, Optimum]]:
    """Search starts; each comes out with what it found at one radius, as soon as it has ended there."""
    room = Room(n_slots)
    while room.fill(evaluator, starts):
        found = if_it_fits(lambda: _advance(evaluator, room))
        if found is None:
            room.shrink(evaluator)
            continue
        ended, room.live = found
        yield from ended


_Advanced = tuple[list[tuple[Start, Optimum]], Slots | None]
"""What has ended, with what was found; and the slots that go on."""


def _advance(evaluator: Evaluator, room: Room) -> _Advanced:
    """Take one gradient in every slot; what has ended comes out, or goes on to its next radius."""
    if room.live is None:
        raise ValueError("expected slots to advance")
    slots, done = step(evaluator, room.live)
    if not bool(done.any()):
        return [], slots
    ended = slots.select(done)
    best = best_of(evaluator, ended)
    going_on = [part for part in (slots.select(~done), next_radii(evaluator, ended, best)) if part and part.starts]
    return list(_optima(evaluator, ended, best)), concatenate(going_on) if going_on else None


def _optima(evaluator: Evaluator, ended: Slots, best: Best) -> Iterator[tuple[Start, Optimum]]:
    taken = (ended.progress.taken * evaluator.method.estimator.n_gradients).tolist()
    delta, value, score = best.delta.cpu(), best.value.tolist(), best.score.tolist()
    for place, start in enumerate(ended.starts):
        yield (
            start,
            Optimum(
                start.task, start.radius_index, delta[place].clone(), value[place], score[place], int(taken[place])
            ),
        )


def _best_of_starts(ended: Iterable[tuple[Start, Optimum]], *, n_starts: int) -> Iterator[Optimum]:
    """Keep the best start of each task and radius; the earlier start where two are equal."""
    waiting: dict[tuple[Task, int], _Starts] = {}
    for start, found in ended:
        key = (found.task, found.radius_index)
        starts = _add(waiting.pop(key, None), start.restart, found)
        if starts.n == n_starts:
            yield starts.best._replace(n_gradients=starts.n_gradients)
        else:
            waiting[key] = starts


class _Starts(NamedTuple):
    """The best of the starts that have ended: memory of one, however many there are."""

    restart: int
    best: Optimum
    n: int
    n_gradients: int


def _add(before: _Starts | None, restart: int, found: Optimum) -> _Starts:
    if before is None:
        return _Starts(restart, found, 1, found.n_gradients)
    n, n_gradients = before.n + 1, before.n_gradients + found.n_gradients
    better = (found.score, -restart) > (before.best.score, -before.restart)
    return _Starts(restart, found, n, n_gradients) if better else _Starts(before.restart, before.best, n, n_gradients)
