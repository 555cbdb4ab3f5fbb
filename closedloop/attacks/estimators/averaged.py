"""The gradient averaged over small random changes of the image (Athalye et al. 2018, expectation over transformation).

The model's own optimum is not the cortex's. What stays when the image is shifted or noised a little is likelier to be
shared by both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from closedloop.attacks.estimators.estimator import Draws
from closedloop.attacks.estimators.numbers import Numbers
from closedloop.attacks.estimators.transforms import Transform
from closedloop.attacks.objectives import ValueAndGradient, ValueOf, value_and_gradient


@dataclass(frozen=True)
class Averaged:
    """Mean of values and gradients over samples, each of which goes through all transforms in turn.

    Attributes
    ----------
    transforms
        Random changes of the image, in the order in which they are applied.
    samples
        Gradients an estimate costs. With one, a search averages over its steps.
    judged_by
        Samples of the value that the last candidates are compared by, the same ones for each; they cost no gradient.
    """

    transforms: tuple[Transform, ...]
    samples: int = 1
    judged_by: int = 16

    def __post_init__(self) -> None:
        if min(self.samples, self.judged_by) < 1:
            raise ValueError(f"an average needs at least one sample, found {self}")

    @property
    def n_gradients(self) -> int:
        """One a sample."""
        return self.samples

    @property
    def comparable(self) -> bool:
        """Without a transform: else each step has draws of its own."""
        return not self.transforms

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        """Return the mean value and gradient over the samples of this step."""
        found = [
            value_and_gradient(partial(self._value_of_sample, value_of, draws.seeds, numbers), images)
            for numbers in self._samples(draws)
        ]
        if len(found) == 1:
            return found[0]
        value, gradient = (torch.stack(parts).mean(dim=0) for parts in zip(*found, strict=True))
        return ValueAndGradient(value, gradient)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the mean value over samples that are the same at every call."""
        if not self.transforms:
            return value_of(images)
        n = len(images)
        values = [self._value_of_sample(value_of, (0,) * n, (one,) * n, images) for one in range(self.judged_by)]
        return torch.stack(values).mean(dim=0)

    def _samples(self, draws: Draws) -> Iterator[tuple[int, ...]]:
        """Count the samples of each item over all its steps."""
        for sample in range(self.samples):
            yield tuple(step * self.samples + sample for step in draws.steps)

    def _value_of_sample(
        self, value_of: ValueOf, seeds: tuple[int, ...], samples: tuple[int, ...], images: Tensor
    ) -> Tensor:
        for stream, transform in enumerate(self.transforms):
            images = transform(images, Numbers(seeds, samples, stream))
        return value_of(images)
