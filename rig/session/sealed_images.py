"""Images as they were sealed: the folder may lie on a share, or be written over while a session runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.naming import stimulus_id
from closedloop.errors import SessionError
from rig.session.folder import IMAGES_NAME, Session


class SealedImages:
    """The images of a session, each compared with the name that the plan knows it by whenever it is taken.

    The file is mapped, not read: 21,000 images are three gigabytes. What was checked before the session may be other
    bytes by the time it is shown. A comparison takes a tenth of a millisecond, between trials.

    Parameters
    ----------
    session
        The opened folder.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names = {planned.image_index: planned.stimulus_id for planned in session.planned}

    def take(self, index: int) -> NDArray[np.uint8]:
        """Return a copy of an image, uint8, row x column x RGB.

        Parameters
        ----------
        index
            Among the session's images.

        Raises
        ------
        SessionError
            Its bytes are others than planned.
        """
        image = np.array(self._session.images[index])
        if stimulus_id(image) != self._names.get(index, stimulus_id(image)):
            raise SessionError(
                f"{self._session.folder / IMAGES_NAME}: expected the images that the session was begun with, found "
                f"others in their place (image {index}): the file was changed meanwhile. "
                "Restore the folder from a copy."
            )
        return image
