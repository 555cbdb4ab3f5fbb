"""Directions of the two model-free controls of the paper's Figure 5; their norm is set where the budget is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def gaussian_direction(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Return white Gaussian noise of unit variance a pixel, float32, of the image's shape.

    Examples
    --------
    >>> gaussian_direction((32, 32, 3), seed=1).shape
    (32, 32, 3)
    """
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def interpolation_direction(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the straight line from an image towards one of another category.

    Returns
    -------
    NDArray
        In [0, 1] pixel units, float32, (side, side, 3).

    Raises
    ------
    ValueError
        The shapes differ, or the two images are the same, so that there is no line.

    Examples
    --------
    >>> import numpy as np
    >>> black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    >>> float(interpolation_direction(black, white).min())
    1.0
    """
    if image.shape != other.shape:
        raise ValueError(f"interpolation needs images of one shape, found {image.shape} and {other.shape}")
    direction = (other.astype(np.float32) - image.astype(np.float32)) / np.float32(255)
    if not direction.any():
        raise ValueError("interpolation needs two different images")
    return direction
