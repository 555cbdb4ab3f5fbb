"""Attacks that a training foresees: the sizes and kinds of the slides, mixed within each batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from closedloop.defenses.attacks.gradient_steps import PgdSettings, fgsm, pgd


@dataclass(frozen=True)
class ForeseenAttacks:
    """What examples are attacked by in training.

    Attributes
    ----------
    radii
        Of the L infinity ball ("ε = 0.15, ε = 0.30").
    pgd_steps
        Gradients of PGD, each 2.5 radii over their number long.
    """

    radii: tuple[float, ...] = (0.15, 0.30)
    pgd_steps: int = 10

    @property
    def kinds(self) -> int:
        """Kinds of example: clean, and FGSM and PGD at every radius."""
        return 1 + 2 * len(self.radii)


def attack_batch(
    network: nn.Module, images: Tensor, classes: Tensor, *, attacks: ForeseenAttacks, generator: torch.Generator
) -> Tensor:
    """Return a batch in equal parts clean, attacked by FGSM and attacked by PGD, at every radius.

    Parameters
    ----------
    network
        Images to class scores; left in evaluation mode, so that attacks leave no trace in BatchNorm's statistics.
    images, classes
        (n, n_values) in [0, 1] and (n,).
    attacks
        Which.
    generator
        Of PGD's random starts.
    """
    network.eval()
    parts = [images[0 :: attacks.kinds]]
    for place, radius in enumerate(attacks.radii):
        by_fgsm, by_pgd = (slice(1 + 2 * place + kind, None, attacks.kinds) for kind in (0, 1))
        parts.append(fgsm(network, images[by_fgsm], classes[by_fgsm], radii=_radii(images[by_fgsm], radius)))
        radii = _radii(images[by_pgd], radius)
        start = (2 * torch.rand(images[by_pgd].shape, generator=generator) - 1) * radius
        settings = PgdSettings(steps=attacks.pgd_steps, step_fraction=2.5 / attacks.pgd_steps)
        parts.append(pgd(network, images[by_pgd], classes[by_pgd], radii=radii, start=start, settings=settings))
    attacked = torch.empty_like(images)
    for kind, part in enumerate(parts):
        attacked[kind :: attacks.kinds] = part
    return attacked


def _radii(images: Tensor, radius: float) -> Tensor:
    return torch.full((len(images),), radius)
