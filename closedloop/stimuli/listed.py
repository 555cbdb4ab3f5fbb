"""A folder of photographs as it was listed: every image by the hash of its bytes, checked whenever it is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.stimuli.folders import FlatFolderPool, ImageNetFolderPool, check_decodes, image_path, square_of
from closedloop.stimuli.port import ImagePool, PoolImage, Uint8Image
from closedloop.storage import sha256_bytes, sha256_file

FolderPool = ImageNetFolderPool | FlatFolderPool

_AT_ONCE = min(8, os.cpu_count() or 1)  # threads: reading waits for the disk, hashing and decoding leave Python alone
_BLOCK = 256  # images between two lines of progress


@dataclass(frozen=True)
class ListedImage:
    """An image's identity in its pool, and the file that it was when it was listed."""

    image_id: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class ListedPool:
    """The images of a folder that were listed, as long as their bytes are those that were listed.

    An image that is new in the folder is none of them; one that is gone is not handed out.
    """

    pool: FolderPool
    sha256: Mapping[str, str]

    @property
    def side_px(self) -> int:
        """Height and width of every image."""
        return self.pool.side_px

    def images(self) -> tuple[PoolImage, ...]:
        """Return every listed image that is there, sorted by ``image_id``."""
        return tuple(image for image in self.pool.images() if image.image_id in self.sha256)

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3), decoded from the very bytes that were checked."""
        path = image_path(self.pool.folder, image_id)
        return square_of(self._content(image_id), path, side_px=self.side_px, upright=self.pool.upright)

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open the folder again."""
        return self.pool.description()

    def check_drawn(self, image_ids: Iterable[str]) -> None:
        """Read images that were just drawn: one that is not what was listed is refused while nobody depends on it.

        Raises
        ------
        ImageError
            One is missing or other bytes; it may be taken out, since it was never shown.
        """
        for image_id in image_ids:
            self._content(image_id, remedy="Restore it from a copy, or take it out of the folder: it was never shown.")

    def _content(self, image_id: str, *, remedy: str = "Restore it from a copy.") -> bytes:
        path = image_path(self.pool.folder, image_id)
        if image_id not in self.sha256:
            raise ImageError(f"{path}: expected an image of the study's list, found another. Draw one that is listed.")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ImageError(f"{path}: expected the image that was listed, found none. {remedy}") from None
        if sha256_bytes(content) != self.sha256[image_id]:
            raise ImageError(
                f"{path}: expected the bytes that were listed, found others: the file was overwritten. {remedy}"
            )
        return content


def check_drawn(pool: ImagePool, image_ids: Iterable[str]) -> None:
    """Read images that were just drawn, where a pool has files; `ListedPool.check_drawn` has what is raised."""
    if isinstance(pool, ListedPool):
        pool.check_drawn(image_ids)


def list_images(pool: FolderPool, *, remembered: Path, progress: Callable[[int, int], None]) -> tuple[ListedImage, ...]:
    """Read every image of a folder: its hash, and whether it can be shown.

    Parameters
    ----------
    pool
        The folder.
    remembered
        File to write down what was read; one that an interrupted call left is gone on with, for images whose size and
        modification time are as they were.
    progress
        Called with (images read, all images).

    Returns
    -------
    tuple[ListedImage, ...]
        Sorted by ``image_id``.

    Raises
    ------
    ImageError
        Some cannot be shown; the first is named, the others are counted.
    """
    images = pool.images()
    known = dict(_remembered(remembered))
    listed: list[ListedImage] = []
    faults: list[ImageError] = []
    names = iter(images)
    with ThreadPoolExecutor(_AT_ONCE) as threads, remembered.open("a") as book:
        while block := tuple(islice(names, _BLOCK)):
            for found, stamp in threads.map(lambda image: _read(pool, image.image_id, known), block):
                if isinstance(found, ImageError):
                    faults.append(found)
                    continue
                listed.append(found)
                if found.image_id not in known:
                    book.write(f"{found.sha256}\t{stamp}\t{found.image_id}\n")
            book.flush()
            progress(len(listed) + len(faults), len(images))
    if faults:
        more = f" {len(faults) - 1} more images cannot be read either." if len(faults) > 1 else ""
        raise ImageError(f"{faults[0]}{more}")
    return tuple(listed)


def _read(
    pool: FolderPool, image_id: str, known: Mapping[str, tuple[str, str]]
) -> tuple[ListedImage | ImageError, str]:
    path = image_path(pool.folder, image_id)
    status = path.stat()
    stamp = f"{status.st_size} {status.st_mtime_ns}"
    digest, stamp_then = known.get(image_id, ("", ""))
    if stamp_then == stamp:
        return ListedImage(image_id, digest, status.st_size), stamp
    content = path.read_bytes()
    try:
        check_decodes(content, path, side_px=pool.side_px)
    except ImageError as error:
        return error, stamp
    return ListedImage(image_id, sha256_bytes(content), len(content)), stamp


def _remembered(file: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (image_id, (sha256, size and time)) of whole lines; a kill may have torn the last one."""
    if file.is_file():
        for line in file.read_text().splitlines(keepends=True):
            parts = line.removesuffix("\n").split("\t", 2)
            if line.endswith("\n") and len(parts) == len(("sha256", "stamp", "image_id")):
                yield parts[2], (parts[0], parts[1])


@dataclass(frozen=True)
class FolderChanges:
    """How a folder differs from its list, by name.

    Attributes
    ----------
    new, gone
        Sorted; without those that were renamed.
    renamed
        The new name by the listed one.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    renamed: Mapping[str, str]


def folder_changes(pool: FolderPool, listed: Sequence[ListedImage]) -> FolderChanges:
    """Compare the names in a folder with its list; a new name is read where its size is that of one that is gone."""
    there = {image.image_id for image in pool.images()}
    gone = [image for image in listed if image.image_id not in there]
    new = sorted(there - {image.image_id for image in listed})
    sizes = {image.n_bytes for image in gone}
    paths = {name: image_path(pool.folder, name) for name in new}
    digests = {sha256_file(path): name for name, path in paths.items() if path.stat().st_size in sizes}
    renamed = {image.image_id: digests[image.sha256] for image in gone if image.sha256 in digests}
    return FolderChanges(
        new=tuple(name for name in new if name not in renamed.values()),
        gone=tuple(image.image_id for image in gone if image.image_id not in renamed),
        renamed=renamed,
    )
