"""What changed images are, from the bytes that will be shown: how far, where, how bright, how contrasted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.lattice.grid import GREY_LEVELS
from closedloop.attacks.lattice.norms import realised_epsilon, realised_norm

_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in brightness (ITU-R BT.709)."""

Pixels = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class PerturbationAudit:
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


def audit_pixels(pairs: Iterable[tuple[Pixels, Pixels]], *, levels: int = GREY_LEVELS) -> PerturbationAudit:
    """Compare images with the clean ones they were made from, one by one.

    Parameters
    ----------
    pairs
        A clean image and the one shown in its place, in whole levels, each of shape (height, width, 3).
    levels
        Lattice steps between 0 and 1.
    """
    rows = [_of_pair(clean, shown, levels) for clean, shown in pairs]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(fields(PerturbationAudit))).T
    return PerturbationAudit(*columns[:2], *columns[2:5].astype(np.int64), *columns[5:])


def audit_columns(
    pairs: Iterable[tuple[Pixels, Pixels]],
    *,
    predicted_change_float: NDArray[np.float64],
    predicted_change: NDArray[np.float64],
    lattice_bound: NDArray[np.float64],
    levels: int = GREY_LEVELS,
) -> dict[str, NDArray[Any]]:
    """Return the audit as the columns of a table, with what the model predicts before and after rounding.

    Parameters
    ----------
    pairs
        As for `audit_pixels`.
    predicted_change_float, predicted_change
        Change of the predicted response where the float search ended and on the bytes, shape (n_images,); NaN without
        one.
    lattice_bound
        What part of the first the lattice allows to first order, shape (n_images,); NaN without a prediction.
    levels
        Lattice steps between 0 and 1.
    """
    audit = audit_pixels(pairs, levels=levels)
    named = ("realised_epsilon", "n_changed", "n_clipped", "largest_change", "luminance_clean", "luminance_shift")
    return {
        **{name: getattr(audit, name) for name in (*named, "contrast_clean", "contrast_shift")},
        "predicted_change_float": predicted_change_float,
        "predicted_change": predicted_change,
        "rounding_loss": rounding_loss(predicted_change_float, predicted_change),
        "lattice_bound": lattice_bound,
    }


def rounding_loss(float_change: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much less the bytes move the response than the best image found in the ball, on whole levels or not.

    The bytes lie in the ball too. Where the search on whole levels went further than the float search before it, there
    was no float optimum to lose anything of, and the loss is 0.

    Parameters
    ----------
    float_change, change
        Change of the predicted response where the float search ended, and of the bytes, (n_images,).
    """
    return largest_found(float_change, change) - np.abs(change)


def largest_found(float_change: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the size of the largest change found in the ball, by the float search or on whole levels; NaN unpredicted.

    Parameters
    ----------
    float_change, change
        Change of the predicted response where the float search ended, and of the bytes, (n_images,).
    """
    return np.asarray(np.maximum(np.abs(float_change), np.abs(change)))


def _of_pair(clean: Pixels, shown: Pixels, levels: int) -> tuple[float, ...]:
    if clean.shape != shown.shape or clean.dtype != shown.dtype:
        raise ValueError(f"expected two images of one kind, found {clean.dtype} {clean.shape} and {shown.shape}")
    change = shown.astype(np.int64) - clean
    at_edge = ((shown == 0) | (shown == levels)) & (change != 0)
    before, after = _brightness(clean, levels), _brightness(shown, levels)
    contrast = float(before.std())
    return (
        float(realised_epsilon(clean, shown, levels=levels)),
        float(realised_norm(clean, shown, levels=levels)),
        float(np.count_nonzero(change)),
        float(np.count_nonzero(at_edge)),
        float(np.abs(change).max(initial=0)),
        float(before.mean()),
        float(after.mean() - before.mean()),
        contrast,
        float(after.std()) - contrast,
    )


def _brightness(image: Pixels, levels: int) -> NDArray[np.float64]:
    return np.asarray(image.astype(np.float64) @ _LUMA / levels)


def _over(shift: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(shift, of, out=np.full_like(shift, np.nan), where=of > 0)
