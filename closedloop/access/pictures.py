"""Images by their days and by their names."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from closedloop.access.files import PublishedFiles, differ
from closedloop.artifacts import catalog, naming
from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.manifest import way_back
from closedloop.errors import StudyError


def images_of_day(files: PublishedFiles, day: int) -> NDArray[np.uint8]:
    """Return all images of a day, (n_images, height, width, 3)."""
    return files.read_together(day, catalog.IMAGES, partial(_images, files, day))


def find_image(files: PublishedFiles, stimulus_id: str) -> NDArray[np.uint8]:
    """Return the pixels of the first image of this name, (height, width, 3).

    Raises
    ------
    StudyError
        No day has it, or its bytes are not those that it is named after.
    """
    for day in files.days_with(catalog.STIMULI):
        found = files.read_together(day, catalog.IMAGES, partial(_image, files, day, stimulus_id))
        if found is not None:
            return found
    raise StudyError(
        f"{files.paths.root}: expected the stimulus_id of an image of this study, found {stimulus_id!r}. "
        "`study.stimuli()` lists them."
    )


def _images(files: PublishedFiles, day: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = files.read(catalog.IMAGES, day)["images"]
    n_stimuli = len(files.read(catalog.STIMULI, day)["stimulus_id"])
    if len(pixels) != n_stimuli:
        raise differ(files.path(catalog.IMAGES, day), f"the {n_stimuli} images of stimuli.parquet", f"{len(pixels)}")
    return pixels


def _image(files: PublishedFiles, day: int, stimulus_id: str) -> NDArray[np.uint8] | None:
    stimuli = files.read(catalog.STIMULI, day)
    rows = stimuli["image_index"][stimuli["stimulus_id"] == stimulus_id].tolist()
    if not rows:
        return None
    path = files.path(catalog.IMAGES, day)
    pixels: NDArray[np.uint8] = read_rows(path, STIMULUS_IMAGES, name="images", rows=rows[:1])[0]
    found = naming.stimulus_id(pixels)
    if found != stimulus_id:
        raise StudyError(
            f"{path}: expected the bytes of image {stimulus_id} in row {rows[0]}, found those of {found}: "
            f"the file is damaged. {way_back(path.parent, simulated=files.study.simulated)}"
        )
    return pixels
