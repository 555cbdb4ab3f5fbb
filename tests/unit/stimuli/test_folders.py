"""Photographs in folders: both layouts, ImageNet's recipe, and every way in which a file can be bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.errors import ImageError
from closedloop.stimuli.pools import FlatFolderPool, ImageNetFolderPool, open_folder_pool, open_pool


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def one_line(message: str) -> bool:
    return "\n" not in message and len(message) < 400


def test_class_folders_become_categories_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("n02/b.JPEG", "n02/a.png", "n01/c.jpg"):
        write(tmp_path / name, noise(40, 40))
    (tmp_path / "n01" / "notes.txt").write_text("no image")
    (tmp_path / "n01" / "._c.jpg").write_bytes(b"resource fork")
    (tmp_path / "synsets.txt").write_text("no class")
    pool = open_folder_pool(tmp_path, 32)
    assert isinstance(pool, ImageNetFolderPool)
    assert [(i.image_id, i.category) for i in pool.images()] == [
        ("n01/c.jpg", "n01"),
        ("n02/a.png", "n02"),
        ("n02/b.JPEG", "n02"),
    ]


def test_a_flat_folder_has_one_category(tmp_path: Path) -> None:
    write(tmp_path / "z.png", noise(40, 40))
    write(tmp_path / "a.PNG", noise(40, 40))
    pool = open_folder_pool(tmp_path, 32)
    assert isinstance(pool, FlatFolderPool)
    assert [(i.image_id, i.category) for i in pool.images()] == [("a.PNG", "uncategorised"), ("z.png", "uncategorised")]


def test_at_256_pixels_the_recipe_is_the_bare_centre_crop_of_224(tmp_path: Path) -> None:
    pixels = noise(256, 300)
    write(tmp_path / "x.png", pixels)
    # (256 - 224) / 2 = 16 rows and (300 - 224) / 2 = 38 columns are cut off on either side.
    assert np.array_equal(open_folder_pool(tmp_path, 224).load("x.png"), pixels[16:240, 38:262])


def test_a_ramp_keeps_its_slope_and_its_centre_when_it_is_resized(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 512)[None, :, None], (512, 512, 3)).round().astype(np.uint8)
    write(tmp_path / "ramp.png", ramp)
    row = open_folder_pool(tmp_path, 112).load("ramp.png")[50, :, 0].astype(float)
    # 512 -> 128 pixels (112 * 256 / 224), of which the middle 112 stay: 112/128 of the range around 127.5.
    columns = 8 + np.arange(112) + 0.5
    assert np.allclose(row, columns * 4 * 255 / 511 - 0.5 * 255 / 511, atol=1.0)


@pytest.mark.parametrize(("height", "width"), [(100, 31), (31, 100), (500, 333), (32, 32)])
def test_every_aspect_ratio_becomes_a_square(tmp_path: Path, height: int, width: int) -> None:
    write(tmp_path / "x.png", noise(height, width))
    assert open_folder_pool(tmp_path, 32).load("x.png").shape == (32, 32, 3)


def test_grey_palette_and_opaque_alpha_images_become_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(noise(256, 256)[..., 0])
    grey.save(tmp_path / "grey.png")
    grey.convert("RGBA").save(tmp_path / "alpha.png")
    grey.convert("P").save(tmp_path / "palette.png")
    pool = open_folder_pool(tmp_path, 224)
    expected = np.repeat(np.asarray(grey)[16:240, 16:240, None], 3, axis=2)
    for name in ("grey.png", "alpha.png"):
        assert np.array_equal(pool.load(name), expected)
    assert pool.load("palette.png").shape == (224, 224, 3)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_image_is_refused_with_its_name(tmp_path: Path, suffix: str, kept: float) -> None:
    path = write(tmp_path / f"cut.{suffix}", noise(120, 120))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ImageError, match=rf"cut\.{suffix}.*Copy it again") as caught:
        open_folder_pool(tmp_path, 32).load(path.name)
    assert one_line(str(caught.value))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\nrubbish", b"\xff\xd8\xff\xe0rubbish"])
def test_a_file_that_is_no_image_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"no\.png: not a readable image") as caught:
        open_folder_pool(tmp_path, 32).load("no.png")
    assert one_line(str(caught.value))


def test_an_image_that_vanished_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "gone.png", noise(40, 40))
    pool = open_folder_pool(tmp_path, 32)
    path.unlink()
    with pytest.raises(ImageError, match=r"gone\.png: the image is missing"):
        pool.load("gone.png")


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match=r"deep\.png: 8 bits"):
        open_folder_pool(tmp_path, 32).load("deep.png")


def test_transparent_pixels_are_refused_rather_than_painted(tmp_path: Path) -> None:
    pixels = np.dstack([noise(40, 40), np.full((40, 40), 255, dtype=np.uint8)])
    pixels[0, 0, 3] = 0
    write(tmp_path / "clear.png", pixels)
    with pytest.raises(ImageError, match=r"clear\.png: opaque"):
        open_folder_pool(tmp_path, 32).load("clear.png")


@pytest.mark.parametrize("image_id", ["../secret.png", "/etc/hostname"])
def test_an_identity_that_leads_out_of_the_folder_is_refused(tmp_path: Path, image_id: str) -> None:
    write(tmp_path / "secret.png", noise(40, 40))
    write(tmp_path / "pool" / "a.png", noise(40, 40))
    with pytest.raises(ImageError, match="no image of this folder"):
        open_folder_pool(tmp_path / "pool", 32).load(image_id)


def test_folders_without_images_and_mixed_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such image folder"):
        open_folder_pool(tmp_path / "absent", 32)
    with pytest.raises(ImageError, match="no image was found"):
        open_folder_pool(tmp_path, 32)
    write(tmp_path / "class" / "a.png", noise(40, 40))
    write(tmp_path / "b.png", noise(40, 40))
    with pytest.raises(ImageError, match="Keep one of the two"):
        open_folder_pool(tmp_path, 32)


def test_a_description_opens_the_same_folder_again(tmp_path: Path) -> None:
    write(tmp_path / "flat" / "a.png", noise(40, 40))
    write(tmp_path / "deep" / "n01" / "a.png", noise(40, 40))
    for name in ("flat", "deep"):
        pool = open_folder_pool(tmp_path / name, 32)
        again = open_pool(pool.description())
        assert type(again) is type(pool)
        assert again.images() == pool.images()
