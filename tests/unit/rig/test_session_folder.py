"""A session folder that is not what was sealed is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.errors import ClosedLoopError, DocumentError, ManifestError, SessionError
from rig.session.folder import open_session, read_session


def test_a_sealed_folder_opens_with_its_order_and_mapped_images(make_session):
    session = open_session(make_session(n_images=4, n_presentations=10))
    assert [p.image_index for p in session.planned] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert isinstance(session.images, np.memmap)
    assert not session.images.flags.writeable


@pytest.mark.parametrize("name", ["images.npy", "presentations.parquet", "session.json"])
def test_a_changed_byte_in_any_file_breaks_the_seal(make_session, name):
    folder = make_session()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ManifestError, match=rf"{name}: expected the bytes its manifest promises"):
        open_session(folder)


@pytest.mark.parametrize("name", ["images.npy", "presentations.parquet", "session.json", MANIFEST_NAME])
def test_a_missing_file_is_named(make_session, name):
    folder = make_session()
    (folder / name).unlink()
    with pytest.raises(DocumentError, match=name):
        open_session(folder)


def test_a_file_that_the_seal_does_not_cover_is_refused(make_session):
    folder = make_session()
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    del manifest["outputs"]["images.npy"]
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    with pytest.raises(SessionError, match=r"expected images\.npy in manifest\.json"):
        open_session(folder)


@pytest.mark.parametrize(
    "images", [np.zeros((6, 16, 16, 3)), np.zeros((5, 16, 16, 3), np.uint8), np.zeros((6, 16, 17, 3), np.uint8)]
)
def test_images_of_another_type_or_shape_are_refused(make_session, images):
    folder = make_session()
    np.save(folder / "images.npy", images)
    with pytest.raises(SessionError, match=r"expected uint8 of shape \(6, 16, 16, 3\)"):
        read_session(folder)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"])
def test_a_damaged_image_file_is_one_line(make_session, content):
    folder = make_session()
    (folder / "images.npy").write_bytes(content)
    with pytest.raises(ClosedLoopError, match=r"images\.npy: expected a \.npy array, found a damaged file"):
        read_session(folder)
