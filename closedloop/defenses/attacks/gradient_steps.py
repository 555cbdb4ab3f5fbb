"""One step and many: FGSM (Goodfellow et al. 2015) and PGD (Madry et al. 2018) in the L infinity ball."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from closedloop.attacks.balls import LInf
from closedloop.attacks.objectives import value_and_gradient

ScoresOf = Callable[[Tensor], Tensor]
"""Images in [0, 1], (n, n_values), to class scores, (n, n_classes)."""


@dataclass(frozen=True)
class PgdSettings:
    """How many gradients, and how far each moves.

    Attributes
    ----------
    steps
        Gradients.
    step_fraction
        Length of a step, as a fraction of the radius: foolbox's default, .01 / .3.
    """

    steps: int = 40
    step_fraction: float = 0.01 / 0.3


def fgsm(scores_of: ScoresOf, images: Tensor, classes: Tensor, *, radii: Tensor) -> Tensor:
    """Move every value by the radius along the sign of the gradient of the cross entropy.

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
    """
    _, gradient = value_and_gradient(lambda asked: cross_entropies(scores_of(asked), classes), images)
    return (images + radii[:, None] * gradient.sign()).clamp(0, 1)


def pgd(
    scores_of: ScoresOf,
    images: Tensor,
    classes: Tensor,
    *,
    radii: Tensor,
    start: Tensor,
    settings: PgdSettings = PgdSettings(),
) -> Tensor:
    """Follow the sign of the gradient of the cross entropy, and return the last iterate.

    Parameters
    ----------
    scores_of, images, classes, radii
        As for `fgsm`.
    start
        Where to begin: a perturbation in the ball, as `images`.
    settings
        How far.
    """
    ball, step = LInf(), settings.step_fraction * radii[:, None]
    delta = ball.project(start, clean=images, radius=radii)
    for _ in range(settings.steps):
        _, gradient = value_and_gradient(lambda asked: cross_entropies(scores_of(asked), classes), images + delta)
        delta = ball.project(delta + step * gradient.sign(), clean=images, radius=radii)
    return images + delta


def cross_entropies(scores: Tensor, classes: Tensor) -> Tensor:
    """Return each image's cross entropy, (n,).

    Parameters
    ----------
    scores
        (n, n_classes).
    classes
        (n,).
    """
    return cross_entropy(scores, classes, reduction="none")
