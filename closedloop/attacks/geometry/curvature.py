"""How a surface of equal response bends along a direction, at a stated scale.

``kappa_h = -w . (g(x + h w) - g(x - h w)) / (2 h |g(x)|)``, where g is the gradient and w a direction of length 1 along
the surface. As h goes to 0 it is ``-w' H w / |g|``, the normal curvature of the surface. Its sign: the surface is
``u = kappa v^2 / 2`` with u along the gradient and v along w, so a positive one bends forwards along the gradient. Of
``r = |x|`` it is -1 / R, of ``r = -|x|`` it is 1 / R, of a linear response 0.

Why at a scale: a rectifier's second derivative is 0 wherever it exists, so a network of rectifiers has curvature 0
everywhere by automatic differentiation, and bends all the same, at its kinks. The difference of gradients sees the
kinks within h; a smooth stand-in for the rectifier gives whatever its sharpness makes of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from closedloop.attacks.geometry.responses import ResponseOf, inner, length_of


def gradient_change(response: ResponseOf, images: Tensor, directions: Tensor, *, h: float) -> Tensor:
    """Return by how much gradients change along directions, per unit of length: ``(g(x + h w) - g(x - h w)) / 2 h``.

    Parameters
    ----------
    response
        Whose.
    images
        (n, 3, height, width).
    directions
        Of length 1, (n, k, 3, height, width).
    h
        Distance to either side, in pixel units in [0, 1] at this image size.

    Returns
    -------
    Tensor
        The Hessian times the direction, at the scale h, of the directions' shape.
    """
    at = images[:, None]
    both = torch.cat([at + h * directions, at - h * directions], dim=1)
    ahead, behind = response.at(both).gradient.chunk(2, dim=1)
    return (ahead - behind) / (2 * h)


def curvature(response: ResponseOf, images: Tensor, directions: Tensor, *, h: float) -> Tensor:
    """Return the curvature of surfaces of equal response along directions, at the scale h.

    Parameters
    ----------
    response
        Whose.
    images
        (n, 3, height, width).
    directions
        Of length 1, along the surface, (n, k, 3, height, width).
    h
        The scale, in pixel units in [0, 1] at this image size.

    Returns
    -------
    Tensor
        (n, k), in 1 / (unit of h); NaN where the gradient is zero, as there is no surface.

    Examples
    --------
    The response ``|x|`` at distance 2 from the origin, across the gradient:

    >>> import torch
    >>> class Norm(torch.nn.Module):
    ...     def forward(self, images):
    ...         return images.flatten(1).norm(dim=1, keepdim=True)
    >>> x = torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    >>> w = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).view(1, 1, 3, 1, 1)
    >>> round(curvature(ResponseOf(Norm(), torch.tensor([0])), x, w, h=0.001).item(), 5)
    -0.5
    """
    steepness = length_of(response.at(images).gradient)
    second = inner(directions, gradient_change(response, images, directions, h=h))
    return _over(-second, steepness)


def _over(values: Tensor, steepness: Tensor) -> Tensor:
    return torch.where(steepness > 0, 1 / steepness, torch.nan)[:, None] * values
