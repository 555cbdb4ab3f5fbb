"""One output of a model at each image of a batch, with its gradient; and vectors of images, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from closedloop.attacks.objectives import ValueAndGradient, response_of, value_and_gradient


@dataclass(frozen=True)
class ResponseOf:
    """A response of a model, another one for each row of a batch.

    Attributes
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), in ``eval`` mode.
    outputs
        Output of each row, int64, (n,).

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2, bias=False))
    >>> model[1].weight.data = torch.tensor([[1.0, 2.0, 2.0], [0.0, 1.0, 0.0]])
    >>> found = ResponseOf(model, torch.tensor([0])).at(torch.ones(1, 3, 1, 1))
    >>> found.value.tolist(), found.gradient.flatten().tolist()
    ([5.0], [1.0, 2.0, 2.0])
    """

    model: nn.Module
    outputs: Tensor

    def at(self, images: Tensor) -> ValueAndGradient:
        """Return values and gradients.

        Parameters
        ----------
        images
            (n, 3, height, width) or, for several images of each row, (n, k, 3, height, width).

        Returns
        -------
        ValueAndGradient
            Shapes (n,) or (n, k), and that of the images.
        """
        flat, outputs = self._rows(images)
        found = value_and_gradient(lambda some: response_of(self.model(some), outputs), flat)
        shape = images.shape[:-3]
        return ValueAndGradient(found.value.reshape(shape), found.gradient.reshape(images.shape))

    def value(self, images: Tensor) -> Tensor:
        """Return values alone, of images as `at` takes them."""
        flat, outputs = self._rows(images)
        with torch.no_grad():
            return response_of(self.model(flat), outputs).reshape(images.shape[:-3])

    def _rows(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if images.ndim == _ONE_EACH:
            return images, self.outputs
        n_each = images.shape[1]
        return images.flatten(0, 1), self.outputs.repeat_interleave(n_each)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of images, (...), of shape (..., 3, height, width) each."""
    return (a * b).sum(dim=(-3, -2, -1))


def length_of(a: Tensor) -> Tensor:
    """Return the L2 norm of images, (...)."""
    return inner(a, a).sqrt()


def unit(a: Tensor) -> Tensor:
    """Return images of length 1; those of zeros are NaN, as they point nowhere."""
    return a / length_of(a)[..., None, None, None]


def without(a: Tensor, direction: Tensor) -> Tensor:
    """Return what of images is at right angles to a direction of length 1."""
    return a - inner(a, direction)[..., None, None, None] * direction


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between images, (...); NaN where one is zero."""
    return inner(a, b) / (length_of(a) * length_of(b))


_ONE_EACH = 4  # dimensions of a batch with one image a row
