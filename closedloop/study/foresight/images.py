"""A new study's images: opened, read to the last one, and what a person should know of them before any is shown."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from closedloop.artifacts.protocol.protocol import Protocol, fresh_images_until
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.execution.progress import ProgressCallback
from closedloop.stimuli.decoding import resized_side_px
from closedloop.stimuli.folders import other_files
from closedloop.stimuli.listed import MOST_NAMES, FolderPool, FolderReading, name_some, read_folder
from closedloop.stimuli.pools import ImagePool, ProceduralPool, open_folder_pool
from closedloop.storage import make_folder, remove_file, sha256_bytes

_FORGOTTEN = Path(os.devnull)


def open_images(folder: Path | None, protocol: Protocol) -> ImagePool:
    """Open the folder of images that was given, or the images that the protocol has computed.

    Raises
    ------
    ImageError
        The folder is missing or holds no image, or the protocol asks for images that no pool has.
    """
    if folder is not None:
        return open_folder_pool(folder, protocol.images.side_px)
    wanted = protocol.procedural
    return ProceduralPool(
        seed=protocol.seed,
        side_px=protocol.images.side_px,
        n_categories=wanted.n_categories,
        n_per_category=wanted.n_per_category,
    )


def read_images(
    pool: ImagePool, described: PoolDescription, *, progress: ProgressCallback, tell: Callable[[str], None]
) -> FolderReading | None:
    """Read every image of a folder; what an interrupted call has read is remembered, outside of the study.

    Parameters
    ----------
    pool
        The study's.
    described
        What study.json says of it.
    progress
        Called with (images read, all images).
    tell
        Called with a line for every image that cannot be shown, where they are more than a line can name.

    Returns
    -------
    FolderReading | None
        None where images are computed.
    """
    if not isinstance(pool, FolderPool):
        return None
    remembered = _memory_of(described)
    reading = read_folder(pool, remembered=remembered, progress=progress)
    if len(reading.faults) > MOST_NAMES:  # else the line about them names them all
        for fault in reading.faults.values():
            tell(str(fault))
    return reading


def forget_images(described: PoolDescription) -> None:
    """Forget what was read of a folder, once it stands in a study."""
    remembered = _memory_of(described)
    if remembered != _FORGOTTEN:
        remove_file(remembered)


def notes(pool: ImagePool, reading: FolderReading | None, protocol: Protocol, *, n_days: int) -> Iterator[str]:
    """Yield what a person should know of images that can be shown, a line each.

    Parameters
    ----------
    pool, reading
        The study's images; of computed ones there is no reading.
    protocol
        What is wanted of them.
    n_days
        Days that will be run.
    """
    if reading is None or not isinstance(pool, FolderPool):
        return
    if reading.faults:
        yield (
            f"{pool.folder}: {len(reading.faults)} images that cannot be shown are left out: "
            f"{name_some(pool, reading)}. All stand in the study's inputs/inputs.json."
        )
    others = Counter(Path(name).suffix.lower() or name for name in other_files(pool.folder))
    if others:
        said = ", ".join(f"{number} {suffix}" for suffix, number in others.most_common(MOST_NAMES))
        yield f"{pool.folder}: {sum(others.values())} files are no images by their names ({said}) and are not used."
    least_px = resized_side_px(pool.side_px)
    small = {name: side for name, side in reading.shorter_side_px.items() if side < least_px}
    if small:
        smallest = min(small, key=lambda name: (small[name], name))
        yield (
            f"{pool.folder}: {len(small):,} of {len(reading.images):,} images are smaller than {least_px} px on their "
            f"shorter side and are enlarged, the smallest ({smallest}) from {small[smallest]} px."
        )
    yield from _categories(pool, {image.image_id for image in reading.images}, protocol, n_days=n_days)


def _categories(pool: FolderPool, listed: set[str], protocol: Protocol, *, n_days: int) -> Iterator[str]:
    images = protocol.images
    sizes = Counter(image.category for image in pool.images() if image.image_id in listed)
    if len(sizes) == 1:
        if "linear" in protocol.controls.kinds and protocol.controls.n_images:
            yield f"{pool.folder}: all images are of one category; linear controls go towards others of the same one."
        return
    wanted = images.anchors + images.normalizers + fresh_images_until(protocol, n_days)
    each = math.ceil(wanted / len(sizes))
    short = sorted(name for name, size in sizes.items() if size < each - 1)
    if short:
        more = f" and {len(short) - MOST_NAMES} more" if len(short) > MOST_NAMES else ""
        yield (
            f"{pool.folder}: {len(short)} of {len(sizes)} categories ({', '.join(short[:MOST_NAMES])}{more}) have "
            f"fewer than {each - 1:,} images and run out before the last day, which then is not balanced over all."
        )


def _memory_of(described: PoolDescription) -> Path:
    """Return the file that remembers what was read of a folder, in the account's cache; nowhere, where it has none."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "closedloop"
        make_folder(folder)
        file = folder / f"images-{sha256_bytes(described.model_dump_json().encode())[:16]}.tsv"
        file.touch()
    except (OSError, RuntimeError):  # no home, a full disk: reading begins from the start then
        return _FORGOTTEN
    return file
