"""Where clean images come from, and how a pool is opened again from its description.

Three pools exist: a folder in ImageNet's layout and any flat folder (``folders``), and images that are computed
(``procedural``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.stimuli.folders import ORIENTATION, FlatFolderPool, ImageNetFolderPool, open_folder_pool
from closedloop.stimuli.port import ImagePool, PoolImage, images_by_category, load_images
from closedloop.stimuli.procedural import ProceduralPool

__all__ = [
    "FlatFolderPool",
    "ImageNetFolderPool",
    "ImagePool",
    "PoolImage",
    "ProceduralPool",
    "images_by_category",
    "load_images",
    "open_folder_pool",
    "open_pool",
]


def open_pool(description: Mapping[str, str | int]) -> ImagePool:
    """Open the pool that ``ImagePool.description`` described.

    Raises
    ------
    ImageError
        The kind is unknown, an entry is missing, or a folder is not there any more.

    Examples
    --------
    >>> pool = open_pool({"kind": "procedural", "seed": 0, "side_px": 32, "n_categories": 2, "n_per_category": 3})
    >>> len(pool.images())
    6
    """
    kind = description.get("kind")
    if kind == "procedural":
        sizes = {key: int(_entry(description, key)) for key in ("seed", "side_px", "n_categories", "n_per_category")}
        return ProceduralPool(**sizes)
    if kind in ("imagenet_folder", "flat_folder"):
        folder, side_px = Path(str(_entry(description, "folder"))), int(_entry(description, "side_px"))
        upright = description.get(ORIENTATION) == "applied"
        opened = ImageNetFolderPool if kind == "imagenet_folder" else FlatFolderPool
        return opened(folder, side_px, upright)
    raise ImageError(f"image pool: kind {kind!r} is unknown. Use procedural, imagenet_folder or flat_folder.")


def _entry(description: Mapping[str, str | int], key: str) -> str | int:
    if key not in description:
        raise ImageError(f"image pool: the description lacks {key!r}. Take it from the pool's own description().")
    return description[key]
