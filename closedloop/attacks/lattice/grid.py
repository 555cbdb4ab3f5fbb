"""What a display can show: whole levels between black and white; and which of it lies in the box and the L2 ball.

Changes are counted in whole levels, kept as float32, and their squares added up as float64: both are exact, in any
order, so that what is chosen depends neither on the batch nor on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GREY_LEVELS = 255
"""Steps between black and white in an 8-bit image."""

_MOST_LEVELS = 4095
"""Of twelve bits; the squares of larger changes would not be exact in float32."""


@dataclass(frozen=True)
class LatticeBall:
    """The lattice images that each item may become, as changes in whole levels.

    Attributes
    ----------
    lowest, highest
        How far each value can go down and up inside the box, float32, shape (n_items, n_values).
    budget
        Largest squared norm in levels inside each item's ball, a whole number, float64, shape (n_items,).
    levels
        Lattice steps between 0 and 1.
    """

    lowest: Tensor
    highest: Tensor
    budget: Tensor
    levels: int

    def left(self, change: Tensor) -> Tensor:
        """Return what a change (n_items, n_values) leaves of each item's budget, (n_items,)."""
        return self.budget - squared(change)

    def select(self, chosen: Tensor) -> LatticeBall:
        """Return that of some items, by a bool mask (n_items,)."""
        return LatticeBall(self.lowest[chosen], self.highest[chosen], self.budget[chosen], self.levels)


def lattice_ball(clean: Tensor, radius: Sequence[float] | NDArray[np.floating], *, levels: int) -> LatticeBall:
    """Return the lattice around clean images.

    Parameters
    ----------
    clean
        Clean images in whole levels, any shape (n_items, ...).
    radius
        L2 radius of each item in [0, 1] pixel units, in double precision.
    levels
        Lattice steps between 0 and 1.
    """
    flat = clean.flatten(1).to(torch.float32)
    budget = torch.tensor([budget_of(r, levels) for r in radius], dtype=torch.float64, device=clean.device)
    return LatticeBall(-flat, levels - flat, budget, levels)


def budget_of(radius: float, levels: int) -> int:
    """Largest whole squared norm in levels that is inside the ball; exact, so that no rounding can grant one more."""
    return int((Fraction(float(radius)) * levels) ** 2)


def squared(change: Tensor) -> Tensor:
    """Squared norm of whole levels, exact, float64."""
    return (change * change).sum(1, dtype=torch.float64)


def pixel_type(levels: int) -> np.dtype[Any]:
    """Return the type of a lattice's values: uint8 up to 255, uint16 for displays of more bits (1023 for ten).

    Raises
    ------
    ValueError
        There is no such type.
    """
    if not 1 <= levels <= _MOST_LEVELS:
        raise ValueError(f"levels: expected 1 to {_MOST_LEVELS}, found {levels}")
    return np.dtype(np.uint8 if levels <= GREY_LEVELS else np.uint16)


def on_lattice(images: NDArray[np.uint8], levels: int) -> NDArray[Any]:
    """Return 8-bit images on a lattice of `levels`: the nearest level, which for 255 is the image itself.

    What is shown on a finer display is this image; attacks on that display start from it.
    """
    if levels == GREY_LEVELS:
        return images
    return np.rint(images.astype(np.float64) * levels / GREY_LEVELS).astype(pixel_type(levels))
