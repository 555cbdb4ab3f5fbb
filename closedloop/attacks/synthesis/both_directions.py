"""Attacks of items, both directions of each, on the lattice; the larger predicted change is kept (section 3.1).

What is driven up and down is the site's response, or what the item's aim makes of all responses. Stated levels have a
search of their own (`at_levels`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn

from closedloop.attacks.aims.kinds import AtLevel, Drive
from closedloop.attacks.aims.together import BothWays, objective_of
from closedloop.attacks.balls import L2, radius_of
from closedloop.attacks.engine.evaluation import Evaluator, Width, in_halves
from closedloop.attacks.engine.find import Optimum, find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.lattice import realised_epsilon, refine_on_lattice
from closedloop.attacks.lattice.balls import ball_on_lattice
from closedloop.attacks.lattice.refinement import LatticeOptimum
from closedloop.attacks.objectives import Objective
from closedloop.attacks.problem import Problem, from_bytes, in_unit_range
from closedloop.attacks.synthesis.at_levels import levels_of
from closedloop.attacks.synthesis.items import Attacked, seed_of
from closedloop.attacks.synthesis.work import Work, to_pixels


def attacks(model: nn.Module, work: Work, *, batch_size: int) -> Iterator[tuple[int, Attacked]]:
    """Find all items' attacks, each as soon as it is found, with its place in the items; memory is that of a batch.

    Parameters
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_sites), on the work's device, in ``eval`` mode.
    work
        What to find.
    batch_size
        Images at once; what is found does not depend on it.
    """
    for find, places in (
        (levels_of, [place for place, item in enumerate(work.items) if isinstance(item.aim, AtLevel)]),
        (_driven, [place for place, item in enumerate(work.items) if not isinstance(item.aim, AtLevel)]),
    ):
        part = replace(work, items=[work.items[place] for place in places])
        for place, attacked in find(model, part, batch_size=batch_size) if places else ():
            yield places[place], attacked


def _driven(model: nn.Module, work: Work, *, batch_size: int) -> Iterator[tuple[int, Attacked]]:
    images = from_bytes(work.clean_images, device=work.device, levels=work.lattice.levels)
    problem = Problem(model, images, _objective(work))
    evaluator = Evaluator(problem, work.method, Width(batch_size))
    found = find_with(evaluator, _tasks(work), n_slots=batch_size)
    on_lattice = partial(_on_lattice, evaluator, work)
    shown = (one for group in _groups(found, batch_size) for one in in_halves(on_lattice, group))
    yield from _larger_changes(shown, n_directions=len(work.directions))


def _tasks(work: Work) -> Iterator[Task]:
    """Yield a task for each item and direction; its row says which of both."""
    side_px = work.clean_images.shape[1]
    for place, item in enumerate(work.items):
        for side, direction in enumerate(work.directions):
            row = len(work.directions) * place + side
            radius = radius_of(work.method.ball, item.epsilon, side_px)
            yield Task(row, item.image_index, (radius,), seed_of(item.item_name, direction))


def _objective(work: Work) -> Objective:
    aims = [item.aim or Drive(item.site_index) for item in work.items]
    sign = torch.tensor(work.directions, dtype=torch.float32, device=work.device)
    return BothWays(objective_of(aims, work.device), sign)


def _on_lattice(evaluator: Evaluator, work: Work, group: Sequence[Optimum]) -> list[tuple[int, Attacked]]:
    """Return the lattice images of attacks in one direction, with what the model predicts for them."""
    items = [found.task.row // len(work.directions) for found in group]
    directions = [work.directions[found.task.row % len(work.directions)] for found in group]
    delta = torch.stack([found.delta for found in group]).to(work.device)
    rows = torch.tensor([found.task.row for found in group], device=work.device)
    draws = Draws(tuple(found.task.seed for found in group), (0,) * len(group))  # the same at every step: comparable
    clean, levels = work.clean(items), work.lattice.levels
    x = in_unit_range(clean, device=work.device, levels=levels)
    radius = [found.task.radii[0] for found in group]
    candidates = list[LatticeOptimum]()
    if isinstance(work.method.ball, L2):
        refined = refine_on_lattice(
            lambda images: evaluator.score(images, rows, draws), x, delta, radius=radius, settings=work.lattice
        )
        candidates.append(refined)
    if not candidates or any(work.items[item].aim is not None for item in items):
        candidates.append(_rounded(evaluator, x, delta, rows, radius=radius, levels=levels))
    best = _best(candidates)
    shown = to_pixels(best.pixels, levels)
    before = evaluator.value(x, rows).tolist()
    after = evaluator.value(in_unit_range(shown, device=work.device, levels=levels), rows).tolist()
    realised = realised_epsilon(clean, shown, levels=levels).tolist()
    return [
        (
            item,
            Attacked(
                attacked=shown[place],
                predicted_clean=direction * before[place],
                predicted_attacked=direction * after[place],
                predicted_change_float=direction * (found.value - before[place]),
                lattice_bound=float(best.bound[place]),
                realised_epsilon=realised[place],
                direction=direction,
                n_gradients=found.n_gradients + best.n_gradients * work.method.estimator.n_gradients,
            ),
        )
        for place, (item, direction, found) in enumerate(zip(items, directions, group, strict=True))
    ]


def _best(candidates: Sequence[LatticeOptimum]) -> LatticeOptimum:
    """Return the better of the ways to whole levels; the first one fills the ball, which not every aim wants."""
    first = candidates[0]
    for other in candidates[1:]:
        nearer = other.value > first.value
        pixels = torch.where(nearer[:, None, None, None], other.pixels, first.pixels)
        first = first._replace(pixels=pixels, value=torch.maximum(first.value, other.value))
    return first


def _rounded(
    evaluator: Evaluator, x: Tensor, delta: Tensor, rows: Tensor, *, radius: Sequence[float], levels: int
) -> LatticeOptimum:
    """Round to whole levels inside the box: where no L2 norm bounds an image, there is no budget left to spend."""
    pixels = (x * levels).round()
    ball = ball_on_lattice(evaluator.method.ball, pixels, radius, levels=levels)
    shown = pixels + ball.nearest(delta.flatten(1) * levels).view_as(pixels)
    value = evaluator.value(shown / levels, rows)
    return LatticeOptimum(shown, value, evaluator.value(x + delta, rows), torch.full_like(value, torch.nan), 0)


def _larger_changes(shown: Iterable[tuple[int, Attacked]], *, n_directions: int) -> Iterator[tuple[int, Attacked]]:
    """Keep, item by item, the direction with the larger predicted change on the bytes; up where they are equal."""
    waiting: dict[int, list[Attacked]] = {}
    for place, one in shown:
        candidates = [*waiting.pop(place, []), one]
        if len(candidates) < n_directions:
            waiting[place] = candidates
            continue
        kept = max(candidates, key=lambda attacked: (attacked.size, attacked.direction))
        yield place, kept._replace(n_gradients=sum(candidate.n_gradients for candidate in candidates))


def _groups(found: Iterable[Optimum], n: int) -> Iterator[list[Optimum]]:
    remaining = iter(found)
    while group := list(islice(remaining, n)):
        yield group
