"""Bring a response to a stated level with few gradients: reach it, then change the image less while staying there.

A level is no extreme, so that a search may stop at it. *Reach* follows the gradient by as much as a linear response
would need, never further than a length that shrinks. *Shrink* takes away a part of what does not lie along the gradient
and returns to the level, again and again; the smallest change within the tolerance is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from closedloop.attacks.balls import Ball, per_item
from closedloop.attacks.engine.evaluation import Evaluator
from closedloop.attacks.gradients.estimators import Draws


@dataclass(frozen=True)
class LevelSettings:
    """How a level is searched.

    Attributes
    ----------
    reach, shrink
        Gradients of either part; the second only where the change is to be the least.
    step_fraction
        Longest first step of the reach over the radius.
    taken_away
        Part of what lies across the gradient that each step of the shrink takes away.
    scales, widest
        Multiples of what was found that are tried on whole levels, and how far they lie from 1.

    Examples
    --------
    >>> from closedloop.attacks import LevelSettings
    >>> LevelSettings(reach=40).shrink
    20
    """

    reach: int = 20
    shrink: int = 20
    step_fraction: float = 0.5
    taken_away: float = 0.2
    scales: int = 33
    widest: float = 0.15

    def __post_init__(self) -> None:
        if min(self.reach, self.scales) < 1 or self.shrink < 0 or not self.step_fraction > 0:
            raise ValueError(f"a level needs reach and scales >= 1, shrink >= 0 and a step_fraction > 0, found {self}")
        if not (0 <= self.taken_away < 1 and 0 <= self.widest < 1):
            raise ValueError(f"taken_away and widest are parts of 1, found {self}")


class Goals(NamedTuple):
    """What some items are to reach, and from where; every field's first axis is (n_items,).

    Attributes
    ----------
    rows
        Rows of the objective's parameters, int64.
    clean
        Clean images in [0, 1], (n_items, 3, height, width).
    target, tolerance
        Responses to be reached, and how far from them counts as reached.
    least
        Whether the change is to be the least, bool.
    radius
        How far each image may be changed.
    seeds
        Of random gradients, a tuple.
    """

    rows: Tensor
    clean: Tensor
    target: Tensor
    tolerance: Tensor
    least: Tensor
    radius: Tensor
    seeds: tuple[int, ...]


class LevelFound(NamedTuple):
    """The best perturbations found: (n_items, 3, height, width), and the responses to them, (n_items,)."""

    delta: Tensor
    response: Tensor


def search_levels(evaluator: Evaluator, goals: Goals, settings: LevelSettings) -> LevelFound:
    """Find float perturbations that bring each item's response to its target, in the ball of the evaluator's method.

    Items do not depend on each other.

    Parameters
    ----------
    evaluator
        Its objective is the response itself.
    goals
        What to reach.
    settings
        By how many gradients.
    """
    project = _Projection(evaluator.method.ball, goals)
    best, gain = _reach(evaluator, goals, settings, project)
    if settings.shrink and bool(goals.least.any()):
        best = _shrink(evaluator, goals, settings, project, best=best, gain=gain)
    return best


def _reach(
    evaluator: Evaluator, goals: Goals, settings: LevelSettings, project: _Projection
) -> tuple[LevelFound, Tensor]:
    """Walk to the targets; return the best images met and what each response really rises by, over its slope.

    A gradient that is blurred, or in which members have the same say, leads up but is no derivative.
    """
    delta = torch.zeros_like(goals.clean)
    best = LevelFound(delta, torch.full_like(goals.target, torch.inf))
    gain, foretold, before = torch.ones_like(goals.target), None, goals.target
    for step in range(settings.reach):
        here = _ask(evaluator, goals, delta, step)
        best = _better(best, LevelFound(delta, here.response), goals)
        if foretold is not None:
            gain = gain * _correction(foretold, here.response - before, goals.tolerance)
        longest = settings.step_fraction * goals.radius * (1 + math.cos(math.pi * step / settings.reach)) / 2
        length = _length(here, goals, gain, longest)
        foretold, before = length * here.slope * gain, here.response
        delta = project(delta + per_item(length, delta) * here.direction)
    return _better(best, LevelFound(delta, evaluator.value(goals.clean + delta, goals.rows)), goals), gain


def _shrink(
    evaluator: Evaluator,
    goals: Goals,
    settings: LevelSettings,
    project: _Projection,
    *,
    best: LevelFound,
    gain: Tensor,
) -> LevelFound:
    """Take away what does not lie along the gradient, and come back to the targets, where the change is to be least."""
    delta = best.delta
    for step in range(settings.reach, settings.reach + settings.shrink):
        here = _ask(evaluator, goals, delta, step)
        best = _better(best, LevelFound(delta, here.response), goals)
        back = per_item(_length(here, goals, gain, goals.radius), delta) * here.direction
        shrunk = project(_without_across(delta, here.direction, settings.taken_away) + back)
        delta = torch.where(_mask(goals.least, delta), shrunk, delta)
    return _better(best, LevelFound(delta, evaluator.value(goals.clean + delta, goals.rows)), goals)


def gradients_of(settings: LevelSettings, *, least: bool) -> int:
    """Return the gradients that a level costs.

    Parameters
    ----------
    settings
        How it is searched.
    least
        Whether the change is to be the least.
    """
    return settings.reach + (settings.shrink if least else 0)


class _Here(NamedTuple):
    """What the model says at some images: responses and slopes along the gradient's direction."""

    response: Tensor
    slope: Tensor
    direction: Tensor


