"""Pools of photographs: a folder in ImageNet's layout (one folder a class) or any flat folder.

Every image becomes square by ImageNet's evaluation recipe, under which the published accuracies of the base models
hold: the shorter side is resized to side * 256 / 224 (bilinear, antialiased), then the centre is cut out (He et al.
2016; `torchvision` reference, ``Resize(256)``, ``CenterCrop(224)``). Before that it is turned upright, as its
orientation tag (Exif 2.3, tag 274) says; studies of versions that did not look at the tag go on without.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from closedloop.errors import ImageError
from closedloop.stimuli.port import ImagePool, PoolImage, Uint8Image
from closedloop.storage import read_bytes

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
RESIZE_OVER_CROP = 256 / 224
MODES_BEYOND_8_BITS = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_CUT_TO_8_BITS = re.compile(r"(?!BGR).*;(16|32)")  # Pillow's raw mode, as RGB;16B; BGR;16 has 5 or 6 bits a colour
_FIRST_IS_THE_PHOTOGRAPH = "MPO"  # of phones and stereo cameras: a JPEG with previews after it
UNCATEGORISED = "uncategorised"
ORIENTATION = "orientation"
"""Of a pool's description: "applied" where images are turned upright; without it they are shown as they are stored."""

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


@dataclass(frozen=True)
class ImageNetFolderPool:
    """Class folders of image files; the category is the folder's name, the identity ``class/file``.

    Attributes
    ----------
    folder
        Where they are.
    side_px
        Height and width of what is shown.
    upright
        Whether orientation tags are honoured.
    """

    folder: Path
    side_px: int
    upright: bool = True

    def __post_init__(self) -> None:
        """Refuse at once a folder that has no image in any class folder."""
        _refuse_empty(self._images, self.folder, "no class folder with an image")

    @cached_property
    def _images(self) -> tuple[PoolImage, ...]:
        classes = [entry for entry in _entries(self.folder) if entry.is_dir()]
        files = ((c.name, f.name) for c in classes for f in _image_files(c))
        return tuple(sorted((PoolImage(f"{c}/{f}", c) for c, f in files), key=lambda image: image.image_id))

    def images(self) -> tuple[PoolImage, ...]:
        """Return every image, sorted by ``image_id``."""
        return self._images

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3)."""
        return load_square(image_path(self.folder, image_id), side_px=self.side_px, upright=self.upright)

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open this pool again."""
        return _description("imagenet_folder", self.folder, side_px=self.side_px, upright=self.upright)


@dataclass(frozen=True)
class FlatFolderPool:
    """Image files in one folder; one category for all, the identity is the file's name.

    Attributes
    ----------
    folder
        Where they are.
    side_px
        Height and width of what is shown.
    upright
        Whether orientation tags are honoured.
    """

    folder: Path
    side_px: int
    upright: bool = True

    def __post_init__(self) -> None:
        """Refuse at once a folder that has no image."""
        _refuse_empty(self._images, self.folder, "no image")

    @cached_property
    def _images(self) -> tuple[PoolImage, ...]:
        return tuple(
            sorted((PoolImage(f.name, UNCATEGORISED) for f in _image_files(self.folder)), key=lambda i: i.image_id)
        )

    def images(self) -> tuple[PoolImage, ...]:
        """Return every image, sorted by ``image_id``."""
        return self._images

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3)."""
        return load_square(image_path(self.folder, image_id), side_px=self.side_px, upright=self.upright)

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open this pool again."""
        return _description("flat_folder", self.folder, side_px=self.side_px, upright=self.upright)


def open_folder_pool(folder: Path, side_px: int) -> ImagePool:
    """Open a folder of photographs, in ImageNet's layout or flat, whichever it is.

    Raises
    ------
    ImageError
        The folder is missing, holds no image, or holds images both beside and inside its folders.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> for name in ("cat", "dog"):
    ...     Path("images", name).mkdir(parents=True)
    ...     Image.new("RGB", (640, 480), "grey").save(Path("images", name, "1.png"))
    >>> pool = open_folder_pool(Path("images"), side_px=224)
    >>> [image.image_id for image in pool.images()]
    ['cat/1.png', 'dog/1.png']
    >>> pool.load("cat/1.png").shape
    (224, 224, 3)
    """
    entries = _entries(folder)
    has_images = any(_is_image_file(entry) for entry in entries)
    has_classes = any(entry.is_dir() and _image_files(entry) for entry in entries)
    if has_images and has_classes:
        raise ImageError(f"{folder}: images lie both in the folder and in its subfolders. Keep one of the two layouts.")
    return ImageNetFolderPool(folder, side_px) if has_classes else FlatFolderPool(folder, side_px)


