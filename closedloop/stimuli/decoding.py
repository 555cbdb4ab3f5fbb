"""From the bytes of an image file to a square, in bounded memory and time, whatever the bytes are.

What an image costs is known before it is decoded: its format and size stand in its header, and no format is taken that
can ask for more than its size says. Pillow opens files of some forty formats by their content, whatever they are
called; some of them start programs (EPS), others ask for any memory. Of those it is told to open photographs' alone.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError, _imaging

from closedloop.errors import ImageError
from closedloop.stimuli.port import Uint8Image
from closedloop.storage import read_bytes

RESIZE_OVER_CROP = 256 / 224
MODES_BEYOND_8_BITS = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_CUT_TO_8_BITS = re.compile(r"(?!BGR).*;(16|32)")  # Pillow's raw mode, as RGB;16B; BGR;16 has 5 or 6 bits a colour
_FIRST_IS_THE_PHOTOGRAPH = "MPO"  # of phones and stereo cameras: a JPEG with previews after it

_MOST_BYTES = 450_000_000  # of memory for one image, its file included
_BYTES_A_PIXEL = {  # at the peak, measured: Pillow's own 4, a copy in RGB or turned upright, what the decoder holds
    "JPEG": 8,
    "MPO": 8,
    "PNG": 10,
    "BMP": 10,
    "GIF": 10,  # in a file that is called .jpg, as some of ImageNet are
    "TIFF": 10,
    "WEBP": 18,
}
_BYTES_A_PIXEL_PROGRESSIVE = 12  # libjpeg keeps the coefficients of the whole image
_FORMATS = tuple(name for name in _BYTES_A_PIXEL if name != _FIRST_IS_THE_PHOTOGRAPH)  # that one is opened as JPEG
_MOST_SCANS = 200  # of a JPEG, 10 in a progressive one: each passes over the whole image, however few bytes it has
_START_OF_SCAN = b"\xff\xda"
_TIFF_COMPRESSIONS = frozenset(
    {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "group3", "group4", "tiff_ccitt"}
)
_WEBP_HEAD = re.compile(rb"RIFF....WEBP(VP8.)", re.DOTALL)

_TEXT_BOMB = re.compile("MAX_TEXT_(CHUNK|MEMORY)")  # Pillow's limits, by which it means the texts of a PNG
_ORIENTATION_TAG = 274
_TURNS = {  # what makes an image upright, by the tag's value; 1 and what is no value of it: nothing
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_square(path: Path, *, side_px: int, upright: bool = True) -> Uint8Image:
    """Read an image file as a square, uint8, shape (side_px, side_px, 3).

    Parameters
    ----------
    path
        The file.
    side_px
        Height and width.
    upright
        Whether its orientation tag is honoured.

    Raises
    ------
    ImageError
        The file is missing, truncated, not an image, too large, deeper than 8 bits, has several frames or transparent
        pixels.
    """
    try:
        content = read_image(path)
    except FileNotFoundError:
        raise ImageError(f"{path}: expected an image, found none. Correct the path, or put the image back.") from None
    with _opened(content, path) as image:
        _check_all_is_shown(image, path)
        return _square(_rgb_of(image, path, upright=upright), path, side_px=side_px)


def load_as_it_is(path: Path) -> Uint8Image:
    """Read an image file without resizing or cropping it, uint8, shape (height, width, 3).

    Raises
    ------
    ImageError
        As `load_square`.
    """
    try:
        content = read_image(path)
    except FileNotFoundError:
        raise ImageError(f"{path}: expected an image, found none. Correct the path, or put the image back.") from None
    with _opened(content, path) as image:
        _check_all_is_shown(image, path)
        return np.asarray(_rgb_of(image, path, upright=True), dtype=np.uint8)


def read_image(path: Path) -> bytes:
    """Read the bytes of an image file, unless there are more than any image of a pool has.

    Raises
    ------
    ImageError
        There are; or it is no file (a pipe would be waited for), or may not be read.
    FileNotFoundError
        There is no such file.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
            raise ImageError(f"{path}: expected an image file, found {kind}. Take it out of the folder.")
        if status.st_size > _MOST_BYTES:
            raise ImageError(
                f"{path}: expected an image file of at most {_MOST_BYTES / 1e6:.0f} MB, found "
                f"{status.st_size / 1e6:.0f} MB. Save it smaller, or take it out of the folder."
            )
        if not os.access(path, os.R_OK):
            raise ImageError(
                f"{path}: expected an image file that may be read, found one that may not. Change its permissions, or "
                "take it out of the folder."
            )
        return read_bytes(path)
    except NotADirectoryError as error:
        raise ImageError(f"{path}: expected an image file, found none. Correct the path.") from error


