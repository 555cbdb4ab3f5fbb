"""A gradient without its finest detail."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from closedloop.attacks.estimators.estimator import Draws, GradientEstimator
from closedloop.attacks.estimators.plain import Plain
from closedloop.attacks.objectives import ValueAndGradient, ValueOf


@dataclass(frozen=True)
class Blurred:
    """Another estimator's gradient after a Gaussian blur; its values stay.

    Attributes
    ----------
    fraction
        Standard deviation of the blur over the image's side.
    of
        Whose gradient.
    """

    fraction: float
    of: GradientEstimator = field(default_factory=Plain)

    def __post_init__(self) -> None:
        if not self.fraction > 0:
            raise ValueError(f"a blur needs a standard deviation above 0, found {self.fraction}")

    @property
    def n_gradients(self) -> int:
        """Those of the estimator within."""
        return self.of.n_gradients

    @property
    def comparable(self) -> bool:
        """As of the estimator within."""
        return self.of.comparable

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        """Return the value and the blurred gradient."""
        found = self.of.estimate(value_of, images, draws)
        rows, columns = (_kernel(side, self.fraction * side).to(found.gradient) for side in images.shape[-2:])
        return ValueAndGradient(found.value, rows @ found.gradient @ columns)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the value of the estimator within."""
        return self.of.value(value_of, images)


def _kernel(side: int, sd_px: float) -> Tensor:
    """Gaussian weights between pixels, (side, side), symmetric; the image is black beyond its border.

    Weights beyond 6 standard deviations are nothing: left in, most of them are denormal numbers in float32, with which
    a product took 20 times as long.
    """
    apart = np.abs(np.arange(side)[:, None] - np.arange(side))
    whole = np.exp(-0.5 * (np.arange(-side, side + 1) / sd_px) ** 2).sum()
    kernel = np.where(apart <= _REACH * sd_px, np.exp(-0.5 * (apart / sd_px) ** 2) / whole, 0)
    return torch.from_numpy(kernel)


_REACH = 6
