"""What changed images are, from the bytes that will be shown: how far, where, how bright, how contrasted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.lattice.grid import GREY_LEVELS
from closedloop.attacks.lattice.norms import realised_epsilon, realised_norm

_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in brightness (ITU-R BT.709)."""

Pixels = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class PixelAudit:
    """One number an image for each of what was asked; a value is one colour of one pixel.

    Brightness is the weighted sum of a pixel's colours in [0, 1] pixel units, before the display's gamma; contrast is
    its root mean square deviation from its mean over the image (RMS contrast).

    Attributes
    ----------
    realised_epsilon
        L2 norm of the change in the units of a 224 x 224 x 3 image.
    realised_norm
        The same at this image's size.
    n_changed
        Values that differ from the clean image's.
    n_clipped
        Values at the darkest or brightest level that were not there in the clean image.
    largest_change
        Largest change of a value, levels.
    luminance_clean, luminance_shift
        Mean brightness of the clean image, and how much brighter the changed one is.
    contrast_clean, contrast_shift
        RMS contrast of the clean image, and how much larger the changed one's is.
    """

    realised_epsilon: NDArray[np.float64]
    realised_norm: NDArray[np.float64]
    n_changed: NDArray[np.int64]
    n_clipped: NDArray[np.int64]
    largest_change: NDArray[np.int64]
    luminance_clean: NDArray[np.float64]
    luminance_shift: NDArray[np.float64]
    contrast_clean: NDArray[np.float64]
    contrast_shift: NDArray[np.float64]

    @property
    def luminance_shift_relative(self) -> NDArray[np.float64]:
        """Shift of the mean brightness over that of the clean image; NaN where that is black."""
        return _over(self.luminance_shift, self.luminance_clean)

    @property
    def contrast_shift_relative(self) -> NDArray[np.float64]:
        """Shift of the contrast over that of the clean image; NaN where that has none."""
        return _over(self.contrast_shift, self.contrast_clean)


def audit_pixels(clean: Pixels, shown: Pixels, *, levels: int = GREY_LEVELS) -> PixelAudit:
    """Compare images with the clean ones they were made from.

    Parameters
    ----------
    clean, shown
        Images in whole levels, shape (n_images, height, width, 3), one clean image for each shown.
    levels
        Lattice steps between 0 and 1.
    """
    if clean.shape != shown.shape or clean.dtype != shown.dtype:
        raise ValueError(f"expected one clean image for each shown, found {clean.dtype} {clean.shape}, {shown.shape}")
    rows = [_of_image(before, after, levels) for before, after in zip(clean, shown, strict=True)]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), _N_OF_IMAGE).T
    n_changed, n_clipped, largest, *brightness = columns
    return PixelAudit(
        realised_epsilon(clean, shown, levels=levels),
        realised_norm(clean, shown, levels=levels),
        n_changed.astype(np.int64),
        n_clipped.astype(np.int64),
        largest.astype(np.int64),
        *brightness,
    )


_N_OF_IMAGE = 7


def _of_image(clean: Pixels, shown: Pixels, levels: int) -> tuple[float, ...]:
    change = shown.astype(np.int64) - clean
    at_edge = ((shown == 0) | (shown == levels)) & (change != 0)
    before, after = _brightness(clean, levels), _brightness(shown, levels)
    contrast = before.std()
    return (
        np.count_nonzero(change),
        np.count_nonzero(at_edge),
        np.abs(change).max(initial=0),
        before.mean(),
        after.mean() - before.mean(),
        contrast,
        after.std() - contrast,
    )


def _brightness(image: Pixels, levels: int) -> NDArray[np.float64]:
    return image.astype(np.float64) @ _LUMA / levels


def _over(shift: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(shift, of, out=np.full_like(shift, np.nan), where=of > 0)
