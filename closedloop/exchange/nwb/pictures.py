"""The images of a session by their content hashes, and which was shown when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pynwb.base import ImageReferences, Images
from pynwb.image import IndexSeries, RGBImage

from closedloop.artifacts import catalog
from closedloop.artifacts.files.session_images import read_session_images
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Storage
from closedloop.exchange.nwb.trials import shown_rows

_WORDS = ("kind", "role", "category", "image_id")


def images_of(session: ExportedSession, storage: Storage) -> Images:
    """Return all images of a session, as they were shown, in the order of its tables; read when they are written."""
    path = session.files.path(catalog.SESSION_IMAGES, session.block.day)
    side = session.document.image_side_px
    stimuli = session.stimuli
    pictures = [
        RGBImage(name=str(name), data=_pixels(path, row, side=side, storage=storage), description=_words(session, row))
        for row, name in enumerate(stimuli["stimulus_id"])
    ]
    return Images(
        name="images",
        images=pictures,
        description="Every image of the session, named by its content hash, as shown: uint8 RGB, "
        f"{session.document.screen.image_scale} screen pixels a pixel.",
        order_of_images=ImageReferences(name="order_of_images", data=pictures),
    )


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
    shape = (side, side, 3)
    return storage.dataset(_read(path, row), shape=shape, dtype=np.uint8, chunks=shape, compressed=False)


def _read(path: Path, row: int) -> Iterator[NDArray[np.uint8]]:
    yield read_session_images(path, [row])[0]


def _words(session: ExportedSession, row: int) -> str:
    said = [str(session.stimuli[name][row]) for name in _WORDS]
    epsilon = float(session.stimuli["epsilon"][row])
    return " ".join([*(word for word in said if word), *([f"epsilon {epsilon:g}"] if epsilon else [])])
