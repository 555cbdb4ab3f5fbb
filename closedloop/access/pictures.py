"""Images by their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.access.files import PublishedFiles
from closedloop.artifacts import catalog
from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.errors import StudyError


def find_image(files: PublishedFiles, stimulus_id: str) -> NDArray[np.uint8]:
    """Return the pixels of the first image of this name, (height, width, 3).

    Raises
    ------
    StudyError
        No day has it.
    """
    for day in files.days_with(catalog.STIMULI):
        stimuli = files.read(catalog.STIMULI, day)
        rows = stimuli["image_index"][stimuli["stimulus_id"] == stimulus_id].tolist()
        if rows:
            path = files.path(catalog.IMAGES, day)
            pixels: NDArray[np.uint8] = read_rows(path, STIMULUS_IMAGES, name="images", rows=rows[:1])[0]
            return pixels
    raise StudyError(
        f"{files.paths.root}: expected the stimulus_id of an image of this study, found {stimulus_id!r}. "
        "`study.stimuli()` lists them."
    )
