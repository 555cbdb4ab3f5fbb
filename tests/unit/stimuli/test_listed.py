"""A folder by its list: only what was listed, only as it was, and what has changed by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.errors import ImageError
from closedloop.stimuli.decoding import load_square
from closedloop.stimuli.folders import FlatFolderPool
from closedloop.stimuli.listed import (
    FolderChanges,
    FolderReading,
    ListedImage,
    ListedPool,
    check_drawn,
    folder_changes,
    read_folder,
    refuse_unreadable,
)
from closedloop.stimuli.procedural import ProceduralPool
from tests.unit.messages import refused

SIDE_PX = 16
NAMES = tuple(f"{number}.png" for number in range(5))


def photographs(folder: Path) -> Path:
    folder.mkdir()
    for number, name in enumerate(NAMES):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def read(pool: FlatFolderPool) -> FolderReading:
    remembered = pool.folder.parent / "remembered"
    return read_folder(pool, remembered=remembered, progress=lambda _done, _total: None)


def listed(folder: Path) -> ListedPool:
    pool = FlatFolderPool(folder, SIDE_PX)
    found = read(pool)
    refuse_unreadable(pool, found, otherwise="")
    return ListedPool(pool, {image.image_id: image.sha256 for image in found.images})


def again(pool: ListedPool) -> ListedPool:
    """The same list, and the folder as it is now."""
    return ListedPool(FlatFolderPool(pool.pool.folder, SIDE_PX), pool.sha256)


def test_a_listed_image_is_the_one_of_the_folder(tmp_path: Path) -> None:
    pool = listed(photographs(tmp_path / "images"))
    assert [image.image_id for image in pool.images()] == list(NAMES)
    content = (tmp_path / "images" / "3.png").read_bytes()
    assert pool.sha256["3.png"] == hashlib.sha256(content).hexdigest()
    np.testing.assert_array_equal(pool.load("3.png"), load_square(tmp_path / "images" / "3.png", side_px=SIDE_PX))


def test_an_overwritten_photograph_is_never_shown_under_its_old_name(tmp_path: Path) -> None:
    pool = listed(photographs(tmp_path / "images"))
    path = tmp_path / "images" / "3.png"
    Image.new("RGB", (24, 24)).save(path)
    for use in (pool.load, again(pool).load):
        with refused(ImageError, path, "expected the bytes that were listed, found others", "Restore it from a copy"):
            use("3.png")
    with refused(ImageError, path, "overwritten", "take it out of the folder: it was never shown"):
        check_drawn(pool, NAMES)
    check_drawn(pool, [name for name in NAMES if name != "3.png"])


def test_what_is_gone_is_not_drawn_and_what_is_new_is_not_either(tmp_path: Path) -> None:
    pool = listed(photographs(tmp_path / "images"))
    (tmp_path / "images" / "3.png").unlink()
    Image.new("RGB", (24, 24)).save(tmp_path / "images" / "new.png")
    assert [image.image_id for image in again(pool).images()] == ["0.png", "1.png", "2.png", "4.png"]
    with refused(ImageError, tmp_path / "images" / "3.png", "found none"):
        again(pool).load("3.png")
    with refused(ImageError, tmp_path / "images" / "new.png", "expected an image of the study's list"):
        again(pool).load("new.png")


def test_images_that_are_computed_have_no_bytes_to_compare() -> None:
    check_drawn(ProceduralPool(seed=0, n_categories=1, n_per_category=1), ["whatever"])


def rename(folder: Path) -> None:
    (folder / "1.png").rename(folder / "other.png")


def remove(folder: Path) -> None:
    (folder / "1.png").unlink()


def add(folder: Path) -> None:
    Image.new("RGB", (24, 24)).save(folder / "9.png")


def exchange(folder: Path) -> None:
    (folder / "1.png").rename(folder / "between")
    (folder / "2.png").rename(folder / "1.png")
    (folder / "between").rename(folder / "2.png")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (rename, FolderChanges((), (), {"1.png": "other.png"})),
        (remove, FolderChanges((), ("1.png",), {})),
        (add, FolderChanges(("9.png",), (), {})),
        (exchange, FolderChanges((), (), {})),  # told by the bytes, when they are read
    ],
)
def test_changes_of_names_are_told_apart(
    tmp_path: Path, change: Callable[[Path], None], expected: FolderChanges
) -> None:
    folder = photographs(tmp_path / "images")
    pool = FlatFolderPool(folder, SIDE_PX)
    found = read(pool).images
    change(folder)
    assert folder_changes(FlatFolderPool(folder, SIDE_PX), found) == expected


@pytest.mark.parametrize("torn", ["", "no line", "0" * 64 + "\t12 34\t0.png", "0" * 64 + "\t12 34\t0.png\n"])
def test_what_was_remembered_of_other_files_or_half_is_not_believed(tmp_path: Path, torn: str) -> None:
    folder = photographs(tmp_path / "images")
    (tmp_path / "remembered").write_text(torn)
    assert listed(folder).sha256["0.png"] == hashlib.sha256((folder / "0.png").read_bytes()).hexdigest()


def test_a_jpeg_that_was_cut_is_found_though_it_is_decoded_small(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "images")
    pixels = np.random.default_rng(1).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "large.jpg")
    listed(folder)
    content = (folder / "large.jpg").read_bytes()
    (folder / "large.jpg").write_bytes(content[: len(content) * 3 // 4])
    with refused(ImageError, folder, "large.jpg (not a readable image (image file is truncated"):
        listed(folder)


def nowhere(path: Path) -> None:
    path.symlink_to("/mnt/unmounted/photo.png")


def itself(path: Path) -> None:
    path.symlink_to(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            nowhere,
            "expected an image file, found a link to /mnt/unmounted/photo.png (No such file or directory). Mount",
        ),
        (itself, "found a link to"),
        (endless, "found a pipe, a socket or a device."),
        (os.mkfifo, "found a pipe, a socket or a device."),
    ],
    ids=["dangling", "itself", "device", "pipe"],
)
def test_an_image_that_is_no_file_is_a_bad_one(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    """A disk that is not mounted, behind links, would make a smaller pool of it, and nobody would know."""
    folder = photographs(tmp_path / "images")
    make(folder / "6.png")
    reading = read(FlatFolderPool(folder, SIDE_PX))
    assert [image.image_id for image in reading.images] == list(NAMES)
    assert list(reading.faults) == ["6.png"]
    with refused(ImageError, f"{folder / '6.png'}: ", said):
        raise reading.faults["6.png"]


def test_a_listed_image_whose_link_leads_nowhere_by_now_is_gone(tmp_path: Path) -> None:
    pool = listed(photographs(tmp_path / "images"))
    (tmp_path / "images" / "2.png").unlink()
    nowhere(tmp_path / "images" / "2.png")
    assert [image.image_id for image in again(pool).images()] == [name for name in NAMES if name != "2.png"]
    changes = folder_changes(again(pool).pool, [ListedImage(name, pool.sha256[name], 1) for name in NAMES])
    assert changes == FolderChanges(new=(), gone=("2.png",), renamed={})