@dataclass(frozen=True)
class _Projection:
    """Brings perturbations of some items back into ball and box."""

    ball: Ball
    goals: Goals

    def __call__(self, delta: Tensor) -> Tensor:
        return self.ball.project(delta, clean=self.goals.clean, radius=self.goals.radius)


def _ask(evaluator: Evaluator, goals: Goals, delta: Tensor, step: int) -> _Here:
    """Ask for the response to the image itself, whatever the gradient is an average of."""
    images = goals.clean + delta
    found = evaluator.estimate(images, goals.rows, Draws(goals.seeds, (step,) * len(goals.seeds)))
    response = found.value if evaluator.method.estimator.comparable else evaluator.value(images, goals.rows)
    direction = evaluator.method.ball.ascent(found.gradient)
    return _Here(response, (found.gradient * direction).flatten(1).sum(dim=1), direction)


def _length(here: _Here, goals: Goals, gain: Tensor, longest: Tensor) -> Tensor:
    """Return how far along the direction a linear response would be at its target, at most the longest; signed."""
    gap = goals.target - here.response
    wanted = gap.abs() / (here.slope * gain).clamp_min(torch.finfo(gap.dtype).tiny)
    return gap.sign() * torch.minimum(wanted, longest)


def _correction(foretold: Tensor, happened: Tensor, tolerance: Tensor) -> Tensor:
    """Return by what a gain is to be multiplied: the root of what happened over what was foretold, within bounds."""
    tells = foretold.abs() > tolerance
    ratio = torch.where(tells, happened / torch.where(tells, foretold, 1.0), 1.0)
    return ratio.clamp(1 / _MOST_CORRECTED, _MOST_CORRECTED).sqrt()


def _without_across(delta: Tensor, direction: Tensor, part: float) -> Tensor:
    """Take away a part of what of a perturbation does not lie along a direction."""
    square = (direction * direction).flatten(1).sum(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
    along = per_item((delta * direction).flatten(1).sum(dim=1) / square, delta) * direction
    return along + (1 - part) * (delta - along)


def _better(best: LevelFound, here: LevelFound, goals: Goals) -> LevelFound:
    """Keep the one nearer to the target; of two that are there, the smaller change where it is to be the least."""
    before, after = ((one.response - goals.target).abs() for one in (best, here))
    both_there = (before <= goals.tolerance) & (after <= goals.tolerance)
    size_before, size_after = (one.delta.flatten(1).norm(dim=1) for one in (best, here))
    keep = torch.where(both_there & goals.least, size_after < size_before, after < before)
    delta = torch.where(_mask(keep, best.delta), here.delta, best.delta)
    return LevelFound(delta, torch.where(keep, here.response, best.response))


def _mask(chosen: Tensor, like: Tensor) -> Tensor:
    return chosen.view(-1, *[1] * (like.dim() - 1))


_MOST_CORRECTED = 16.0
