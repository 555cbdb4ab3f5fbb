"""Directions of the two model-free controls of the paper's Figure 5; their norm is set where the budget is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def gaussian_direction(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Return white Gaussian noise of unit variance a pixel, float32, of the image's shape."""
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
    """
    if image.shape != other.shape:
        raise ValueError(f"interpolation needs images of one shape, found {image.shape} and {other.shape}")
    direction = (other.astype(np.float32) - image.astype(np.float32)) / np.float32(255)
    if not direction.any():
        raise ValueError("interpolation needs two different images")
    return direction
