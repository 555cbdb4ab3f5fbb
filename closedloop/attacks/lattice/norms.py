"""The norm of what is shown, from its bytes alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.balls import PAPER_SIDE_PX
from closedloop.attacks.lattice.grid import GREY_LEVELS


def realised_epsilon(
    clean: NDArray[np.unsignedinteger], shown: NDArray[np.unsignedinteger], *, levels: int = GREY_LEVELS
) -> NDArray[np.float64]:
    """Epsilon of shown images, from their bytes, in the units of a 224 x 224 x 3 image.

    Parameters
    ----------
    clean, shown
        Images in whole levels, shape (..., height, width, 3).
    levels
        Lattice steps between 0 and 1.

    Returns
    -------
    NDArray
        L2 norm of the change in [0, 1] pixel units times 224 / side, shape (...).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.attacks import realised_epsilon
    >>> clean = np.zeros((224, 224, 3), dtype=np.uint8)
    >>> shown = clean.copy()
    >>> shown[0, 0, 0] = 255
    >>> float(realised_epsilon(clean, shown))
    1.0
    """
    side_px = np.sqrt(clean.shape[-3] * clean.shape[-2])
    return np.asarray(realised_norm(clean, shown, levels=levels) * PAPER_SIDE_PX / side_px)


def realised_norm(
    clean: NDArray[np.unsignedinteger], shown: NDArray[np.unsignedinteger], *, levels: int = GREY_LEVELS
) -> NDArray[np.float64]:
    """L2 norm of the change in [0, 1] pixel units at this image size, from the bytes, shape (...).

    Parameters
    ----------
    clean, shown
        Images in whole levels, shape (..., height, width, 3).
    levels
        Lattice steps between 0 and 1.
    """
    return np.asarray(np.sqrt(squared_levels(clean, shown).astype(np.float64)) / levels)


def squared_levels(clean: NDArray[np.unsignedinteger], shown: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """Squared distance in whole levels, exact, shape (...)."""
    change: NDArray[Any] = shown.astype(np.int64) - clean.astype(np.int64)
    return np.asarray((change * change).sum(axis=(-3, -2, -1)))
