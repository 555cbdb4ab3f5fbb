"""What one process has to find: items, their clean images, and everything that decides what is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.lattice import LatticeSettings, pixel_type
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.items import AttackItem


@dataclass(frozen=True)
class Work:
    """Items to attack, and everything that decides what is found.

    Attributes
    ----------
    items
        Which image, site and epsilon.
    clean_images
        In whole levels, (n_images, height, width, 3); may be memory-mapped.
    method, lattice
        How to search, and how to put the float optimum on the lattice.
    directions
        +1 to raise the response, -1 to lower it; of several the larger change is kept.
    device
        Where the model is.
    """

    items: Sequence[AttackItem]
    clean_images: NDArray[Any]
    method: Method
    lattice: LatticeSettings
    directions: tuple[int, ...]
    device: torch.device

    def clean(self, places: Sequence[int]) -> NDArray[Any]:
        """Return the clean images of some items."""
        return np.asarray(self.clean_images[[self.items[place].image_index for place in places]])


def to_pixels(in_levels: Tensor, levels: int) -> NDArray[Any]:
    """Return images of whole levels, (n, 3, height, width), as those of a file, (n, height, width, 3).

    Parameters
    ----------
    in_levels
        Whole numbers as floats.
    levels
        Lattice steps between 0 and 1, which decide the type.
    """
    return np.asarray(in_levels.permute(0, 2, 3, 1).cpu().numpy().astype(pixel_type(levels)))
