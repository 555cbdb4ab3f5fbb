"""Walks along a surface of equal response: small steps at right angles to the gradient, each set right by Newton."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.geometry.responses import ResponseOf, inner, length_of, unit, without

N_STEPS = 40
_CORRECTIONS = 2


@dataclass(frozen=True)
class SurfaceWalk:
    """What walks came to.

    Attributes
    ----------
    ends
        Last images, (n, 3, height, width); they may leave [0, 1].
    responses
        At the start and after each step, (n, n_steps + 1).
    straight
        The same on a straight line of the same length in the first direction, (n, n_steps + 1).
    apart
        How far the end lies from the start, pixel units, (n,): less than the walk is long where it turned.
    """

    ends: Tensor
    responses: Tensor
    straight: Tensor
    apart: Tensor


def walk_along(
    response: ResponseOf, images: Tensor, directions: Tensor, *, length: float, n_steps: int = N_STEPS
) -> SurfaceWalk:
    """Walk from each image in a direction while its response stays what it is.

    Each step goes on in the direction of the one before, as far as it is at right angles to the gradient where it
    starts; then Newton's steps along the gradient bring the response back.

    Parameters
    ----------
    response
        Which stays.
    images
        Where to start, (n, 3, height, width).
    directions
        Where to, (n, 3, height, width); of length 1.
    length
        Of the walk, in pixel units in [0, 1] at this image size.
    n_steps
        In how many steps.

    Examples
    --------
    Round a quarter of a circle, on which ``|x|`` stays 1:

    >>> import torch
    >>> class Norm(torch.nn.Module):
    ...     def forward(self, images):
    ...         return images.flatten(1).norm(dim=1, keepdim=True)
    >>> start = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    >>> along = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    >>> walk = walk_along(ResponseOf(Norm(), torch.tensor([0])), start, along, length=torch.pi / 2)
    >>> [round(one, 2) for one in walk.ends.flatten().tolist()], round(walk.straight[0, -1].item(), 2)
    ([0.0, 1.0, 0.0], 1.86)
    """
    step = length / n_steps
    first = response.at(images)
    here, gradient, heading, seen = images, first.gradient, directions, [first.value]
    for _ in range(n_steps):
        heading = unit(without(heading, unit(gradient)))
        here = here + step * heading
        for _ in range(_CORRECTIONS):
            found = response.at(here)
            here = here + _back(first.value - found.value, found.gradient)
        found = response.at(here)
        gradient = found.gradient
        seen.append(found.value)
    return SurfaceWalk(
        here, torch.stack(seen, dim=1), _straight(response, images, directions, step, n_steps), length_of(here - images)
    )


def _back(missing: Tensor, gradient: Tensor) -> Tensor:
    """Return Newton's step along the gradient; none where there is no gradient."""
    square = inner(gradient, gradient)
    share = torch.where(square > 0, missing / torch.where(square > 0, square, 1.0), 0.0)
    return share[:, None, None, None] * gradient


def _straight(response: ResponseOf, images: Tensor, directions: Tensor, step: float, n_steps: int) -> Tensor:
    lengths = step * torch.arange(n_steps + 1, dtype=images.dtype, device=images.device)
    line = images[:, None] + lengths[None, :, None, None, None] * directions[:, None]
    return response.value(line)
