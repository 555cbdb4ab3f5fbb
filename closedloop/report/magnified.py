"""What an attack changed, made visible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAGNIFICATION = 20  # an attack of epsilon 1 moves a pixel by 0.7 grey levels in RMS: unseen unless magnified


def magnified_difference(clean: NDArray[np.uint8], attacked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return attacked minus clean, times `MAGNIFICATION`, around mid-grey; what leaves the range is clipped."""
    difference = attacked.astype(np.int32) - clean.astype(np.int32)
    return np.clip(128 + MAGNIFICATION * difference, 0, 255).astype(np.uint8)
