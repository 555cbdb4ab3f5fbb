"""Images that are written without objects of hdmf are what hdmf writes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, validate
from pynwb.base import ImageReferences, Images
from pynwb.image import IndexSeries, RGBImage

from closedloop.exchange.nwb.naming import object_id, place_of
from closedloop.exchange.nwb.pictures import ExportedImage, add_images
from closedloop.exchange.nwb.writing import write_nwb

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), dtype=np.uint8)
PICTURES = [ExportedImage(f"{9 - place}f", f"image {place} \u00b5", pixels) for place, pixels in enumerate(PIXELS)]


def write(path: Path, pictures: list[ExportedImage], *, others: list[ExportedImage] | None = None) -> Images:
    """Write a file of images as pynwb does, and the others without its objects."""
    images = [RGBImage(name=one.name, data=one.pixels, description=one.description) for one in pictures]
    held = Images(
        name="images",
        images=images,
        description="all",
        order_of_images=ImageReferences(name="order_of_images", data=images),
    )
    file = NWBFile("a session", "an identifier", datetime(2022, 1, 3, tzinfo=UTC))
    file.add_stimulus_template(held)
    shown = IndexSeries(
        name="shown", data=np.arange(5, dtype=np.uint32), unit="N/A", timestamps=np.arange(5.0), indexed_images=held
    )
    file.add_stimulus(shown)
    then = partial(add_images, pictures=iter(others), after=held, identifier="an identifier") if others else None
    write_nwb(file, path, then=then)
    return held


def content(path: Path) -> dict[str, Any]:
    """Return what the folder of images has, but for the objects' ids."""
    with h5py.File(path) as file:
        folder = file["stimulus/templates/images"]
        found: dict[str, Any] = {"": described(folder)}
        for name, dataset in folder.items():
            values = dataset[()]
            if name == "order_of_images":
                values = np.array([file[one].name for one in values])
            found[name] = (described(dataset), dataset.shape, str(dataset.dtype), dataset.maxshape, values.tolist())
        return found


def described(node: Any) -> dict[str, Any]:
    kinds = {name: (node.attrs.get_id(name).dtype, node.attrs.get_id(name).shape) for name in node.attrs}
    return {name: (value if name != "object_id" else "", *kinds[name]) for name, value in node.attrs.items()}


def test_images_are_written_as_hdmf_writes_them(tmp_path: Path) -> None:
    whole, own = tmp_path / "whole.nwb", tmp_path / "own.nwb"
    reference = write(whole, PICTURES)
    write(own, PICTURES[:1], others=PICTURES)
    assert content(own) == content(whole)
    assert len(content(own)) == len(PICTURES) + 2
    with h5py.File(own) as file:
        for image in list(reference.images.values())[1:]:
            wanted = object_id("an identifier", place_of(image))
            assert file[f"stimulus/templates/images/{image.name}"].attrs["object_id"] == wanted
    with NWBHDF5IO(str(own), "r") as stream:
        assert validate(io=stream) == []
        images = stream.read().stimulus_template["images"]
        assert [one.name for one in images.order_of_images.data[:]] == [one.name for one in PICTURES]
