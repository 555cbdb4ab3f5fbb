"""A folder of photographs as it was listed: every image by the hash of its bytes, checked whenever it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.stimuli.decoding import check_decodes, read_image, square_of
from closedloop.stimuli.folders import FlatFolderPool, ImageNetFolderPool, image_path
from closedloop.stimuli.port import ImagePool, PoolImage, Uint8Image
from closedloop.storage import append_to, read_bytes, sha256_bytes, sha256_file

FolderPool = ImageNetFolderPool | FlatFolderPool

_AT_ONCE = min(8, os.cpu_count() or 1)  # threads: reading waits for the disk, hashing and decoding leave Python alone
_BLOCK = 256  # images between two lines of progress
MOST_NAMES = 3
"""Of images, in one line."""

_REMEMBERED = re.compile(
    r"(?P<sha256>[0-9a-f]{64})\t(?P<n_bytes>\d+) (?P<time>\d+)\t(?P<side>\d+)\t(?P<image_id>[^\n]+)\n"
)


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
        listed = (image for image in self.pool.images() if image.image_id in self.sha256)
        return tuple(image for image in listed if image_path(self.pool.folder, image.image_id).is_file())

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
            content = read_image(path)
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


@dataclass(frozen=True)
class FolderReading:
    """What reading a folder from its first image to its last has found.

    Attributes
    ----------
    images
        Those that can be shown, sorted by ``image_id``.
    faults
        Why others cannot, by ``image_id``.
    shorter_side_px
        Of those that can be shown, by ``image_id``.
    """

    images: tuple[ListedImage, ...]
    faults: Mapping[str, ImageError]
    shorter_side_px: Mapping[str, int]


def read_folder(
    pool: FolderPool,
    *,
    remembered: Path,
    progress: Callable[[int, int], None],
    only: Collection[str] | None = None,
) -> FolderReading:
    """Read every image of a folder: its hash, its size, and whether it can be shown.

    Parameters
    ----------
    pool
        The folder.
    remembered
        File to write down what was read; one that an interrupted call left is gone on with, for images whose size and
        modification time are as they were.
    progress
        Called with (images read, all images).
    only
        Names of the images to read; all by default.
    """
    images = tuple(image for image in pool.images() if only is None or image.image_id in only)
    known = dict(_remembered(remembered))
    listed: list[ListedImage] = []
    faults: dict[str, ImageError] = {}
    sides: dict[str, int] = {}
    names = iter(images)
    with ThreadPoolExecutor(_AT_ONCE) as threads, append_to(remembered) as book:
        while block := tuple(islice(names, _BLOCK)):
            for image, found in zip(
                block, threads.map(lambda image: _read(pool, image.image_id, known), block), strict=True
            ):
                if isinstance(found, ImageError):
                    faults[image.image_id] = found
                    continue
                listed.append(found.listed)
                sides[image.image_id] = found.shorter_side_px
                if found != known.get(image.image_id):
                    book.write(f"{found.listed.sha256}\t{found.stamp}\t{found.shorter_side_px}\t{image.image_id}\n")
            book.flush()
            progress(len(listed) + len(faults), len(images))
    return FolderReading(tuple(listed), faults, sides)


def refuse_unreadable(pool: FolderPool, reading: FolderReading, *, otherwise: str) -> None:
    """Refuse a folder with images that cannot be shown: how many, and of the first ones why.

    Parameters
    ----------
    pool, reading
        The folder and what was found in it.
    otherwise
        What else than mending them can be done.

    Raises
    ------
    ImageError
        There are some.
    """
    if reading.faults:
        n_images = len(reading.faults) + len(reading.images)
        raise ImageError(
            f"{pool.folder}: expected images that can be shown, found {len(reading.faults):,} of {n_images:,} that "
            f"cannot: {name_some(pool, reading)}. Mend them or take them out of the folder{otherwise}."
        )


def name_some(pool: FolderPool, reading: FolderReading) -> str:
    """Name the first images that cannot be shown, with the reason, and count the others."""
    some = [
        f"{name} ({reason_of(fault, image_path(pool.folder, name)).split('. ')[0].rstrip('.')})"
        for name, fault in islice(reading.faults.items(), MOST_NAMES)
    ]
    more = f" and {len(reading.faults) - MOST_NAMES:,} more" if len(reading.faults) > MOST_NAMES else ""
    return ", ".join(some) + more


def reason_of(fault: ImageError, path: Path) -> str:
    """Return why an image cannot be shown, and what to do, without its path."""
    return str(fault).removeprefix(f"{path}: ")


@dataclass(frozen=True)
class _Known:
    """What was read of an image, and the size and modification time of its file."""

    listed: ListedImage
    stamp: str
    shorter_side_px: int


def _read(pool: FolderPool, image_id: str, known: Mapping[str, _Known]) -> _Known | ImageError:
    path = image_path(pool.folder, image_id)
    try:
        status = path.stat()
    except OSError as error:
        found = f"a link to {path.readlink()}" if path.is_symlink() else "none"
        return ImageError(
            f"{path}: expected an image file, found {found} ({error.strerror}). Mount the disk that it is on, or take "
            "it out of the folder."
        )
    stamp = f"{status.st_size} {status.st_mtime_ns}"
    before = known.get(image_id)
    if before is not None and before.stamp == stamp:
        return before
    try:
        content = read_image(path)
        size = check_decodes(content, path, side_px=pool.side_px)
    except ImageError as error:
        return error
    return _Known(ListedImage(image_id, sha256_bytes(content), len(content)), stamp, min(size))


def _remembered(file: Path) -> Iterator[tuple[str, _Known]]:
    """Yield what whole lines say, by image_id; a kill may have torn the last one."""
    if file.is_file():
        for line in read_bytes(file).decode(errors="replace").splitlines(keepends=True):
            found = _REMEMBERED.fullmatch(line)
            if found:
                listed = ListedImage(found["image_id"], found["sha256"], int(found["n_bytes"]))
                yield listed.image_id, _Known(listed, f"{found['n_bytes']} {found['time']}", int(found["side"]))


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
    names = (image.image_id for image in pool.images())
    there = {name for name in names if image_path(pool.folder, name).is_file()}  # a link may lead nowhere by now
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
