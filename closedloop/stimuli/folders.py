"""Pools of photographs: a folder in ImageNet's layout (one folder a class) or any flat folder.

Every image becomes square by ImageNet's evaluation recipe, under which the published accuracies of the base models
hold: the shorter side is resized to side * 256 / 224 (bilinear, antialiased), then the centre is cut out (He et al.
2016; `torchvision` reference, ``Resize(256)``, ``CenterCrop(224)``). Before that it is turned upright, as its
orientation tag (Exif 2.3, tag 274) says; studies of versions that did not look at the tag go on without.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.stimuli.decoding import load_square
from closedloop.stimuli.port import ImagePool, PoolImage, Uint8Image
from closedloop.storage import resolved

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
UNCATEGORISED = "uncategorised"
ORIENTATION = "orientation"
"""Of a pool's description: "applied" where images are turned upright; without it they are shown as they are stored."""


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
        _refuse_empty(
            self._images,
            self.folder,
            "no class folder with an image",
            wanted="class folders, each of JPEG or PNG files",
        )

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
        _refuse_empty(self._images, self.folder, "no image", wanted="JPEG or PNG files, or of class folders")

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
    found: dict[str, str | int] = {"kind": kind, "folder": str(resolved(folder)), "side_px": side_px}
    return found | ({ORIENTATION: "applied"} if upright else {})


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
    """Whether a name is that of an image; one that leads nowhere, to a pipe or a device, is an image that is bad."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def image_path(folder: Path, image_id: str) -> Path:
    """Return the path of an image, refusing an identity that leads out of the folder."""
    if Path(image_id).is_absolute() or ".." in Path(image_id).parts:
        raise ImageError(f"{folder}: {image_id!r} is no image of this folder. Use an identity the pool listed.")
    return folder / image_id


def _refuse_empty(images: tuple[PoolImage, ...], folder: Path, what: str, *, wanted: str) -> None:
    if not images:
        raise ImageError(f"{folder}: {what} was found. Give a folder of {wanted}.")
