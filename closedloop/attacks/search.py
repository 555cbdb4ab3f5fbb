"""How to search: the paper's projected gradient ascent of section 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from closedloop.attacks import balls
from closedloop.attacks.objectives import Model, mse1000, value_and_gradient


@dataclass(frozen=True)
class Paper31:
    """Settings of the search of section 3.1: "PGD with random starts, 100 steps and step size = epsilon / 3"."""

    steps: int = 100
    step_fraction: float = 1 / 3
    random_start: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.step_fraction > 0:
            raise ValueError(f"a search needs steps >= 1 and a step_fraction > 0, found {self}")


class _Best(NamedTuple):
    """The best iterate of each item so far, and the largest value seen."""

    delta: Tensor
    value: Tensor


def search(
    model: Model,
    clean: Tensor,
    *,
    site_index: Tensor,
    sign: Tensor,
    radius: Tensor,
    seeds: Sequence[int],
    settings: Paper31,
) -> Tensor:
    """Perturbations that move each item's site most in the direction asked for (section 3.1, figure 4 box 1).

    Items are independent: each has its own site, direction, radius and random start. The paper keeps the end point;
    here the best iterate is kept, which is never worse (to float rounding) and costs one more forward pass.

    Parameters
    ----------
    model
        Images (n_items, 3, height, width) in [0, 1] to responses (n_items, n_sites), in ``eval`` mode.
    clean
        Clean images in [0, 1], float32, shape (n_items, 3, height, width).
    site_index
        Site attacked in each item, int64, shape (n_items,).
    sign
        +1 to raise the response, -1 to lower it, shape (n_items,).
    radius
        L2 radius of each item at this image size (`balls.radius_at`), shape (n_items,).
    seeds
        Seed of each item's random start.
    settings
        Steps, step size and start.

    Returns
    -------
    Tensor
        Perturbations in the ball and in the box, same shape as `clean`.
    """
    objective = mse1000(model, site_index=site_index, sign=sign)
    step = balls.per_item(settings.step_fraction * radius, clean)
    delta = _start(clean, radius=radius, seeds=seeds, settings=settings)
    best = _Best(delta, torch.full_like(radius, -torch.inf, dtype=clean.dtype))
    for _ in range(settings.steps):
        value, gradient = value_and_gradient(objective, clean + delta)
        best = _better(best, delta=delta, value=value)
        delta = balls.project(delta + step * balls.normalised(gradient), clean=clean, radius=radius)
    with torch.no_grad():
        return _better(best, delta=delta, value=objective(clean + delta)).delta


def _start(clean: Tensor, *, radius: Tensor, seeds: Sequence[int], settings: Paper31) -> Tensor:
    if not settings.random_start:
        return torch.zeros_like(clean)
    draw = balls.random_start(radius, shape=clean.shape[1:], seeds=seeds).to(clean)
    return balls.project(draw, clean=clean, radius=radius)


def _better(best: _Best, *, delta: Tensor, value: Tensor) -> _Best:
    """Keep the better of two iterates; the later one, nearer to convergence, where they differ by rounding only."""
    rounding = 4 * torch.finfo(value.dtype).eps * value.abs()
    as_good = value + rounding >= best.value
    keep = as_good.view(-1, *[1] * (delta.dim() - 1))
    return _Best(torch.where(keep, delta, best.delta), torch.maximum(value, best.value))
