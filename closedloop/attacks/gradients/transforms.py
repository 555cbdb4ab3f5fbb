"""Small random changes of an image that a cortex would hardly notice, differentiable, one draw an item.

Sizes are fractions of the image's side, so that they mean the same at 32 and at 224 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.gradients.numbers import Numbers


class Transform(Protocol):
    """A random change of images."""

    def __call__(self, images: Tensor, numbers: Numbers) -> Tensor:
        """Change each image by a draw of its own.

        Parameters
        ----------
        images
            Shape (n_items, 3, height, width).
        numbers
            Where the draws come from.

        Returns
        -------
        Tensor
            Same shape; its values may leave [0, 1].
        """
        ...


@dataclass(frozen=True)
class Shift:
    """Move the image by up to a fraction of its side along each axis, reflected at the border.

    Attributes
    ----------
    fraction
        Largest shift over the side; the draw is uniform over the square.
    whole_pixels
        Whether a shift is rounded to pixels; in between, neighbours are mixed, which blurs.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Shift
    >>> from closedloop.attacks.gradients.numbers import Numbers
    >>> Shift(0.25)(torch.rand(2, 3, 8, 8), Numbers(seeds=(1, 2), samples=(0, 0))).shape
    torch.Size([2, 3, 8, 8])
    """

    fraction: float
    whole_pixels: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(f"a shift needs a fraction between 0 and 1 of the side, found {self.fraction}")

    def __call__(self, images: Tensor, numbers: Numbers) -> Tensor:
        """Shift each image."""
        sides = np.array(images.shape[-2:])
        most = self.fraction * sides
        if self.whole_pixels:
            # uniform over the 2 k + 1 whole shifts
            most = np.floor(most + 0.5)
            shift = np.floor(numbers.spread(2) * (2 * most + 1)) - most
        else:
            shift = (2 * numbers.spread(2) - 1) * most
        rows, columns = (np.arange(side) + by[:, None] for side, by in zip(sides, shift.T, strict=True))
        return _resample(images, rows, columns)


@dataclass(frozen=True)
class Scale:
    """Zoom about the centre, reflected at the border.

    Attributes
    ----------
    fraction
        Largest change of the size; the factor is uniform between 1 - fraction and 1 + fraction.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Scale
    >>> from closedloop.attacks.gradients.numbers import Numbers
    >>> Scale(0.1)(torch.rand(2, 3, 8, 8), Numbers(seeds=(1, 2), samples=(0, 0))).shape
    torch.Size([2, 3, 8, 8])
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(f"a zoom needs a fraction between 0 and 1, found {self.fraction}")

    def __call__(self, images: Tensor, numbers: Numbers) -> Tensor:
        """Zoom each image."""
        factor = 1 + (2 * numbers.spread(1) - 1) * self.fraction
        rows, columns = ((np.arange(side) - (side - 1) / 2) / factor + (side - 1) / 2 for side in images.shape[-2:])
        return _resample(images, rows, columns)


@dataclass(frozen=True)
class Noise:
    """Add white Gaussian noise.

    Attributes
    ----------
    sd
        Standard deviation in [0, 1] pixel units.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Noise
    >>> from closedloop.attacks.gradients.numbers import Numbers
    >>> Noise(0.05)(torch.rand(2, 3, 8, 8), Numbers(seeds=(1, 2), samples=(0, 0))).shape
    torch.Size([2, 3, 8, 8])
    """

    sd: float

    def __post_init__(self) -> None:
        if not self.sd > 0:
            raise ValueError(f"noise needs a standard deviation above 0, found {self.sd}")

    def __call__(self, images: Tensor, numbers: Numbers) -> Tensor:
        """Add noise to each image."""
        return images + self.sd * numbers.normal(images.shape[1:], like=images)


def _resample(images: Tensor, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Tensor:
    """Read images at other places, linearly between pixels.

    Two products with matrices that hold a pixel's weights: exact where all places are whole, and their gradient is the
    transposed product, the same on every device and in every batch.

    Parameters
    ----------
    rows, columns
        Where each output row and column is read, in pixels, shape (n_items, side).
    """
    n, n_colours = images.shape[:2]
    over_rows, over_columns = (
        _weights(places).to(images).repeat_interleave(n_colours, 0) for places in (rows, columns)
    )
    planes = images.reshape(n * n_colours, *images.shape[2:])
    read: Tensor = over_rows @ planes @ over_columns.transpose(1, 2)
    return read.view(images.shape)


def _weights(places: NDArray[np.float64]) -> Tensor:
    """Weight of each pixel at each place, (n_items, n_places, n_pixels); reflected at the centres of the border."""
    last = places.shape[1] - 1
    inside = np.abs((places + last) % (2 * last) - last) if last else np.zeros_like(places)
    return torch.from_numpy(np.maximum(0, 1 - np.abs(inside[..., None] - np.arange(last + 1))))
