"""Compares the pixels on the screen with the bytes that were planned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import PixelAudit
from closedloop.errors import SessionError
from rig.session.folder import Session

ReadBack = Callable[[], NDArray[np.uint8]]
_DOT = 255


class PixelAuditor:
    """Collects what was shown of the first distinct images and compares it between trials.

    Read from the screen itself, an image has the fixation dot on it: there the dot is what was planned. Where the
    screen cannot be read, the buffer before it is, before the dot goes on top.

    Parameters
    ----------
    session
        What is shown.
    n_images
        How many distinct images to compare.
    """

    def __init__(self, session: Session, n_images: int) -> None:
        self._session, self._n_images = session, n_images
        self._stimulus_ids = {planned.image_index: planned.stimulus_id for planned in session.planned}
        self._seen: set[int] = set()
        self._waiting: list[tuple[int, NDArray[np.uint8], NDArray[np.bool_] | None]] = []
        self._matched: list[str] = []
        self._mismatched: dict[str, int] = {}
        self._n_pixels = 0
        self.reads_screen = False
        """Whether pixels come from the screen itself; the display says so."""

    def offer(self, image_index: int, read_back: ReadBack, *, dot: NDArray[np.bool_] | None = None) -> None:
        """Read what is shown if this image is to be compared and was not yet.

        Parameters
        ----------
        image_index
            The image.
        read_back
            Reads its square: uint8, row x column x RGB.
        dot
            Which pixels the fixation dot covers, row x column, in white; or None.
        """
        if len(self._seen) < self._n_images and image_index not in self._seen:
            self._seen.add(image_index)
            self._waiting.append((image_index, read_back(), dot))

    def compare(self) -> None:
        """Compare what was collected.

        Raises
        ------
        SessionError
            A pixel is not the one that was planned.
        """
        waiting, self._waiting = self._waiting, []
        for image_index, shown, dot in waiting:
            self._compare_one(image_index, shown, dot)

    def _compare_one(self, image_index: int, shown: NDArray[np.uint8], dot: NDArray[np.bool_] | None) -> None:
        stimulus_id = self._stimulus_ids[image_index]
        planned = enlarge(self._session.images[image_index], self._session.document.screen.image_scale)
        if dot is not None:
            planned[dot] = _DOT
        self._n_pixels += planned.shape[0] * planned.shape[1]
        wrong = np.any(planned != shown, axis=-1)
        n_wrong = int(wrong.sum())
        if not n_wrong:
            self._matched.append(stimulus_id)
            return
        self._mismatched[stimulus_id] = n_wrong
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise SessionError(
            f"stimulus {stimulus_id}: expected the pixels of images.npy on the screen, found {n_wrong} of {wrong.size} "
            f"different (row {row}, column {column}: {planned[row, column].tolist()} planned, "
            f"{shown[row, column].tolist()} shown). Run `rig check`; do not record with this display."
        )

    def report(self) -> PixelAudit:
        """Return what was compared so far."""
        document = self._session.document
        return PixelAudit(
            simulated=document.simulated,
            session_id=document.session_id,
            image_scale=document.screen.image_scale,
            read_back="screen" if self.reads_screen else "back_buffer",
            n_images=len(self._matched) + len(self._mismatched),
            n_pixels=self._n_pixels,
            n_mismatched=sum(self._mismatched.values()),
            stimulus_ids=tuple(self._matched) + tuple(self._mismatched),
        )


def enlarge(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return an image with every pixel repeated `scale` times in both directions."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)
