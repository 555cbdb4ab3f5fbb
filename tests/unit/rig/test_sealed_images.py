"""What is shown is what was planned, whatever becomes of the folder while the session runs."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.session.folder import open_session
from rig.session.sealed_images import SealedImages


def test_an_image_is_taken_as_its_bytes(make_session):
    session = open_session(make_session())
    taken = SealedImages(session).take(4)
    assert np.array_equal(taken, np.load(session.folder / "images.npy")[4])
    assert taken.flags.owndata  # what becomes of the file later is no matter


def test_an_image_that_was_written_over_meanwhile_is_refused(make_session):
    session = open_session(make_session())
    images = SealedImages(session)
    images.take(2)
    file = np.load(session.folder / "images.npy", mmap_mode="r+")
    file[2, 0, 0, 0] ^= 1  # the least that can be changed
    file.flush()
    with pytest.raises(SessionError, match=r"images\.npy: expected the images that .*\(image 2\).*Restore the folder"):
        images.take(2)
    images.take(3)
