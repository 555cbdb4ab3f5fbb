"""Photographs in folders: both layouts, ImageNet's recipe, and every way in which a file can be bad."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from closedloop.errors import ImageError
from closedloop.stimuli.decoding import check_decodes
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
    with pytest.raises(ImageError, match=r"gone\.png: expected an image, found none"):
        pool.load("gone.png")


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match=r"deep\.png: 8 bits"):
        open_folder_pool(tmp_path, 32).load("deep.png")


def deep_png(channels: int) -> bytes:
    """Make a PNG of 16 bits a colour, gray with alpha (2), RGB (3) or RGBA (4): Pillow cannot write one."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.random.default_rng(0).integers(0, 1 << 16, (40, 40, channels)).astype(">u2")
    if channels != 3:
        rows[:, :, -1] = 0xFFFF
    header = struct.pack(">IIBBBBB", 40, 40, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bits_a_colour_are_refused_where_the_low_byte_would_be_lost(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(deep_png(channels))
    with pytest.raises(ImageError, match=r"deep\.png: 8 bits a colour expected, found \w+;16B"):
        open_folder_pool(tmp_path, 32).load("deep.png")
    with pytest.raises(ImageError, match="Convert it to 8-bit RGB"):
        check_decodes(path.read_bytes(), path, side_px=32)


@pytest.mark.parametrize("name", ["moving.webp", "pages.tif", "moving.png"])
def test_more_than_one_frame_is_refused(tmp_path: Path, name: str) -> None:
    first, *more = (Image.fromarray(noise(40, 40, seed)) for seed in range(3))
    first.save(tmp_path / name, save_all=True, append_images=more)
    with pytest.raises(ImageError, match=rf"{name}: one frame expected, found 3"):
        open_folder_pool(tmp_path, 32).load(name)
    with pytest.raises(ImageError, match="one frame expected"):
        check_decodes((tmp_path / name).read_bytes(), tmp_path / name, side_px=32)


def test_a_photograph_with_previews_after_it_is_one_image(tmp_path: Path) -> None:
    photograph = Image.fromarray(noise(40, 40))
    photograph.save(tmp_path / "plain.jpg")
    photograph.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[photograph.resize((8, 8))])
    pool = open_folder_pool(tmp_path, 32)
    np.testing.assert_array_equal(pool.load("phone.jpg"), pool.load("plain.jpg"))


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"caf\xe9/a.png"])
def test_a_name_that_is_not_utf_8_is_refused_in_a_line_that_can_be_printed(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - bytes
    write(tmp_path / "good.png", noise(40, 40)).rename(os.fsdecode(path))
    with pytest.raises(ImageError, match=r"caf\\xe9.*: a name in UTF-8 expected") as caught:
        open_folder_pool(tmp_path, 32)
    str(caught.value).encode()


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


QUARTERS = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 250]]], dtype=np.uint8)
UPRIGHT = {  # Exif 2.3, tag 274: which sides the first row and the first column of the stored image are
    1: QUARTERS,  # top, left
    2: QUARTERS[:, ::-1],  # top, right
    3: QUARTERS[::-1, ::-1],  # bottom, right
    4: QUARTERS[::-1],  # bottom, left
    5: QUARTERS.transpose(1, 0, 2),  # left, top
    6: np.rot90(QUARTERS, -1),  # right, top: a telephone held upright
    7: QUARTERS[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
    8: np.rot90(QUARTERS, 1),  # left, bottom
    9: QUARTERS,  # no value of it
}


def save_turned(path: Path, orientation: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.repeat(np.repeat(QUARTERS, 64, axis=0), 64, axis=1)
    Image.fromarray(stored).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


def quarters(image: np.ndarray) -> list[list[int]]:
    """Return the colours in the middle of the four quarters, to a tenth."""
    eighth = len(image) // 4
    middles = [image[row, column] for row in (eighth, 3 * eighth) for column in (eighth, 3 * eighth)]
    return [[round(int(value) / 25) for value in middle] for middle in middles]


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_an_image_is_shown_upright_as_its_orientation_tag_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = save_turned(tmp_path / "images" / f"x{suffix}", orientation)
    shown = open_folder_pool(path.parent, 32).load(path.name)
    assert quarters(shown) == (UPRIGHT[orientation].reshape(4, 3) // 25).tolist()


def test_a_pool_of_a_version_that_ignored_the_tag_gives_the_pixels_as_they_are_stored(tmp_path: Path) -> None:
    path = save_turned(tmp_path / "images" / "x.jpg", 6)
    new = open_folder_pool(path.parent, 32).description()
    assert new == {"kind": "flat_folder", "folder": str(path.parent), "side_px": 32, "orientation": "applied"}
    old = {name: value for name, value in new.items() if name != "orientation"}
    assert quarters(open_pool(old).load("x.jpg")) == (QUARTERS.reshape(4, 3) // 25).tolist()
    assert open_pool(old).description() == old
    assert open_pool(new).description() == new


def test_damaged_tags_do_not_keep_an_image_from_being_shown(tmp_path: Path) -> None:
    """Pillow warns of such tags; whoever looks for the image sees it as it is stored."""
    path = save_turned(tmp_path / "images" / "x.jpg", 6)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Exif\x00\x00MM", b"Exif\x00\x00XX"))
    assert quarters(open_folder_pool(path.parent, 32).load("x.jpg")) == (QUARTERS.reshape(4, 3) // 25).tolist()


@pytest.mark.parametrize("kind", ["zTXt", "iTXt"])
def test_a_text_that_unpacks_to_more_than_an_image_s_texts_is_said_in_words(tmp_path: Path, kind: str) -> None:
    texts = PngInfo()
    bomb = "0" * (2 << 20)
    (texts.add_itxt if kind == "iTXt" else texts.add_text)("comment", bomb, zip=True)
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "bomb.png", pnginfo=texts)
    with pytest.raises(ImageError, match=r"bomb\.png: expected an image whose texts .* 1 MB at most"):
        open_folder_pool(tmp_path, 32).load("bomb.png")
