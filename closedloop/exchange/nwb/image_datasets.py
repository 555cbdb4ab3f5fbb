"""The images of an HDF5 file, written as hdmf writes them, without its objects: a day has thousands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pynwb.base import Images

from closedloop.exchange.nwb.naming import object_id, place_of
from closedloop.exchange.nwb.pictures import Picture

_FOLDER = "stimulus/templates"
_ORDER = "order_of_images"
_ID, _DESCRIPTION = "object_id", "description"


def add_images(file: Any, pictures: Iterator[Picture], *, after: Images, identifier: str) -> None:
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
