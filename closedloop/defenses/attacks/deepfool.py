"""DeepFool in the L infinity norm (Moosavi-Dezfooli et al. 2016): the smallest change that crosses a boundary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.defenses.attacks.gradient_steps import ScoresOf


@dataclass(frozen=True)
class DeepFoolSettings:
    """How long it goes on.

    Attributes
    ----------
    steps
        At most.
    candidates
        Classes that are looked at, those of the largest scores.
    overshoot
        How far beyond the boundary, as a fraction of the change.
    """

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02


def deepfool(
    scores_of: ScoresOf, images: Tensor, classes: Tensor, *, settings: DeepFoolSettings = DeepFoolSettings()
) -> Tensor:
    """Return images that the classifier gets wrong, or where it stood after all steps; no radius bounds them.

    At each step scores are taken as linear, and the nearest of the planes is crossed on which another class scores as
    much as the true one. `within` brings what is found into a ball.

    Parameters
    ----------
    scores_of
        The classifier, in evaluation mode.
    images
        In [0, 1], (n, n_values).
    classes
        True ones, (n,).
    settings
        How long.
    """
    with torch.no_grad():
        order = scores_of(images).argsort(dim=1, descending=True, stable=True)[:, : settings.candidates]
    others = order.where(order != classes[:, None], classes[:, None])
    found = images
    change = torch.zeros_like(images)
    for _ in range(settings.steps):
        scores, step = _nearest(scores_of, found, classes, others)
        going_on = scores.argmax(dim=1) == classes
        if not bool(going_on.any()):
            break
        change = change + torch.where(going_on[:, None], step, 0.0)
        moved = (images + (1 + settings.overshoot) * change).clamp(0, 1)
        found = torch.where(going_on[:, None], moved, found)
    return found


def within(attacked: Tensor, images: Tensor, *, radius: float) -> Tensor:
    """Clip every value's change to the radius.

    Parameters
    ----------
    attacked, images
        In [0, 1], (n, n_values).
    radius
        Of the ball.
    """
    return images + (attacked - images).clamp(-radius, radius)


def _nearest(scores_of: ScoresOf, found: Tensor, classes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores, and the step to the nearest plane on which another class scores as much as the true one."""
    leaf = found.detach().requires_grad_()
    scores = scores_of(leaf)
    own = scores.gather(1, classes[:, None])
    gaps = scores.gather(1, others) - own  # 0 of the true class, which is no candidate
    gradients = torch.stack(
        [torch.autograd.grad(gap.sum(), leaf, retain_graph=True)[0] for gap in gaps.unbind(dim=1)], dim=1
    )
    sizes = gradients.abs().sum(dim=2)
    is_own = others == classes[:, None]
    distances = torch.where(is_own, torch.inf, gaps.detach().abs() / sizes.clamp_min(_SMALLEST))
    nearest = distances.argmin(dim=1)
    rows = torch.arange(len(found))
    distance = distances[rows, nearest] + _BEYOND
    return scores.detach(), distance[:, None] * gradients[rows, nearest].sign()


_SMALLEST = 1e-12
_BEYOND = 1e-4  # foolbox's, past the plane
