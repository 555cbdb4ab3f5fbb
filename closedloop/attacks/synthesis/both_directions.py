"""Attacks of items, both directions of each, on the lattice; the larger predicted change is kept (section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.evaluation import Evaluator, Width
from closedloop.attacks.engine.find import Optimum, find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.lattice import LatticeSettings, pixel_type, realised_epsilon, refine_on_lattice
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import Method, Problem, from_bytes, in_unit_range
from closedloop.attacks.synthesis.items import Attacked, AttackItem, seed_of


@dataclass(frozen=True)
class Work:
    """Items to attack, and everything that decides what is found.

    Attributes
    ----------
    items
        Which image, site and epsilon.
    clean_images
        In whole levels, (n_images, height, width, 3); may be memory-mapped.
    method, lattice
        How to search, and how to put the float optimum on the lattice.
    directions
        +1 to raise the response, -1 to lower it; of several the larger change is kept.
    device
        Where the model is.
    """

    items: Sequence[AttackItem]
    clean_images: NDArray[Any]
    method: Method
    lattice: LatticeSettings
    directions: tuple[int, ...]
    device: torch.device

    def clean(self, places: Sequence[int]) -> NDArray[Any]:
        """Return the clean images of some items."""
        return np.asarray(self.clean_images[[self.items[place].image_index for place in places]])


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
    images = from_bytes(work.clean_images, device=work.device, levels=work.lattice.levels)
    problem = Problem(model, images, _objective(work))
    evaluator = Evaluator(problem, work.method, Width(batch_size))
    found = find_with(evaluator, _tasks(work), n_slots=batch_size)
    shown = (one for group in _groups(found, batch_size) for one in _on_lattice(evaluator, work, group))
    yield from _larger_changes(shown, n_directions=len(work.directions))


def _tasks(work: Work) -> Iterator[Task]:
    """Yield a task for each item and direction; its row says which of both."""
    side_px = work.clean_images.shape[1]
    for place, item in enumerate(work.items):
        for side, direction in enumerate(work.directions):
            row = len(work.directions) * place + side
            radius = radius_at(item.epsilon, side_px)
            yield Task(row, item.image_index, (radius,), seed_of(item.item_name, direction))


def _objective(work: Work) -> SignedResponse:
    site = torch.tensor([item.site_index for item in work.items], device=work.device)
    sign = torch.tensor(work.directions, dtype=torch.float32, device=work.device)
    return SignedResponse(site.repeat_interleave(len(sign)), sign.repeat(len(site)))


def _on_lattice(evaluator: Evaluator, work: Work, group: Sequence[Optimum]) -> Iterator[tuple[int, Attacked]]:
    """Yield the lattice images of attacks in one direction, with what the model predicts for them."""
    items = [found.task.row // len(work.directions) for found in group]
    directions = [work.directions[found.task.row % len(work.directions)] for found in group]
    delta = torch.stack([found.delta for found in group]).to(work.device)
    rows = torch.tensor([found.task.row for found in group], device=work.device)
    draws = Draws(tuple(found.task.seed for found in group), (0,) * len(group))  # the same at every step: comparable
    clean, levels = work.clean(items), work.lattice.levels
    x = in_unit_range(clean, device=work.device, levels=levels)
    best = refine_on_lattice(
        lambda images: evaluator.score(images, rows, draws),
        x,
        delta,
        radius=[found.task.radii[0] for found in group],
        settings=work.lattice,
    )
    shown = _pixels(best.pixels, levels)
    before = evaluator.value(x, rows).tolist()
    after = evaluator.value(in_unit_range(shown, device=work.device, levels=levels), rows).tolist()
    realised = realised_epsilon(clean, shown, levels=levels).tolist()
    for place, (item, direction, found) in enumerate(zip(items, directions, group, strict=True)):
        attacked = Attacked(
            attacked=shown[place],
            predicted_clean=direction * before[place],
            predicted_attacked=direction * after[place],
            predicted_change_float=direction * (found.value - before[place]),
            lattice_bound=float(best.bound[place]),
            realised_epsilon=realised[place],
            direction=direction,
            n_gradients=found.n_gradients + best.n_gradients * work.method.estimator.n_gradients,
        )
        yield item, attacked


def _pixels(levels_of: Tensor, levels: int) -> NDArray[Any]:
    return np.asarray(levels_of.permute(0, 2, 3, 1).cpu().numpy().astype(pixel_type(levels)))


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
