"""Along which directions a surface of equal response bends most, by power iteration on differences of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.geometry.curvature import gradient_change
from closedloop.attacks.geometry.responses import ResponseOf, length_of, unit, without

_ITERATIONS = 12


@dataclass(frozen=True)
class PrincipalDirections:
    """Directions along a surface, the one that bends most first.

    Attributes
    ----------
    directions
        Of length 1, at right angles to the gradient and to each other, (n, k, 3, height, width).
    curvature
        Along each, at the scale h, (n, k); NaN where the gradient is zero.
    gradient
        Of the response, (n, 3, height, width).
    """

    directions: Tensor
    curvature: Tensor
    gradient: Tensor

    @property
    def steepness(self) -> Tensor:
        """Length of the gradient, (n,)."""
        return length_of(self.gradient)

    @property
    def normal(self) -> Tensor:
        """Direction of the gradient, (n, 3, height, width); NaN where it is zero."""
        return unit(self.gradient)


def principal_directions(
    response: ResponseOf, images: Tensor, *, n: int, h: float, seeds: Sequence[int], iterations: int = _ITERATIONS
) -> PrincipalDirections:
    """Find the directions along which the surface of equal response through each image bends most, either way.

    Block power iteration: some directions go through the difference of gradients again and again, made orthogonal each
    time, one more than is wanted; those within their span that bend most are what remains (Rayleigh and Ritz). A
    direction that bends forwards and one that bends backwards as much are told apart by it.

    Parameters
    ----------
    response
        Whose.
    images
        (n_images, 3, height, width).
    n
        Directions wanted of each.
    h
        Scale of the differences, in pixel units in [0, 1] at this image size.
    seeds
        Of the first directions, one an image: what is found of an image does not depend on its neighbours.
    iterations
        How often the directions go through.

    Examples
    --------
    A surface that bends along one of its two directions alone:

    >>> import torch
    >>> class Valley(torch.nn.Module):
    ...     def forward(self, images):
    ...         x = images.flatten(1)
    ...         return (2 * x[:, 0] - 3 * x[:, 2] ** 2)[:, None]
    >>> at = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    >>> found = principal_directions(ResponseOf(Valley(), torch.tensor([0])), at, n=1, h=0.1, seeds=(1,))
    >>> [round(abs(one), 3) for one in found.directions.flatten().tolist()], round(found.curvature.item(), 3)
    ([0.0, 0.0, 1.0], 3.0)
    """
    gradient = response.at(images).gradient
    steepness = length_of(gradient)
    normal = torch.where((steepness > 0)[:, None, None, None], gradient / _never_zero(steepness), gradient)
    n_kept = min(n + 1, images[0].numel() - 1)
    block = _orthonormal(_across(_drawn(images, n_kept, seeds), normal))
    for _ in range(iterations):
        block = _orthonormal(_across(gradient_change(response, images, block, h=h), normal))
    values, block = _rotated(block, gradient_change(response, images, block, h=h))
    kappa = torch.where(steepness > 0, -1 / steepness, torch.nan)[:, None] * values
    return PrincipalDirections(block[:, :n], kappa[:, :n], gradient)


def _drawn(images: Tensor, n: int, seeds: Sequence[int]) -> Tensor:
    """Draw normal numbers on the processor, (n_images, n, 3, height, width): the same on every device."""
    rows = [
        torch.randn((n, *images.shape[1:]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in seeds
    ]
    return torch.stack(rows).to(images)


def _across(block: Tensor, normal: Tensor) -> Tensor:
    """Return what of directions is along the surface."""
    return without(block, normal[:, None])


def _orthonormal(block: Tensor) -> Tensor:
    """Return directions of length 1 at right angles to each other with the same span, (n, k, 3, height, width)."""
    basis, _ = torch.linalg.qr(block.flatten(2).transpose(1, 2))
    orthonormal: Tensor = basis.transpose(1, 2).reshape(block.shape)
    return orthonormal


def _rotated(block: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the block's own second derivatives, the largest first, and its directions turned to be theirs."""
    flat = block.flatten(2)
    within = flat @ changed.flatten(2).transpose(1, 2)
    values, turns = torch.linalg.eigh((within + within.transpose(1, 2)) / 2)
    order = values.abs().argsort(dim=1, descending=True)
    turns = turns.gather(2, order[:, None].expand_as(turns))
    return values.gather(1, order), (turns.transpose(1, 2) @ flat).reshape(block.shape)


def _never_zero(steepness: Tensor) -> Tensor:
    return torch.where(steepness > 0, steepness, 1.0)[:, None, None, None]