def square_of(content: bytes, path: Path, *, side_px: int, upright: bool = True) -> Uint8Image:
    """Turn the bytes of an image file into a square, uint8, shape (side_px, side_px, 3).

    Of 16-bit colours and of several frames it takes what Pillow gives: a study that listed such images has shown them
    so. `check_decodes` and `load_square` refuse them.

    Parameters
    ----------
    content
        The file's bytes.
    path
        Where they are from; named where they are refused.
    side_px
        Height and width.
    upright
        Whether the orientation tag is honoured.

    Raises
    ------
    ImageError
        They are truncated, no image, too large, deeper than 8 bits, or have transparent pixels.
    """
    with _opened(content, path) as image:
        return _square(_rgb_of(image, path, upright=upright), path, side_px=side_px)


def check_decodes(content: bytes, path: Path, *, side_px: int) -> tuple[int, int]:
    """Decode the bytes of an image file to their end, JPEG at the smallest scale that its blocks allow, for speed.

    Parameters
    ----------
    content
        The file's bytes.
    path
        Where they are from.
    side_px
        Size that is wanted of the image.

    Returns
    -------
    tuple
        Width and height as the file states them.

    Raises
    ------
    ImageError
        As `load_square`, where the file is there.
    """
    with _opened(content, path) as image:
        _check_all_is_shown(image, path)
        width, height = image.size
        _check_can_be_resized((width, height), path, side_px=side_px)
        image.draft(None, (side_px, side_px))
        _rgb_of(image, path, upright=True)
        return width, height


