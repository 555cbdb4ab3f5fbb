"""Pictures on the page are the session's bytes: decoded by another library, and compared."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from closedloop.artifacts.catalog import IMAGES, SESSION_IMAGES
from closedloop.artifacts.naming import stimulus_id
from closedloop.errors import DocumentError
from closedloop.service.over_days.pictures import SessionImage, picture_of
from closedloop.storage.arrays import save_array
from tests.unit.messages import refused
from tests.unit.service.over_days.stimuli import publish_stimuli, small_study


def decoded(png: bytes) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGB")
    return np.asarray(image)


def named(images: NDArray[np.uint8], *rows: int) -> tuple[SessionImage, ...]:
    return tuple(SessionImage(row, stimulus_id(images[row])) for row in rows)


@pytest.mark.parametrize("file", [SESSION_IMAGES, IMAGES], ids=["the session folder", "the stimulus set"])
def test_every_picture_is_the_bytes_of_its_row(tmp_path: Path, file: object) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0)
    place = (SESSION_IMAGES if file is SESSION_IMAGES else IMAGES).published(paths, 0)
    assert len(images) == 45
    for row in range(len(images)):
        assert np.array_equal(decoded(picture_of(place, named(images, row))), images[row])


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (224, 224), (300, 2)])
def test_pictures_of_any_shape_are_their_bytes(tmp_path: Path, shape: tuple[int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, size=(2, *shape, 3)).astype(np.uint8)
    save_array(tmp_path / "images.npy", images)
    assert np.array_equal(decoded(picture_of(tmp_path / "images.npy", named(images, 1))), images[1])


def test_a_larger_picture_repeats_pixels_and_smooths_nothing(tmp_path: Path) -> None:
    images = np.random.default_rng(2).integers(0, 256, size=(1, 5, 4, 3)).astype(np.uint8)
    save_array(tmp_path / "images.npy", images)
    large = decoded(picture_of(tmp_path / "images.npy", named(images, 0), times=3))
    assert large.shape == (15, 12, 3)
    for y in range(15):
        for x in range(12):
            assert large[y, x].tolist() == images[0, y // 3, x // 3].tolist()


def test_a_picture_is_never_made_larger_than_a_screen(tmp_path: Path) -> None:
    images = np.zeros((1, 1500, 10, 3), np.uint8)
    save_array(tmp_path / "images.npy", images)
    assert decoded(picture_of(tmp_path / "images.npy", named(images, 0), times=8)).shape == (1500, 10, 3)


def test_the_difference_is_magnified_around_grey(tmp_path: Path) -> None:
    images = np.full((2, 1, 3, 3), 100, np.uint8)
    images[1, 0, 1], images[1, 0, 2] = 103, 40  # 20 times 3 more than grey; 20 times 60 less, clipped
    save_array(tmp_path / "images.npy", images)
    found = decoded(picture_of(tmp_path / "images.npy", named(images, 0, 1)))
    assert found[0, :, 0].tolist() == [128, 188, 0]


def test_other_bytes_than_the_table_says_are_refused_and_never_shown(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0)
    place = SESSION_IMAGES.published(paths, 0)
    shown = named(images, 7)
    picture_of(place, shown)
    images[7, 0, 0, 0] ^= 1
    save_array(place, images)
    with refused(DocumentError, place, shown[0].stimulus_id, "row 7", "Do not show this session"):
        picture_of(place, shown)


@pytest.mark.parametrize("n_bytes", [0, 5, 130, 4000])
def test_a_file_that_is_cut_short_is_said_so(tmp_path: Path, n_bytes: int) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0)
    place = SESSION_IMAGES.published(paths, 0)
    place.write_bytes(place.read_bytes()[:n_bytes])
    with refused(DocumentError, place, "expected the session's images", "Restore"):
        picture_of(place, named(images, 20))


def test_no_row_no_file_and_another_kind_of_array_are_said_so(tmp_path: Path) -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    with refused(DocumentError, tmp_path / "none.npy", "expected the session's images"):
        picture_of(tmp_path / "none.npy", named(images, 0))
    save_array(tmp_path / "images.npy", images)
    with refused(DocumentError, tmp_path / "images.npy", "2 images, and none in row 2"):
        picture_of(tmp_path / "images.npy", (SessionImage(2, "0" * 16),))
    save_array(tmp_path / "floats.npy", images.astype(np.float64))
    with refused(DocumentError, tmp_path / "floats.npy", "float64"):
        picture_of(tmp_path / "floats.npy", named(images, 0))
