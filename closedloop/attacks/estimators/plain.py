"""The model's own gradient."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from closedloop.attacks.estimators.estimator import Draws
from closedloop.attacks.objectives import ValueAndGradient, ValueOf, value_and_gradient


@dataclass(frozen=True)
class Plain:
    """The gradient at the image, no randomness."""

    @property
    def n_gradients(self) -> int:
        """One."""
        return 1

    @property
    def comparable(self) -> bool:
        """Always."""
        return True

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:  # noqa: ARG002 - the port's
        """Return the value and gradient at the images."""
        return value_and_gradient(value_of, images)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the value at the images."""
        return value_of(images)
