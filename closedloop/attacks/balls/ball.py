"""The port of a ball, and what all balls share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Ball(Protocol):
    """A norm with a radius an item, inside the pixel box [0, 1]."""

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


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """View (n_items,) values so that they broadcast over the remaining axes of `like`."""
    return values.to(like.dtype).view(-1, *[1] * (like.dim() - 1))


def in_box(delta: Tensor, clean: Tensor) -> Tensor:
    """Perturbations after the shown image was clipped to [0, 1]."""
    return (clean + delta).clamp(0.0, 1.0) - clean
