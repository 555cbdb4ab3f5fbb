"""What every defence offers: recalls of an image, class scores of each, and one answer from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, get_args

import torch
from torch import Tensor

AggregationRule: TypeAlias = Literal["mode", "logits", "probabilities"]
"""How the recalls' scores become one answer: the class named most often, or the largest mean logit or probability."""

AGGREGATION_RULES: tuple[AggregationRule, ...] = get_args(AggregationRule)


class Defense(Protocol):
    """A classifier that may look at an image through recalls of it."""

    @property
    def n_latent(self) -> int:
        """Numbers that a recall is drawn by; 0: the image itself is classified, and nothing is drawn."""
        ...

    def sample(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return the images that are classified in the place of each image, (n, n_recalls, n_values), in [0, 1].

        Parameters
        ----------
        images
            In [0, 1], (n, n_values).
        latent
            Of `draw_latent`, (n, n_recalls, n_latent).
        """
        ...

    def predict(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return the class scores (logits) of each recall, (n, n_recalls, n_classes).

        Parameters
        ----------
        images, latent
            As for `sample`.
        """
        ...


def draw_latent(seeds: Sequence[int], *, n_recalls: int, n_latent: int) -> Tensor:
    """Draw the numbers of recalls from a normal distribution, (n, n_recalls, n_latent).

    Each image has a generator of its own, so that what it recalls does not depend on its neighbours; more recalls begin
    with the same ones.

    Parameters
    ----------
    seeds
        One an image.
    n_recalls
        Recalls of an image.
    n_latent
        Numbers a recall.

    Examples
    --------
    >>> draw_latent([3, 4], n_recalls=5, n_latent=2).shape
    torch.Size([2, 5, 2])
    """
    draws = [
        torch.randn((n_recalls, n_latent), generator=torch.Generator().manual_seed(seed % _SEEDS)) for seed in seeds
    ]
    return torch.stack(draws)


def aggregate(logits: Tensor, rule: AggregationRule) -> Tensor:
    """Return one score a class from the scores of all recalls, (n, n_classes); the largest is the answer.

    Parameters
    ----------
    logits
        Of every recall, (n, n_recalls, n_classes).
    rule
        How. Of classes named equally often (mode), the one of the larger mean probability is the answer.

    Examples
    --------
    >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 0.1], [0.0, 0.1]]])
    >>> {rule: int(aggregate(logits, rule).argmax()) for rule in AGGREGATION_RULES}
    {'mode': 1, 'logits': 0, 'probabilities': 0}
    """
    if rule == "logits":
        return logits.mean(dim=1)
    probabilities = logits.softmax(dim=-1).mean(dim=1)
    if rule == "probabilities":
        return probabilities
    named = torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).sum(dim=1)
    return named.to(logits.dtype) + _TIES * probabilities


_SEEDS = 2**63
_TIES = 0.5  # of a vote, so that probabilities decide between equal counts alone
