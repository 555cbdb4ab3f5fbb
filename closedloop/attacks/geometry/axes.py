"""The two directions that a model names at an image of bytes: its gradient's, and where its surface bends most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.balls import PAPER_SIDE_PX, radius_at
from closedloop.attacks.geometry.principal import principal_directions
from closedloop.attacks.geometry.responses import ResponseOf, unit, without
from closedloop.models.site_model import device_of, images_to_tensor

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PlaneAxes:
    """Directions of length 1 at right angles, a plane an image, and what the model says of them.

    Attributes
    ----------
    gradient
        Where the response rises most, (n, side, side, 3).
    principal
        Along which the surface of equal response bends most, either way, (n, side, side, 3).
    steepness
        Change of the response for a unit of epsilon along the gradient, (n,).
    curvature
        Along the principal direction, at the scale asked for, per unit of epsilon, (n,); NaN without a gradient.
    """

    gradient: Floats
    principal: Floats
    steepness: NDArray[np.float64]
    curvature: NDArray[np.float64]


def plane_axes(
    model: nn.Module, images: NDArray[np.uint8], outputs: Sequence[int], *, scale: float, seeds: Sequence[int]
) -> PlaneAxes:
    """Return the axes of a plane through each image.

    Parameters
    ----------
    model
        Images (n, 3, side, side) in [0, 1] to responses (n, n_outputs), in ``eval`` mode.
    images
        uint8, (n, side, side, 3).
    outputs
        Whose plane it is, one an image.
    scale
        Of the curvature, L2 norm on a 224 x 224 x 3 image.
    seeds
        Where the iteration begins, one an image. An image without any gradient gets random directions.
    """
    device, side_px = device_of(model), images.shape[1]
    at = images_to_tensor(images, device=device)
    response = ResponseOf(model, torch.tensor(list(outputs), device=device))
    found = principal_directions(response, at, n=1, h=radius_at(scale, side_px), seeds=seeds)
    principal = found.directions[:, 0]
    rising = torch.where(_has_any(found.steepness), found.normal, _random_beside(principal, seeds))
    per_epsilon = side_px / PAPER_SIDE_PX
    return PlaneAxes(
        _as_images(rising),
        _as_images(principal),
        found.steepness.double().cpu().numpy() * per_epsilon,
        found.curvature[:, 0].double().cpu().numpy() * per_epsilon,
    )


def _has_any(steepness: Tensor) -> Tensor:
    return (steepness > 0)[:, None, None, None]


def _random_beside(principal: Tensor, seeds: Sequence[int]) -> Tensor:
    shape = principal.shape[1:]
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1)) for seed in seeds]
    return unit(without(torch.stack(drawn).to(principal), principal))


def _as_images(directions: Tensor) -> Floats:
    return np.ascontiguousarray(directions.permute(0, 2, 3, 1).float().cpu().numpy())
