"""Single images of a session folder, read as plain bytes: a mapped file that is cut short would end the process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.foreign.places import DatasetPlace, open_plain
from closedloop.confined.npy import ArrayFileError, map_npy
from closedloop.confined.protocol import ConfinedError
from closedloop.errors import DocumentError

_IMAGE_DIMENSIONS = 4


def read_session_images(path: Path, rows: list[int]) -> NDArray[np.uint8]:
    """Read some images of a session's images.npy.

    Parameters
    ----------
    path
        The file.
    rows
        Of the images, in the order wanted.

    Returns
    -------
    NDArray[np.uint8]
        (n_rows, height, width, 3), the bytes that the rig shows.

    Raises
    ------
    DocumentError
        The file is missing, damaged, or has no such row.
    """
    try:
        mapped = map_npy(path)  # for its header: no byte of the images is touched through the map
        place = DatasetPlace(mapped.shape, mapped.dtype, getattr(mapped, "offset", 0), 1, np.empty(0, np.int64))
        if place.dtype != np.uint8 or len(place.shape) != _IMAGE_DIMENSIONS or place.shape[-1] != 3:
            raise ArrayFileError(f"{place.dtype} of shape {place.shape}")
        missing = [row for row in rows if not 0 <= row < place.shape[0]]
        if missing:
            raise ArrayFileError(f"{place.shape[0]} images, and none in row {missing[0]}")
        with open_plain(path) as file:
            return place.read_rows(file, rows)
    except (OSError, ArrayFileError, ConfinedError) as error:
        raise DocumentError(
            f"{path}: expected the session's images, uint8, found {error}. Restore the session folder."
        ) from error
