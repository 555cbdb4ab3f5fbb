"""The images of a session by their content hashes, and which was shown when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb.base import ImageReferences, Images
from pynwb.image import IndexSeries, RGBImage

from closedloop.artifacts import catalog
from closedloop.artifacts.files.session_images import read_session_images
from closedloop.exchange.nwb.naming import object_id, place_of
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Storage
from closedloop.exchange.nwb.trials import shown_rows

_WORDS = ("kind", "role", "category", "image_id")
_READ_AT_ONCE = 1 << 24  # bytes
_FOLDER = "stimulus/templates"
_ORDER = "order_of_images"
_ID, _DESCRIPTION = "object_id", "description"


@dataclass(frozen=True)
class ExportedImage:
    """An image, and what is said of it.

    Attributes
    ----------
    name
        Its content hash.
    description
        What it was shown for.
    pixels
        (height, width, 3), as shown.
    """

    name: str
    description: str
    pixels: NDArray[np.uint8]


def pictures_of(session: ExportedSession) -> Iterator[ExportedImage]:
    """Yield the images of a session, in the order of its tables."""
    path = session.files.path(catalog.SESSION_IMAGES, session.block.day)
    names = session.stimuli["stimulus_id"]
    at_once = max(1, _READ_AT_ONCE // (3 * session.document.image_side_px**2))
    for first in range(0, len(names), at_once):
        rows = list(range(first, min(first + at_once, len(names))))
        for row, pixels in zip(rows, read_session_images(path, rows), strict=True):
            yield ExportedImage(str(names[row]), _words(session, row), pixels)


def images_of(session: ExportedSession, storage: Storage) -> Images:
    """Return the images of a session in the order of its tables.

    Of an HDF5 file it is the first alone: `add_images` writes the others without an object of hdmf for each.
    """
    path = session.files.path(catalog.SESSION_IMAGES, session.block.day)
    side = session.document.image_side_px
    names = session.stimuli["stimulus_id"]
    pictures = [
        RGBImage(name=str(name), data=_pixels(path, row, side=side, storage=storage), description=_words(session, row))
        for row, name in enumerate(names if storage.zarr else names[:1])
    ]
    return Images(
        name="images",
        images=pictures,
        description="Every image of the session, named by its content hash, as shown: uint8 RGB, "
        f"{session.document.screen.image_scale} screen pixels a pixel.",
        order_of_images=ImageReferences(name="order_of_images", data=pictures),
    )


def add_images(file: Any, pictures: Iterator[ExportedImage], *, after: Images, identifier: str) -> None:
    """Write the images that follow the first, each with the attributes that hdmf gave to the first, and their order.

    Parameters
    ----------
    file
        The open file that hdmf wrote with the first image alone.
    pictures
        All images, in order.
    after
        The images that hdmf wrote: the first.
    identifier
        Of the file.
    """
    (first,) = after.images.values()
    kind = f"{place_of(after)}/{type(first).__name__}:"
    folder = file[f"{_FOLDER}/{after.name}"]
    same = {name: value for name, value in folder[first.name].attrs.items() if name not in (_ID, _DESCRIPTION)}
    places = [folder[next(pictures).name].ref]
    for one in pictures:
        dataset = folder.create_dataset(one.name, data=one.pixels)
        own = {_ID: object_id(identifier, f"{kind}{one.name}"), _DESCRIPTION: one.description}
        dataset.attrs.update(same | own)
        places.append(dataset.ref)
    _set_order(folder, places)


def _set_order(folder: Any, places: list[Any]) -> None:
    """Put the order of all images in the place of the order of one."""
    attributes, dtype = dict(folder[_ORDER].attrs), folder[_ORDER].dtype
    del folder[_ORDER]
    folder.create_dataset(_ORDER, data=np.array(places, dtype)).attrs.update(attributes)


def index_series_of(session: ExportedSession, images: Images) -> IndexSeries:
    """Return which image was shown at each onset; rows are those of the trials.

    Parameters
    ----------
    session
        The session.
    images
        Of it.
    """
    rows = shown_rows(session)
    return IndexSeries(
        name="presentations",
        data=session.responses["image_index"][rows].astype(np.uint32),
        unit="N/A",
        timestamps=session.onset_s[rows],
        indexed_images=images,
        description="which image of `images` came on when: places in order_of_images",
    )


def _pixels(path: Path, row: int, *, side: int, storage: Storage) -> Any:
    if not storage.zarr:
        return read_session_images(path, [row])[0]
    shape = (side, side, 3)
    return storage.dataset(_read(path, row), shape=shape, dtype=np.uint8, chunks=shape, compressed=False)


def _read(path: Path, row: int) -> Iterator[NDArray[np.uint8]]:
    yield read_session_images(path, [row])[0]


def _words(session: ExportedSession, row: int) -> str:
    said = [str(session.stimuli[name][row]) for name in _WORDS]
    epsilon = float(session.stimuli["epsilon"][row])
    return " ".join([*(word for word in said if word), *([f"epsilon {epsilon:g}"] if epsilon else [])])
