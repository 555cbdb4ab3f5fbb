"""Images of a new study: listed by content, refused or left out where they cannot be shown."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.catalog import IMAGE_LIST, STUDY_INPUTS
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.study import StudyDocument
from closedloop.errors import (
    ImageError,
    StudyError,
)
from closedloop.models.shipped import shipped_weights
from closedloop.study.create import create_study
from closedloop.study.inputs import compare_inputs
from tests.unit.messages import refused
from tests.unit.study.new_studies import N_IMAGES, image_folder, request


def too_few(folder: Path) -> None:
    for path in sorted(folder.rglob("*.png"))[:2]:
        path.unlink()


def cut_one(folder: Path) -> None:
    path = folder / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-40])


def overwrite_two(folder: Path) -> None:
    for name in ("3.png", "7.png"):
        (folder / "cat" / name).write_text("no picture")


def make_one_deep(folder: Path) -> None:
    Image.fromarray(np.zeros((40, 40), dtype=np.uint16)).save(folder / "cat" / "2.png")


def no_class_folder(folder: Path) -> None:
    (folder / "cat" / "0.png").rename(folder / "0.png")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (too_few, "expected at least 41 images for 1 day (6 anchors, 5 normalizers, 30 clean ones a day"),
        (cut_one, "found 1 of 42 that cannot: dog/3.png (not a readable image"),
        (overwrite_two, "found 2 of 42 that cannot: cat/3.png (not a readable image"),
        (make_one_deep, "cat/2.png (8 bits a colour expected, found"),
        (no_class_folder, "both in the folder and in its subfolders"),
    ],
)
def test_a_folder_with_a_bad_image_is_refused_before_anything_is_bound_to_it(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    images = image_folder(tmp_path / "images")
    damage(images)
    asked = replace(request(tmp_path), images=images, simulated=False)
    with refused(ImageError, images, words):
        create_study(asked)
    assert not asked.root.exists()
    shutil.rmtree(images)
    image_folder(images)
    assert create_study(asked).study.is_file()


def test_every_image_and_the_base_model_are_listed_by_content(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    seen: list[tuple[int, int]] = []
    asked = replace(request(tmp_path), images=images, simulated=False)
    paths = create_study(asked, progress=lambda done, total: seen.append((done, total)))
    rows = IMAGE_LIST.read(IMAGE_LIST.published(paths, 0))
    files = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in images.rglob("*.png")}
    found = zip(*(rows[name] for name in ("image_id", "sha256", "n_bytes")), strict=True)
    assert {(i, s, n) for i, s, n in found} == {
        (name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()
    }
    inputs = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    weights = shipped_weights("small_resnet_robust").read_bytes()
    assert (inputs.recorded, inputs.n_images, inputs.base_model) == ("init", N_IMAGES, "small_resnet_robust")
    assert inputs.base_model_sha256 == hashlib.sha256(weights).hexdigest()
    assert set(read_manifest(paths.inputs).outputs) == {"inputs.json", "pool.parquet"}
    assert seen[-1] == (N_IMAGES, N_IMAGES)


def test_an_interrupted_init_goes_on_with_what_it_has_read(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    asked = replace(request(tmp_path), images=images, simulated=False)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_study(asked, progress=interrupt)
    unread = images / "cat" / "0.png"
    status, content = unread.stat(), unread.read_bytes()
    unread.write_bytes(bytes(len(content)))  # nobody would take this for an image: it is not read again
    os.utime(unread, ns=(status.st_atime_ns, status.st_mtime_ns))
    rows = IMAGE_LIST.read(IMAGE_LIST.published(create_study(asked), 0))
    listed = dict(zip(rows["image_id"], rows["sha256"], strict=True))
    assert listed["cat/0.png"] == hashlib.sha256(content).hexdigest()
    assert len(listed) == N_IMAGES


def damaged(folder: Path) -> Path:
    """Sixty images, of which five cannot be shown for four reasons, small and other files among them."""
    image_folder(folder)
    for number in range(21, 30):
        Image.new("RGB", (400, 300), (number, 0, 0)).save(folder / "dog" / f"{number}.png")
    cut_one(folder)
    overwrite_two(folder)
    make_one_deep(folder)
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(folder / "dog" / "20.png")
    (folder / "dog" / "notes.txt").touch()
    (folder / "cat" / "phone.HEIC").touch()
    return folder


BAD = {"cat/2.png", "cat/3.png", "cat/7.png", "dog/20.png", "dog/3.png"}


def test_every_image_that_cannot_be_shown_is_told_at_once(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    told: list[str] = []
    with refused(ImageError, images, "found 5 of 51 that cannot", "and 2 more", "--skip-unreadable"):
        create_study(replace(request(tmp_path), images=images, simulated=False), tell=told.append)
    assert {line.removeprefix(f"{images}/").split(":")[0] for line in told} == BAD
    assert not (tmp_path / "study").exists()


def test_of_too_few_images_those_that_cannot_be_shown_are_told_with_the_others(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    for number in range(12):
        (images / "dog" / f"{number}.png").unlink()
    for skips in (True, False):
        asked = replace(request(tmp_path), images=images, simulated=False, skip_unreadable=skips)
        words = ("expected at least 41 images for 1 day", "found 35 that can be shown (and 4 that cannot: cat/2.png (8")
        with refused(ImageError, images, *words, "and 1 more)"):
            create_study(asked)
        assert not asked.root.exists()


def test_a_study_inside_of_its_own_images_is_refused(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    asked = replace(request(images / "cat"), images=images, simulated=False)
    with refused(StudyError, asked.root, f"found it in {images}"):
        create_study(asked)
    assert not asked.root.exists()


def test_a_study_can_go_on_without_them_and_says_why_each_is_left_out(tmp_path: Path) -> None:
    images = damaged(tmp_path / "images")
    told: list[str] = []
    asked = replace(request(tmp_path), images=images, simulated=False, skip_unreadable=True)
    paths = create_study(asked, tell=told.append)
    recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
    listed = set(IMAGE_LIST.read(IMAGE_LIST.published(paths, 0))["image_id"])
    assert (set(recorded.left_out), recorded.n_images, len(listed & BAD)) == (BAD, 46, 0)
    assert recorded.left_out["cat/2.png"].startswith("8 bits a colour expected, found ")
    assert recorded.left_out["dog/20.png"].startswith("opaque pixels expected, found transparent ones")
    assert told[5:7] == [
        f"{images}: 5 images that cannot be shown are left out: "
        f"cat/2.png ({recorded.left_out['cat/2.png'].split('. ')[0]}), "
        f"cat/3.png ({recorded.left_out['cat/3.png'].split('. ')[0]}), "
        f"cat/7.png ({recorded.left_out['cat/7.png'].split('. ')[0]}) and 2 more. All stand in the study's "
        "inputs/inputs.json.",
        f"{images}: 2 files are no images by their names (1 .heic, 1 .txt) and are not used.",
    ]
    assert compare_inputs(paths, StudyDocument.read(paths.study)) is None  # none of them counts as new


def test_images_that_are_enlarged_are_said_with_the_smallest(tmp_path: Path) -> None:
    """Of 32 px the shorter side becomes 37 before the centre is cut out."""
    images = image_folder(tmp_path / "images")
    for number, side in enumerate((36, 20, 37)):
        Image.new("RGB", (side, 50), (number, 9, 9)).save(images / "cat" / f"small-{number}.png")
    told: list[str] = []
    create_study(replace(request(tmp_path), images=images), tell=told.append)
    assert told == [
        f"{images}: 2 of 45 images are smaller than 37 px on their shorter side and are enlarged, the smallest "
        "(cat/small-1.png) from 20 px."
    ]


def test_categories_that_run_out_are_named(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    for number in range(3, 21):
        (images / "dog" / f"{number}.png").rename(images / "cat" / f"dog-{number}.png")
    told: list[str] = []
    create_study(replace(request(tmp_path), images=images), tell=told.append)
    assert told == [
        f"{images}: 1 of 2 categories (dog) have fewer than 20 images and run out before the last day, which then is "
        "not balanced over all."
    ]