@contextmanager
def _opened(content: bytes, path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open an image that may be decoded; whatever Pillow raises on a damaged one becomes one line."""
    _be_quiet()
    try:
        _check_webp(content, path)
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            _check_cost(image, content, path)
            yield image
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))
        raise _too_large(path, f"{int(found.group()) / 1e6:.0f} million" if found else "more", None) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{path}: not a readable image ({', '.join(_FORMATS)} can be read). Copy it again, or take it out of the "
            "folder."
        ) from None
    except Exception as error:  # Pillow's readers raise whatever comes up in a damaged file
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if _TEXT_BOMB.search(reason):
            raise ImageError(
                f"{path}: expected an image whose texts and colour profile unpack to 1 MB at most, found more. Save it "
                "again without them, or take it out of the folder."
            ) from error
        raise ImageError(
            f"{path}: not a readable image ({reason}). Copy it again, or take it out of the folder."
        ) from error


def _be_quiet() -> None:
    """Keep off the terminal what Pillow says of damaged tags and the like; what cannot be shown is refused."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # each time: whoever resets the filters would have them back
    _silence_logs()


@cache
def _silence_logs() -> None:
    """Give Pillow's log no way to standard error, nor libtiff: Pillow raises what that says, or reads on."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with suppress(AttributeError, OSError):
        libtiff = ctypes.CDLL(_imaging.__file__)  # looks in what it was linked with, too
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            getattr(libtiff, name)(None)


def _check_cost(image: ImageFile.ImageFile, content: bytes, path: Path) -> None:
    """Refuse what would cost too much to decode, and compressions whose cost nobody knows."""
    kind, compression = str(image.format), image.info.get("compression")
    if kind == "TIFF" and compression not in _TIFF_COMPRESSIONS:
        raise ImageError(
            f"{path}: expected a TIFF compressed by LZW, deflate, JPEG, packbits or not at all, found {compression!r}. "
            "Save it as PNG."
        )
    if kind == "TIFF" and _area_of_tiles(image) < image.width * image.height:
        raise ImageError(
            f"{path}: expected {image.width} x {image.height} pixels, found fewer in the file. Copy it again, or take "
            "it out of the folder."
        )
    progressive = bool(image.info.get("progressive"))
    a_pixel = _BYTES_A_PIXEL_PROGRESSIVE if progressive else _BYTES_A_PIXEL[kind]
    if image.width * image.height * a_pixel + len(content) > _MOST_BYTES:
        raise _too_large(path, f"{image.width} x {image.height}", a_pixel)
    n_scans = content.count(_START_OF_SCAN)
    if n_scans > _MOST_SCANS and kind in ("JPEG", "MPO", "TIFF") and (kind != "TIFF" or compression == "jpeg"):
        raise ImageError(
            f"{path}: expected a JPEG of at most {_MOST_SCANS} scans, found {n_scans}. Save it again, or take it out "
            "of the folder."
        )


def _tiles(image: ImageFile.ImageFile) -> list[Any]:
    """Return Pillow's list of what is where in the file: codec, extents, offset, arguments; until it is loaded."""
    return list(image.tile)


def _area_of_tiles(image: ImageFile.ImageFile) -> int:
    """Count the pixels for which a file has bytes, those of each colour's plane once."""
    areas: dict[str, int] = {}
    for _, (left, top, right, bottom), _, args in _tiles(image):
        raw_mode = str(args[0] if isinstance(args, tuple) and args else args)
        areas[raw_mode] = areas.get(raw_mode, 0) + (right - left) * (bottom - top)
    return min(areas.values(), default=0)


def _check_webp(content: bytes, path: Path) -> None:
    """Refuse a WebP by the size in its header: Pillow opens one by taking memory for all of it."""
    head = _WEBP_HEAD.match(content)
    if head is None or len(content) < 30:
        return
    if head.group(1) == b"VP8X":
        width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
    elif head.group(1) == b"VP8L":
        packed = int.from_bytes(content[21:25], "little")
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    if width * height * _BYTES_A_PIXEL["WEBP"] > _MOST_BYTES:
        raise _too_large(path, f"{width} x {height}", _BYTES_A_PIXEL["WEBP"])


def _too_large(path: Path, found: str, a_pixel: int | None) -> ImageError:
    most = _MOST_BYTES / (a_pixel or min(_BYTES_A_PIXEL.values())) / 1e6
    return ImageError(
        f"{path}: expected at most {most:.0f} million pixels, found {found}. Save it smaller, or take it out of the "
        "folder."
    )


def _check_all_is_shown(image: ImageFile.ImageFile, path: Path) -> None:
    """Refuse a readable image of which Pillow would give the high bytes or the first frame alone, without a word."""
    raw_modes = [one if isinstance(one, str) else str(one[0]) for _, _, _, one in _tiles(image) if one]
    deep = [mode for mode in raw_modes if _CUT_TO_8_BITS.match(mode)]
    if deep:
        raise ImageError(f"{path}: 8 bits a colour expected, found {deep[0]}. Convert it to 8-bit RGB.")
    n_frames = 1 if image.format == _FIRST_IS_THE_PHOTOGRAPH else getattr(image, "n_frames", 1)
    if n_frames > 1:
        raise ImageError(f"{path}: one frame expected, found {n_frames}. Save the one that is meant as a file.")


def _rgb_of(image: ImageFile.ImageFile, path: Path, *, upright: bool) -> Image.Image:
    """Decode an image and bring it to RGB, upright where that is wanted."""
    image.load()
    turn = _TURNS.get(_orientation(image)) if upright else None
    rgb = _as_rgb(image, path)
    if turn is None:
        return rgb
    if rgb is not image:
        image.close()  # its pixels are a third of the peak
    return rgb.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Return the value of a read image's orientation tag; 1, upright, where it has none that can be read.

    Of a TIFF, whose tags are the format itself, Pillow has turned the pixels and removed the tag.
    """
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error):
        return 1  # viewers, too, show an image with damaged tags as it is stored
    return value if isinstance(value, int) else 1


def _as_rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in MODES_BEYOND_8_BITS:
        raise ImageError(f"{path}: 8 bits a colour expected, found mode {image.mode}. Convert it to 8-bit RGB.")
    if image.has_transparency_data and _alpha(image).getextrema() != (255, 255):
        raise ImageError(f"{path}: opaque pixels expected, found transparent ones. Flatten it onto a background.")
    return image if image.mode == "RGB" and not image.has_transparency_data else image.convert("RGB")


def _alpha(image: Image.Image) -> Image.Image:
    return image.getchannel("A") if "A" in image.getbands() else image.convert("RGBA").getchannel("A")


def _square(image: Image.Image, path: Path, *, side_px: int) -> Uint8Image:
    _check_can_be_resized(image.size, path, side_px=side_px)
    image = image.resize(_resized_size(image.size, side_px=side_px), Image.Resampling.BILINEAR)
    left, top = (round((length - side_px) / 2) for length in image.size)
    return np.array(image.crop((left, top, left + side_px, top + side_px)), dtype=np.uint8)


def resized_side_px(side_px: int) -> int:
    """Return the shorter side that an image is resized to before its centre is cut out; a smaller one is enlarged."""
    return round(side_px * RESIZE_OVER_CROP)


def _resized_size(size: tuple[int, int], *, side_px: int) -> tuple[int, int]:
    short, shorter_side = min(size), resized_side_px(side_px)
    width, height = (shorter_side if length == short else int(shorter_side * length / short) for length in size)
    return width, height


def _check_can_be_resized(size: tuple[int, int], path: Path, *, side_px: int) -> None:
    """Refuse a sliver: with its shorter side as long as is shown, the longer one has no room in memory."""
    width, height = _resized_size(size, side_px=side_px)
    if 4 * width * (height + size[1]) > _MOST_BYTES - 4 * size[0] * size[1]:
        raise ImageError(
            f"{path}: expected an image of which a square is shown, found a strip of {size[0]} x {size[1]} pixels, "
            f"{width} x {height} at the size that is shown. Crop it to what is to be shown, or take it out of the "
            "folder."
        )
