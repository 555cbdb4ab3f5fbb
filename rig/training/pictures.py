"""What is shown after the hold: pictures of a folder, dots that are drawn here, or the bare background."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.naming import generator
from closedloop.artifacts.rig.training import TrainingSettings
from closedloop.errors import SessionError

SIDE_PX = 224
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_MOST_PICTURES = 500  # 75 MB: an animal that is taught to fixate does not look for new ones
_MOST_PIXELS = 50_000_000
_N_DOT_PICTURES, _N_DOTS, _DOT_RADIUS_PX = 20, 60, 5


def blank(settings: TrainingSettings) -> NDArray[np.uint8]:
    """Return one picture, 1 x height x width x RGB, that nobody can tell from the background."""
    return np.full((1, SIDE_PX, SIDE_PX, 3), settings.grey_level, dtype=np.uint8)


def dots(settings: TrainingSettings) -> NDArray[np.uint8]:
    """Return pictures of dots, black and white at random places: picture x height x width x RGB."""
    random = generator(settings.seed, "dots")
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    pictures = np.full((_N_DOT_PICTURES, SIDE_PX, SIDE_PX, 3), settings.grey_level, dtype=np.uint8)
    for picture in pictures:
        places = random.integers(_DOT_RADIUS_PX, SIDE_PX - _DOT_RADIUS_PX, (_N_DOTS, 2))
        for number, (row, column) in enumerate(places):
            is_inside = (rows - row) ** 2 + (columns - column) ** 2 <= _DOT_RADIUS_PX**2
            picture[is_inside] = 255 * (number % 2)
    return pictures


def read_pictures(folder: Path) -> NDArray[np.uint8]:
    """Return the pictures of a folder, in the order of their names: picture x height x width x RGB, uint8.

    The middle square of each is taken, and brought to the size that is shown.

    Raises
    ------
    SessionError
        The folder has none, too many, or one that is no picture.
    """
    paths = sorted(path for path in _files(folder) if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise SessionError(
            f"{folder}: expected pictures ({', '.join(_ENDINGS)}), found none. "
            "Name another folder by --images, or dots."
        )
    if len(paths) > _MOST_PICTURES:
        raise SessionError(
            f"{folder}: expected {_MOST_PICTURES} pictures at most, found {len(paths)}. Put fewer into a folder."
        )
    return np.stack([_read_picture(path) for path in paths])


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise SessionError(
            f"{folder}: expected a folder of pictures, found {error.strerror}. Name another by --images, or dots."
        ) from error


def _read_picture(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps  # noqa: PLC0415 - takes a tenth of a second

    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            if picture.width * picture.height > _MOST_PIXELS:
                raise SessionError(
                    f"{path}: expected {_MOST_PIXELS:,} pixels at most, found {picture.width} x {picture.height}. "
                    "Make it smaller."
                )
            square = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), (SIDE_PX, SIDE_PX))
            return np.asarray(square, dtype=np.uint8)
    except SessionError:
        raise
    except Exception as error:  # whatever a decoder says of a damaged file
        raise SessionError(
            f"{path}: expected a picture, found a file that is none or is damaged ({type(error).__name__}). "
            "Take it out of the folder."
        ) from error
