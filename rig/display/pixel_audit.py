"""Compares the pixels in the screen buffer with the bytes that were planned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import PixelAudit
from closedloop.errors import SessionError
from rig.session.folder import Session

ReadBack = Callable[[], NDArray[np.uint8]]


class PixelAuditor:
    """Collects screen buffers of the first distinct images and compares them between trials.

    The buffer is read after the image is drawn and before the fixation dot goes on top, so that every pixel counts.

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
        self._waiting: list[tuple[int, NDArray[np.uint8]]] = []
        self._matched: list[str] = []
        self._mismatched: dict[str, int] = {}
        self._n_pixels = 0

    def offer(self, image_index: int, read_back: ReadBack) -> None:
        """Read the buffer if this image is to be compared and was not yet."""
        if len(self._seen) < self._n_images and image_index not in self._seen:
            self._seen.add(image_index)
            self._waiting.append((image_index, read_back()))

    def compare(self) -> None:
        """Compare what was collected.

        Raises
        ------
        SessionError
            A pixel is not the one that was planned.
        """
        waiting, self._waiting = self._waiting, []
        for image_index, shown in waiting:
            self._compare_one(image_index, shown)

    def _compare_one(self, image_index: int, shown: NDArray[np.uint8]) -> None:
        stimulus_id = self._stimulus_ids[image_index]
        planned = enlarge(self._session.images[image_index], self._session.document.screen.image_scale)
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
            n_images=len(self._matched) + len(self._mismatched),
            n_pixels=self._n_pixels,
            n_mismatched=sum(self._mismatched.values()),
            stimulus_ids=tuple(self._matched) + tuple(self._mismatched),
        )


def enlarge(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return an image with every pixel repeated `scale` times in both directions."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)
