"""The last images, small: the panel reads them from the session folder itself, so that the rig sends numbers alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.confined.npy import ArrayFileError, map_npy


class Thumbnails:
    """Images of a session, each at the size that is asked for.

    Parameters
    ----------
    session
        The session folder.
    """

    def __init__(self, session: Path) -> None:
        try:
            self._images: NDArray[np.uint8] | None = map_npy(session / catalog.SESSION_IMAGES.name)
        except (OSError, ArrayFileError):  # the rig refuses such a folder; a panel shows what it can
            self._images = None
        self.pixels = lru_cache(maxsize=64)(self._pixels)

    def _pixels(self, index: int, side_px: int) -> NDArray[np.uint8] | None:
        """Return an image, side x side x RGB, or None where there is none."""
        if self._images is None or not 0 <= index < len(self._images):
            return None
        whole = self._images[index]
        rows = np.arange(side_px) * whole.shape[0] // side_px
        return np.ascontiguousarray(whole[rows][:, np.arange(side_px) * whole.shape[1] // side_px])
