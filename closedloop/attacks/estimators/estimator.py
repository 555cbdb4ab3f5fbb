"""The port of a gradient estimator."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from closedloop.attacks.objectives import ValueAndGradient, ValueOf


class Draws(NamedTuple):
    """What an item's random numbers derive from: never its place in the batch.

    Attributes
    ----------
    seeds
        Seed of each item.
    steps
        How many gradients each item has taken before.
    """

    seeds: tuple[int, ...]
    steps: tuple[int, ...]


class GradientEstimator(Protocol):
    """A rule to estimate values and gradients of a batch of items, each by itself."""

    @property
    def n_gradients(self) -> int:
        """Gradients of a model that one estimate costs."""
        ...

    @property
    def comparable(self) -> bool:
        """Whether the values of two steps tell which image is better: not where each step has draws of its own."""
        ...

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        """Estimate each item's value and gradient at its image.

        Parameters
        ----------
        value_of
            The items' objective, of any images of the same shape; a changed image may leave [0, 1] a little.
        images
            Images in [0, 1], shape (n_items, 3, height, width).
        draws
            Where random numbers come from.
        """
        ...

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Estimate the values alone, (n_items,), by the same draws whenever it is asked.

        By it a search chooses between its last candidates, starts and radii.
        """
        ...
