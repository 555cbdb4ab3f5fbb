"""Codes of images: a few numbers an image, from principal components of natural images or from slow cosines.

An image is a mean image and a sum of components; a code has a number a component, in the SD that natural images have
along it. So a search of one step size walks as far along each as natural images differ there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ImageBytes = NDArray[np.uint8]

_WHITE = 255.0
_LEAST_SD = 1e-6
"""Of a component along which natural images do not differ: pixel values in [0, 1]."""


@dataclass(frozen=True)
class ImageCode:
    """A code of images.

    Attributes
    ----------
    mean
        The mean natural image, pixel values in [0, 1], float32, (side, side, 3).
    components
        Orthonormal images, float32, (n_components, side, side, 3).
    scale
        SD of natural images along each, float32, (n_components,).
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    scale: NDArray[np.float32]

    def encode(self, images: ImageBytes) -> Floats:
        """Return the codes of images, (n_images, n_components); what no component carries is left out."""
        pixels = images.reshape(len(images), -1) / _WHITE - self.mean.ravel().astype(np.float64)
        along: Floats = pixels @ self.components.reshape(len(self.components), -1).T.astype(np.float64)
        return along / self.scale

    def decode(self, codes: Floats) -> ImageBytes:
        """Return the images of codes as bytes, cut off at black and white, (n_images, side, side, 3)."""
        flat = self.components.reshape(len(self.components), -1).astype(np.float64)
        pixels = self.mean.ravel() + (np.atleast_2d(codes) * self.scale) @ flat
        return np.rint(np.clip(pixels, 0, 1) * _WHITE).astype(np.uint8).reshape(-1, *self.mean.shape)


def principal_code(images: ImageBytes, n_components: int) -> ImageCode:
    """Return the code of the first principal components of natural images.

    Parameters
    ----------
    images
        uint8, (n_images, side, side, 3).
    n_components
        Wanted; of n images there are n - 1 at most.

    Raises
    ------
    ValueError
        Fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"principal components need two images, found {len(images)}")
    pixels = images.reshape(len(images), -1) / _WHITE
    mean = pixels.mean(axis=0)
    centred = pixels - mean
    _, vectors = np.linalg.eigh(centred @ centred.T)  # between images: there are fewer of them than pixels
    of_images = vectors[:, ::-1][:, : min(n_components, len(images) - 1)]
    components = of_images.T @ centred
    components /= np.maximum(np.linalg.norm(components, axis=1, keepdims=True), _LEAST_SD)
    return _scaled(mean, components, centred, images.shape[1:])


def cosine_code(images: ImageBytes, n_components: int) -> ImageCode:
    """Return the code of the slowest cosines (the type-II discrete cosine transform's), each colour by itself.

    Parameters
    ----------
    images
        uint8, (n_images, side, side, 3), square: mean and SD along each cosine are theirs.
    n_components
        Wanted, from the slowest on.
    """
    side = images.shape[1]
    pixels = images.reshape(len(images), -1) / _WHITE
    mean = pixels.mean(axis=0)
    waves = _waves(side)
    down, across = np.divmod(np.arange(side * side), side)
    slowest = np.argsort(down**2 + across**2, kind="stable")
    components = np.zeros((min(n_components, 3 * side * side), side, side, 3))
    for place, component in enumerate(components):
        wave = slowest[place // 3]
        component[..., place % 3] = np.outer(waves[down[wave]], waves[across[wave]])
    return _scaled(mean, components.reshape(len(components), -1), pixels - mean, images.shape[1:])


def _waves(side: int) -> Floats:
    """Return orthonormal cosines of a line of pixels, slowest first, (side, side)."""
    places = (np.arange(side) + 0.5) * np.pi / side
    waves = np.cos(np.outer(np.arange(side), places)) * np.sqrt(2 / side)
    waves[0] = np.sqrt(1 / side)
    return np.asarray(waves)


def _scaled(mean: Floats, components: Floats, centred: Floats, shape: tuple[int, ...]) -> ImageCode:
    scale = np.maximum((centred @ components.T).std(axis=0), _LEAST_SD)
    return ImageCode(
        mean.reshape(shape).astype(np.float32),
        components.reshape(-1, *shape).astype(np.float32),
        scale.astype(np.float32),
    )
