"""The L2 ball inside the pixel box, as the three hooks a search needs: where to start, how to step, how to come back.

Every function takes one radius an item, so that a batch may mix epsilons.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PAPER_SIDE_PX = 224
"""The image side on which epsilon is stated (224 x 224 x 3 pixels in [0, 1], section 2)."""


def radius_at(epsilon: float, side_px: float) -> float:
    """L2 radius at another image side that changes each pixel as much as `epsilon` does at 224 px.

    Parameters
    ----------
    epsilon
        L2 norm in [0, 1] pixel units on a 224 x 224 x 3 image.
    side_px
        Side of the square image that is attacked, in pixels.

    Returns
    -------
    float
        ``epsilon * side_px / 224``: the root mean square over the pixels is the same.
    """
    return epsilon * side_px / PAPER_SIDE_PX


def random_start(radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
    """Perturbations drawn uniformly from the ball, one generator an item.

    The draw is made on the CPU, so that it is the same on every device, and an item's draw does not depend on its
    neighbours in the batch.

    Parameters
    ----------
    radius
        L2 radii, shape (n_items,).
    shape
        Shape of one perturbation, for example (3, height, width).
    seeds
        One seed an item.

    Returns
    -------
    Tensor
        Perturbations, shape (n_items, *shape), on the device of `radius`.
    """
    draws = torch.stack([_uniform_in_unit_ball(shape, seed) for seed in seeds])
    return draws.to(radius.device) * per_item(radius, draws)


def normalised(gradient: Tensor) -> Tensor:
    """Each item's gradient with unit L2 norm; a gradient of exactly zero stays zero.

    Parameters
    ----------
    gradient
        Shape (n_items, ...).
    """
    largest = gradient.flatten(1).abs().amax(1).clamp_min(torch.finfo(gradient.dtype).tiny)
    scaled = gradient / per_item(largest, gradient)  # so that squares of tiny or huge gradients stay representable
    norm = scaled.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
    return scaled / per_item(norm, gradient)


def project(delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
    """Bring perturbations back into the ball, then into the box [0, 1].

    The box comes second: clipping moves a pixel towards its clean value, which shrinks the norm, so both hold after it.

    Parameters
    ----------
    delta
        Perturbations, shape (n_items, ...).
    clean
        Clean images in [0, 1], same shape.
    radius
        L2 radii, shape (n_items,).
    """
    norm = delta.flatten(1).norm(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
    inside = delta * per_item((radius / norm).clamp_max(1.0), delta)
    return (clean + inside).clamp(0.0, 1.0) - clean


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """View (n_items,) values so that they broadcast over the remaining axes of `like`."""
    return values.to(like.dtype).view(-1, *[1] * (like.dim() - 1))


def _uniform_in_unit_ball(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(tuple(shape), generator=generator)
    share_inside: Tensor = torch.rand((), generator=generator) ** (1.0 / direction.numel())
    start: Tensor = direction / direction.norm() * share_inside
    return start
