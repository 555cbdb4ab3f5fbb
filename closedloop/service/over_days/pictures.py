"""Pictures of stimuli: the bytes of the session folder as PNG, pixel for pixel; larger by repeating pixels alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.files.session_images import read_session_images
from closedloop.artifacts.naming import stimulus_id
from closedloop.errors import DocumentError
from closedloop.report.magnified import magnified_difference
from closedloop.service.unchanged import FileState, file_state
from closedloop.stimuli.encoding import png

MOST_TIMES = 8
_MOST_SIDE_PX = 2048  # of a picture that is made larger
_MOST_REMEMBERED = 96
_REMEMBERED_SIDE_PX = 256  # larger ones are made anew: what is remembered stays below 20 MB


@dataclass(frozen=True)
class SessionImage:
    """An image of a session: its row, and the hash of its pixels, as the stimulus table has it."""

    row: int
    stimulus_id: str


def picture_of(images: Path, shown: tuple[SessionImage, ...], *, times: int = 1) -> bytes:
    """Return an image of a session, or the magnified difference of two, as PNG.

    Parameters
    ----------
    images
        The session's images.npy, or the stimulus set's images.h5.
    shown
        The image; or two, the clean one first, for their difference.
    times
        How often each pixel is repeated along both sides; no more than is sensible.

    Raises
    ------
    DocumentError
        The file is missing, damaged, has no such row, or other bytes than the stimulus table says.
    """
    times = min(max(times, 1), MOST_TIMES)
    known = _remembered(images, file_state(images), shown, times)
    return known if known is not None else _make(images, shown, times)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _remembered(images: Path, _state: FileState, shown: tuple[SessionImage, ...], times: int) -> bytes | None:
    pixels = _pixels(images, shown)
    return png(enlarge(pixels, times)) if max(pixels.shape[:2]) * times <= _REMEMBERED_SIDE_PX else None


def _make(images: Path, shown: tuple[SessionImage, ...], times: int) -> bytes:
    pixels = _pixels(images, shown)
    return png(enlarge(pixels, min(times, max(_MOST_SIDE_PX // max(pixels.shape[:2]), 1))))


def _pixels(images: Path, shown: tuple[SessionImage, ...]) -> NDArray[np.uint8]:
    rows = [one.row for one in shown]
    if images.suffix == ".npy":
        found = read_session_images(images, rows)
    else:
        found = read_rows(images, STIMULUS_IMAGES, name="images", rows=rows)
    for one, pixels in zip(shown, found, strict=True):
        if (other := stimulus_id(pixels)) != one.stimulus_id:
            raise DocumentError(
                f"{images}: expected the bytes of image {one.stimulus_id} in row {one.row}, found those of {other}. "
                "Do not show this session; restore the file from a copy."
            )
    return found[0] if len(shown) == 1 else magnified_difference(found[0], found[1])


def enlarge(pixels: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """Return an image, (height, width, 3), with each pixel repeated `times` along both sides: nothing is smoothed."""
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
