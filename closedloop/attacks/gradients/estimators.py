"""Which gradient a search follows: the model's own, or one that the cortex is likelier to share.

`Plain` is the model's own gradient at the image; `Averaged` the mean over samples of a randomly changed image
(`transforms`); `Blurred` any of them without its finest detail; `SoftRelu` any of them past rectifiers without a kink;
`Ensemble` several models as one. A new one is a class with the port's four members.

The model's own optimum is not the cortex's. What stays when the image is shifted or noised a little, or what moves
several models at once, is likelier to be shared by both.

Sources: Athalye et al. 2018 (expectation over transformation); Liu et al. 2017 (ensembles); Xie et al. 2020 (a smooth
rectifier on the way back).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from closedloop.attacks.gradients.numbers import Numbers
from closedloop.attacks.gradients.transforms import Transform
from closedloop.attacks.objectives import ValueAndGradient, ValueOf, value_and_gradient
from closedloop.models.way_back.member_gradients import images_of_member
from closedloop.models.way_back.rectifiers import softened


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


@dataclass(frozen=True)
class Plain:
    """The gradient at the image, no randomness.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Plain
    >>> from closedloop.attacks.gradients.estimators import Draws
    >>> images = torch.full((2, 3, 8, 8), 0.5)
    >>> def brightness(images):
    ...     return images.mean(dim=(1, 2, 3))
    >>> value, gradient = Plain().estimate(brightness, images, Draws(seeds=(1, 2), steps=(0, 0)))
    >>> value.tolist(), gradient.shape
    ([0.5, 0.5], torch.Size([2, 3, 8, 8]))
    """

    @property
    def n_gradients(self) -> int:
        """One."""
        return 1

    @property
    def comparable(self) -> bool:
        """Always."""
        return True

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:  # noqa: ARG002 - the port's
        """Return the value and gradient at the images.

        Parameters
        ----------
        value_of, images, draws
            See `GradientEstimator.estimate`.
        """
        return value_and_gradient(value_of, images)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the value at the images."""
        return value_of(images)


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

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Averaged, Shift
    >>> from closedloop.attacks.gradients.estimators import Draws
    >>> images = torch.full((2, 3, 8, 8), 0.5)
    >>> def brightness(images):
    ...     return images.mean(dim=(1, 2, 3))
    >>> shifted = Averaged((Shift(0.25),), samples=2)
    >>> value, gradient = shifted.estimate(brightness, images, Draws(seeds=(1, 2), steps=(0, 0)))
    >>> value.tolist(), gradient.shape
    ([0.5, 0.5], torch.Size([2, 3, 8, 8]))
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
        """Return the mean value and gradient over the samples of this step.

        Parameters
        ----------
        value_of, images, draws
            See `GradientEstimator.estimate`.
        """
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


@dataclass(frozen=True)
class Blurred:
    """Another estimator's gradient after a Gaussian blur; its values stay.

    Attributes
    ----------
    fraction
        Standard deviation of the blur over the image's side.
    of
        Whose gradient.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Blurred
    >>> from closedloop.attacks.gradients.estimators import Draws
    >>> images = torch.full((2, 3, 8, 8), 0.5)
    >>> def brightness(images):
    ...     return images.mean(dim=(1, 2, 3))
    >>> value, gradient = Blurred(0.1).estimate(brightness, images, Draws(seeds=(1, 2), steps=(0, 0)))
    >>> value.tolist(), gradient.shape
    ([0.5, 0.5], torch.Size([2, 3, 8, 8]))
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
        """Return the value and the blurred gradient.

        Parameters
        ----------
        value_of, images, draws
            See `GradientEstimator.estimate`.
        """
        found = self.of.estimate(value_of, images, draws)
        rows, columns = (_kernel(side, self.fraction * side).to(found.gradient) for side in images.shape[-2:])
        return ValueAndGradient(found.value, rows @ found.gradient @ columns)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the value of the estimator within."""
        return self.of.value(value_of, images)


@dataclass(frozen=True)
class SoftRelu:
    """Another estimator's gradient with rectifiers soft on the way back; its values stay.

    A rectifier's derivative becomes ``sigmoid(slope x / SD)``, where x goes into it and SD is x's standard deviation
    over the image's map; below 0 a leaky one keeps its leak. Rectifiers of `closedloop.models` take part, and every
    ``nn.ReLU`` and ``nn.LeakyReLU`` of a model that `freeze_for_attack` prepared; other activations keep their own
    derivative.

    Attributes
    ----------
    slope
        How steep; 3 was best of those tried, and the larger, the nearer to the model's own gradient.
    of
        Whose gradient.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import SoftRelu
    >>> from closedloop.attacks.gradients.estimators import Draws
    >>> from closedloop.models.way_back.rectifiers import rectify
    >>> images = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2)
    >>> def rectified(images):
    ...     return rectify(images.clone()).sum(dim=(1, 2, 3))
    >>> value, gradient = SoftRelu(3.0).estimate(rectified, images, Draws(seeds=(1,), steps=(0,)))
    >>> value.tolist(), [round(one, 3) for one in gradient.flatten().tolist()]
    ([1.0], [0.047, 0.953])
    """

    slope: float
    of: GradientEstimator = field(default_factory=Plain)

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"a soft rectifier needs a slope above 0, found {self.slope}")

    @property
    def n_gradients(self) -> int:
        """Those of the estimator within."""
        return self.of.n_gradients

    @property
    def comparable(self) -> bool:
        """As of the estimator within."""
        return self.of.comparable

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        """Return the value and the gradient past soft rectifiers.

        Parameters
        ----------
        value_of, images, draws
            See `GradientEstimator.estimate`.
        """
        with softened(self.slope):
            return self.of.estimate(value_of, images, draws)

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


class Ensemble(nn.Module):
    """The mean of some models' responses, whose gradient is the mean of theirs; one gradient costs one of each.

    Site models answer in z-scores, so that each counts alike.

    Attributes
    ----------
    models
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), the same outputs in each.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Ensemble
    >>> double, triple = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    >>> double.weight.data[:], triple.weight.data[:] = 2.0, 3.0
    >>> Ensemble([double, triple])(torch.ones(1, 1)).item()
    2.5
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        if not len(self.models):
            raise ValueError("an ensemble needs at least one model, found none")

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean responses, (n, n_outputs)."""
        return torch.stack([model(images_of_member(images)) for model in self.models]).mean(dim=0)


_REACH = 6
