"""APGD (Croce and Hein 2020): steps that shrink by themselves, with momentum, by cross entropy or ratio of margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from closedloop.attacks.balls import LInf
from closedloop.attacks.objectives import value_and_gradient
from closedloop.defenses.attacks.gradient_steps import ScoresOf, cross_entropies

LossOf = Callable[[Tensor, Tensor], Tensor]
"""Scores (n, n_classes) and true classes (n,) to a loss an image, (n,)."""

ApgdLoss: TypeAlias = Literal["cross_entropy", "margin_ratio"]

_MOMENTUM = 0.75  # alpha of algorithm 1
_ENOUGH = 0.75  # rho of its first condition
_FIRST, _SHORTER, _SHORTEST = 0.22, 0.03, 0.06  # checkpoints, as fractions of the steps (section 3.2)


@dataclass(frozen=True)
class _ApgdWalk:
    """Where each image's search is, and the best it has seen."""

    at: Tensor
    before: Tensor
    gradient: Tensor
    best: Tensor
    best_gradient: Tensor
    best_loss: Tensor
    step: Tensor


def apgd(
    scores_of: ScoresOf,
    images: Tensor,
    classes: Tensor,
    *,
    radii: Tensor,
    start: Tensor,
    loss: ApgdLoss = "cross_entropy",
    steps: int = 50,
) -> Tensor:
    """Return the first image found that the classifier gets wrong, or else the one of the largest loss.

    Parameters
    ----------
    scores_of
        The classifier, in evaluation mode.
    images
        In [0, 1], (n, n_values).
    classes
        True ones, (n,).
    radii
        Of each image's ball, (n,).
    start
        Where to begin: a perturbation in the ball, as `images`.
    loss
        What is raised; `margin_ratio` (their DLR) needs three classes and does not saturate.
    steps
        Gradients.
    """
    ball = LInf()
    wrong, fooling = torch.zeros(len(images), dtype=torch.bool), images

    def look(at: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal wrong, fooling
        seen: list[Tensor] = []

        def value_of(asked: Tensor) -> Tensor:
            scores = scores_of(asked)
            seen.append(scores.detach())
            return LOSSES[loss](scores, classes)

        value, gradient = value_and_gradient(value_of, at)
        newly = (seen[0].argmax(dim=1) != classes) & ~wrong
        fooling = torch.where(newly[:, None], at, fooling)
        wrong = wrong | newly
        return value, gradient

    def project(at: Tensor) -> Tensor:
        return images + ball.project(at - images, clean=images, radius=radii)

    first = project(images + start)
    value, gradient = look(first)
    walk = _ApgdWalk(first, first, gradient, first, gradient, value, 2 * radii)
    checkpoints, rose = _checkpoints(steps), torch.zeros(len(images))
    last_step, last_best, since = walk.step, walk.best_loss, 0
    for number in range(steps):
        previous = value
        walk, value = _advance(walk, look, project, first=number == 0)
        rose, since = rose + (value > previous), since + 1
        if number + 1 in checkpoints:
            halve = (rose < _ENOUGH * since) | ((walk.step == last_step) & (walk.best_loss == last_best))
            last_step, last_best = walk.step, walk.best_loss
            walk = _halved(walk, halve)
            rose, since = torch.zeros_like(rose), 0
    return torch.where(wrong[:, None], fooling, walk.best)


def _advance(
    walk: _ApgdWalk,
    look: Callable[[Tensor], tuple[Tensor, Tensor]],
    project: Callable[[Tensor], Tensor],
    *,
    first: bool,
) -> tuple[_ApgdWalk, Tensor]:
    """Take one step with momentum; return the walk after it and the loss there."""
    plain = project(walk.at + walk.step[:, None] * walk.gradient.sign())
    alpha = 1.0 if first else _MOMENTUM
    ahead = project(walk.at + alpha * (plain - walk.at) + (1 - alpha) * (walk.at - walk.before))
    value, gradient = look(ahead)
    better = value > walk.best_loss
    return (
        replace(
            walk,
            at=ahead,
            before=walk.at,
            gradient=gradient,
            best=torch.where(better[:, None], ahead, walk.best),
            best_gradient=torch.where(better[:, None], gradient, walk.best_gradient),
            best_loss=torch.maximum(value, walk.best_loss),
        ),
        value,
    )


def _halved(walk: _ApgdWalk, halve: Tensor) -> _ApgdWalk:
    """Halve the step where it is asked for, and go on from the best image there."""
    chosen = halve[:, None]
    return replace(
        walk,
        at=torch.where(chosen, walk.best, walk.at),
        before=torch.where(chosen, walk.best, walk.before),
        gradient=torch.where(chosen, walk.best_gradient, walk.gradient),
        step=torch.where(halve, walk.step / 2, walk.step),
    )


def _checkpoints(steps: int) -> set[int]:
    """Return after which steps the size is looked at: ever sooner after each other."""
    places, length, at = set(), _FIRST * steps, _FIRST * steps
    while at <= steps:
        places.add(max(int(at), 1))
        length = max(length - _SHORTER * steps, _SHORTEST * steps)
        at += length
    return places


def margin_ratios(scores: Tensor, classes: Tensor) -> Tensor:
    """Return how far the best other class lies above the true one, over the spread of the scores, (n,).

    Parameters
    ----------
    scores
        (n, n_classes), of three classes or more.
    classes
        (n,).

    Examples
    --------
    >>> margin_ratios(torch.tensor([[3.0, 1.0, -1.0]]), torch.tensor([0])).tolist()
    [-0.5]
    """
    ordered = scores.sort(dim=1, descending=True).values
    own = scores.gather(1, classes[:, None]).squeeze(1)
    is_first = scores.argmax(dim=1) == classes
    other = torch.where(is_first, ordered[:, 1], ordered[:, 0])
    return (other - own) / (ordered[:, 0] - ordered[:, 2] + _SMALLEST)


LOSSES: dict[ApgdLoss, LossOf] = {"cross_entropy": cross_entropies, "margin_ratio": margin_ratios}
_SMALLEST = 1e-12
