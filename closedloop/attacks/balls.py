"""How far an attack may go: a ball around the clean image, cut by the pixel box [0, 1].

Every function takes one radius an item, so that a batch may mix epsilons. `L2` is the paper's (section 2), `LInf` for
studies of defences, `Anywhere` for images that no clean one bounds. `radius_at` says what an epsilon stated at 224 px
is at another image size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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

    Examples
    --------
    >>> from closedloop.attacks import radius_at
    >>> radius_at(10.0, side_px=112)
    5.0
    """
    return epsilon * side_px / PAPER_SIDE_PX


def radius_of(ball: Ball, epsilon: float, side_px: float) -> float:
    """Return the radius of a ball at an image's side.

    Parameters
    ----------
    ball
        Which norm.
    epsilon
        Of `LInf` the largest change of a value in [0, 1]; else an L2 norm on a 224 x 224 x 3 image.
    side_px
        Side of the square image that is attacked, in pixels.

    Examples
    --------
    >>> from closedloop.attacks import L2, LInf
    >>> from closedloop.attacks.balls import radius_of
    >>> radius_of(L2(), 10.0, side_px=112), radius_of(LInf(), 0.1, side_px=112)
    (5.0, 0.1)
    """
    return epsilon if isinstance(ball, LInf) else radius_at(epsilon, side_px)


class Ball(Protocol):
    """The port every search uses: where to start, which way is up, how to come back into ball and box."""

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the ball, one generator an item.

        The draw is made on the CPU, so that it is the same on every device, and an item's draw does not depend on its
        neighbours in the batch.

        Parameters
        ----------
        radius
            Radii, shape (n_items,).
        shape
            Shape of one perturbation, for example (3, height, width).
        seeds
            One seed an item.

        Returns
        -------
        Tensor
            Perturbations, float32, shape (n_items, *shape), on the device of `radius`.
        """
        ...

    def ascent(self, gradient: Tensor) -> Tensor:
        """Direction of unit norm that raises a linear function of this gradient most; zero where the gradient is."""
        ...

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
        """Bring perturbations back into the ball, then into the box [0, 1].

        The box comes second: clipping moves a pixel towards its clean value, which shrinks the norm, so both hold
        after it.

        Parameters
        ----------
        delta
            Perturbations, shape (n_items, ...).
        clean
            Clean images in [0, 1], same shape.
        radius
            Radii, shape (n_items,).
        """
        ...


@dataclass(frozen=True)
class L2:
    """Perturbations of an L2 norm of at most the radius: the paper's ball.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import L2
    >>> clean, far = torch.full((1, 2), 0.5), torch.tensor([[3.0, 0.0]])
    >>> L2().project(far, clean=clean, radius=torch.tensor([0.25])).tolist()
    [[0.25, 0.0]]
    """

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the ball, (n_items, *shape), one generator an item.

        Parameters
        ----------
        radius, shape, seeds
            See `Ball.start`.
        """
        draws = torch.stack([_uniform_in_unit_ball(shape, seed) for seed in seeds])
        return draws.to(radius.device) * per_item(radius, draws)

    def ascent(self, gradient: Tensor) -> Tensor:
        """Each item's gradient with unit L2 norm; a gradient of exactly zero stays zero."""
        smallest = torch.finfo(gradient.dtype).tiny
        largest = gradient.flatten(1).abs().amax(1).clamp_min(smallest)
        scaled = gradient / per_item(largest, gradient)  # so that squares of tiny or huge gradients stay representable
        norm = scaled.flatten(1).norm(dim=1).clamp_min(smallest)
        return scaled / per_item(norm, gradient)

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
        """Shrink to the radius along the ray, then clip to the box.

        Parameters
        ----------
        delta, clean, radius
            See `Ball.project`.
        """
        norm = delta.flatten(1).norm(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
        return _in_box(delta * per_item((radius / norm).clamp_max(1.0), delta), clean)


@dataclass(frozen=True)
class LInf:
    """Perturbations that change no value by more than the radius.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import LInf
    >>> clean, far = torch.full((1, 2), 0.5), torch.tensor([[3.0, -0.125]])
    >>> LInf().project(far, clean=clean, radius=torch.tensor([0.25])).tolist()
    [[0.25, -0.125]]
    """

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the ball, (n_items, *shape), one generator an item.

        Parameters
        ----------
        radius, shape, seeds
            See `Ball.start`.
        """
        draws = torch.stack([_uniform_in_unit_cube(shape, seed) for seed in seeds])
        return draws.to(radius.device) * per_item(radius, draws)

    def ascent(self, gradient: Tensor) -> Tensor:
        """Sign of the gradient."""
        return gradient.sign()

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
        """Clip each value to the radius, then to the box.

        Parameters
        ----------
        delta, clean, radius
            See `Ball.project`.
        """
        bound = per_item(radius, delta)
        return _in_box(torch.minimum(torch.maximum(delta, -bound), bound), clean)


@dataclass(frozen=True)
class Anywhere:
    """No ball: perturbations of any size, cut by the box alone; the radius is the scale of steps and random starts.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Anywhere
    >>> clean, far = torch.full((1, 2), 0.5), torch.tensor([[3.0, 0.125]])
    >>> Anywhere().project(far, clean=clean, radius=torch.tensor([0.25])).tolist()
    [[0.5, 0.125]]
    """

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the L2 ball of the radius, (n_items, *shape), one generator an item.

        Parameters
        ----------
        radius, shape, seeds
            See `Ball.start`.
        """
        return L2().start(radius, shape=shape, seeds=seeds)

    def ascent(self, gradient: Tensor) -> Tensor:
        """Each item's gradient with unit L2 norm; a gradient of exactly zero stays zero."""
        return L2().ascent(gradient)

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:  # noqa: ARG002 - the port's
        """Clip to the box.

        Parameters
        ----------
        delta, clean, radius
            See `Ball.project`.
        """
        return _in_box(delta, clean)


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """View (n_items,) values so that they broadcast over the remaining axes of `like`."""
    return values.to(like.dtype).view(-1, *[1] * (like.dim() - 1))


def _in_box(delta: Tensor, clean: Tensor) -> Tensor:
    """Perturbations after the shown image was clipped to [0, 1]."""
    return (clean + delta).clamp(0.0, 1.0) - clean


def _uniform_in_unit_ball(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(tuple(shape), generator=generator)
    share_inside: Tensor = torch.rand((), generator=generator) ** (1.0 / direction.numel())
    start: Tensor = direction / direction.norm() * share_inside
    return start


def _uniform_in_unit_cube(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(tuple(shape), generator=generator) - 1