def _description(kind: str, folder: Path, *, side_px: int, upright: bool) -> dict[str, str | int]:
    found: dict[str, str | int] = {"kind": kind, "folder": str(folder.resolve()), "side_px": side_px}
    return found | ({ORIENTATION: "applied"} if upright else {})


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
        The file is missing, truncated, not an image, deeper than 8 bits, has several frames or transparent pixels.
    """
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        raise ImageError(
            f"{path}: the image is missing. Put it back, or point the study at the right folder."
        ) from None
    square = square_of(content, path, side_px=side_px, upright=upright)
    _check_all_is_shown(content, path)
    return square


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
        They are truncated, no image, deeper than 8 bits, or have transparent pixels.
    """
    image = _read_rgb(content, path, upright=upright)
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
    _read_rgb(content, path, upright=True, draft_px=side_px)
    return _check_all_is_shown(content, path)


def _check_all_is_shown(content: bytes, path: Path) -> tuple[int, int]:
    """Refuse a readable image of which Pillow would give the high bytes or the first frame alone, without a word."""
    with Image.open(BytesIO(content)) as image:
        raw_modes = [one if isinstance(one, str) else str(one[0]) for _, _, _, one in image.tile if one]
        n_frames = 1 if image.format == _FIRST_IS_THE_PHOTOGRAPH else getattr(image, "n_frames", 1)
        width, height = image.size
    deep = [mode for mode in raw_modes if _CUT_TO_8_BITS.match(mode)]
    if deep:
        raise ImageError(f"{path}: 8 bits a colour expected, found {deep[0]}. Convert it to 8-bit RGB.")
    if n_frames > 1:
        raise ImageError(f"{path}: one frame expected, found {n_frames}. Save the one that is meant as a file.")
    return width, height


def _read_rgb(content: bytes, path: Path, *, upright: bool, draft_px: int | None = None) -> Image.Image:
    try:
        with Image.open(BytesIO(content)) as image:
            if draft_px is not None:
                image.draft(None, (draft_px, draft_px))
            image.load()
            turn = _TURNS.get(_orientation(image)) if upright else None
            rgb = _as_rgb(image, path)
            return rgb if turn is None else rgb.transpose(turn)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{path}: not a readable image ({reason}). Copy it again, or take it out of the folder."
        ) from None


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
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ImageError(f"{path}: opaque pixels expected, found transparent ones. Flatten it onto a background.")
    return image.convert("RGB")


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ImageError(f"{folder}: no such image folder. Give a folder of JPEG or PNG files, or of class folders.")
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _image_files(folder: Path) -> list[Path]:
    files = [entry for entry in _entries(folder) if _is_image_file(entry)]
    for file in files:
        if not _is_text(file):
            named = os.fsencode(file).decode(errors="backslashreplace")
            raise ImageError(f"{named}: a name in UTF-8 expected, found other bytes. Rename the file or its folder.")
    return files


def other_files(folder: Path) -> list[str]:
    """Return the names of files that are no images by their names, in a folder and in its class folders."""
    places = [folder, *(entry for entry in _entries(folder) if entry.is_dir())]
    return [
        entry.name for place in places for entry in _entries(place) if entry.is_file() and not _is_image_file(entry)
    ]


def _is_text(path: Path) -> bool:
    """Return whether a path can be written down: bytes that are not UTF-8 stand in it as lone surrogates."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_image_file(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def image_path(folder: Path, image_id: str) -> Path:
    """Return the path of an image, refusing an identity that leads out of the folder."""
    if Path(image_id).is_absolute() or ".." in Path(image_id).parts:
        raise ImageError(f"{folder}: {image_id!r} is no image of this folder. Use an identity the pool listed.")
    return folder / image_id


def _refuse_empty(images: tuple[PoolImage, ...], folder: Path, what: str) -> None:
    if not images:
        raise ImageError(f"{folder}: {what} was found. Give a folder of JPEG or PNG files, or of class folders.")
