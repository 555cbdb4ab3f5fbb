"""The lattice inside the search: the model is asked about what can be shown, the float image goes on from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.lattice.grid import GREY_LEVELS, lattice_ball
from closedloop.attacks.lattice.refinement import Evaluate
from closedloop.attacks.lattice.rounding import scaled_rounding


def straight_through(
    evaluate: Evaluate, clean: Tensor, *, radius: Sequence[float] | NDArray[np.floating], levels: int = GREY_LEVELS
) -> Evaluate:
    """Make an objective's value and gradient those at the rounded image; the gradient is passed on as it is.

    For a search from its first step. Where the last steps alone are to be on the lattice, `refine_on_lattice` gains as
    much for less.

    Parameters
    ----------
    evaluate
        The objective, of these items in this order.
    clean
        Clean images in [0, 1], on the lattice, shape (n_items, 3, height, width).
    radius
        L2 radius of each item in [0, 1] pixel units.
    levels
        Lattice steps between 0 and 1.
    """
    pixels = (clean * levels).round()
    ball = lattice_ball(pixels, radius, levels=levels)

    def at_rounded(images: Tensor) -> tuple[Tensor, Tensor]:
        change = scaled_rounding(ball, (images - clean).flatten(1))
        return evaluate((pixels + change.view_as(pixels)) / levels)

    return at_rounded
