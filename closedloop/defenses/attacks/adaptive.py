"""The attack that knows the defence: gradients through the recalls, averaged over their draws (Athalye et al. 2018)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from closedloop.attacks.balls import LInf
from closedloop.attacks.objectives import best_other_minus_own, value_and_gradient
from closedloop.defenses.port import Defense, draw_latent

LatentOf = Callable[[int, int], Tensor]
"""Number of a draw and recalls of it to the numbers of all images' recalls, (n, n_recalls, n_latent)."""


@dataclass(frozen=True)
class AdaptiveSettings:
    """How long, and over how many recalls.

    Attributes
    ----------
    steps
        Gradients from each start.
    recalls
        Recalls that a gradient is averaged over; drawn again at every step.
    judged_by
        Recalls by which the candidates are compared.
    """

    steps: int = 20
    recalls: int = 8
    judged_by: int = 32


def adaptive_attack(
    defense: Defense,
    images: Tensor,
    classes: Tensor,
    *,
    radii: Tensor,
    starts: Sequence[Tensor],
    found: Sequence[Tensor] = (),
    seeds: Sequence[int],
    settings: AdaptiveSettings = AdaptiveSettings(),
) -> Tensor:
    """Return the image in the ball that lies furthest on the wrong side, in expectation over the recalls.

    Each start is followed up the cross entropy of the recalls' mean probability, by steps that fall as half a cosine.
    What other attacks found are candidates as well, and so is never lost.

    Parameters
    ----------
    defense
        In evaluation mode.
    images
        In [0, 1], (n, n_values).
    classes
        True ones, (n,).
    radii
        Of each image's L infinity ball, (n,).
    starts
        Perturbations to begin from, each as `images`.
    found
        Perturbations that other attacks ended at.
    seeds
        One an image: of the recalls, which are others than those that the defence is judged by.
    settings
        How long.
    """
    latents = _latents(defense, seeds)
    ball = LInf()
    projected = [ball.project(start, clean=images, radius=radii) for start in starts]
    walked = [
        _walk(defense, images, classes, delta, radii=radii, latents=latents, place=place, settings=settings)
        for place, delta in enumerate(projected)
    ]
    judge = latents(_JUDGE, settings.judged_by)
    best, best_margin = images, torch.full((len(images),), -torch.inf)
    for delta in (*projected, *walked, *(ball.project(one, clean=images, radius=radii) for one in found)):
        with torch.no_grad():
            margin = margins(defense, images + delta, classes, judge)
        better = margin > best_margin
        best = torch.where(better[:, None], images + delta, best)
        best_margin = torch.maximum(margin, best_margin)
    return best


def margins(defense: Defense, images: Tensor, classes: Tensor, latent: Tensor) -> Tensor:
    """Return how far the best other class's mean probability lies above the true one's, (n,); above 0: wrong.

    Parameters
    ----------
    defense
        In evaluation mode.
    images, classes
        (n, n_values) and (n,).
    latent
        Of the recalls, (n, n_recalls, n_latent).
    """
    probabilities = defense.predict(images, latent).softmax(dim=-1).mean(dim=1)
    return best_other_minus_own(probabilities).gather(1, classes[:, None]).squeeze(1)


def _walk(
    defense: Defense,
    images: Tensor,
    classes: Tensor,
    delta: Tensor,
    *,
    radii: Tensor,
    latents: LatentOf,
    place: int,
    settings: AdaptiveSettings,
) -> Tensor:
    ball = LInf()
    for step in range(settings.steps):
        latent = latents(place * settings.steps + step, settings.recalls)
        value_of = partial(_losses, defense, classes=classes, latent=latent)
        _, gradient = value_and_gradient(value_of, images + delta)
        size = radii[:, None] * (1 + math.cos(math.pi * step / settings.steps)) / 2
        delta = ball.project(delta + size * gradient.sign(), clean=images, radius=radii)
    return delta


def _losses(defense: Defense, images: Tensor, *, classes: Tensor, latent: Tensor) -> Tensor:
    """Return the cross entropy of the recalls' mean probability, (n,)."""
    logs = defense.predict(images, latent).log_softmax(dim=-1)
    own = logs[torch.arange(len(images)), :, classes]
    return math.log(own.shape[1]) - own.logsumexp(dim=1)


def _latents(defense: Defense, seeds: Sequence[int]) -> LatentOf:
    def draw(number: int, n_recalls: int) -> Tensor:
        own = [seed + number * _STRIDE for seed in seeds]
        return draw_latent(own, n_recalls=n_recalls, n_latent=defense.n_latent)

    return draw


_STRIDE = 0x9E3779B97F4A7C15 % 2**63
"""Between the seeds of an image's draws: odd, from the golden ratio, so that no two draws of one image are the same.

torch takes the lower 32 bits of a seed: in one study of some 200, with 500 images and 41 draws each, two images meet
and recall by the same numbers in some of their draws. Nothing else comes of it.
"""

_JUDGE = 1 << 20
