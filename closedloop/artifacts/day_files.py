"""Where a day's inputs come from when the day before wrote them, and the stimulus set as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.stimuli import STIMULI, STIMULUS_IMAGES
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns, read_table

MODEL_NAME = "model.safetensors"
QUEUE_NAME = "queue.json"


def spikes_name(processor: int) -> str:
    """Return the name of the file with a processor's spikes: each counts on a clock of its own."""
    return "spikes.h5" if processor == 1 else f"spikes-{processor}.h5"


def queue_folder(paths: StudyPaths, day: int) -> Path:
    """Return the folder whose queue.json is shown on this day."""
    return paths.start if day == 0 else paths.day(day - 1).folder("queue")


def model_folder(paths: StudyPaths, day: int) -> Path:
    """Return the folder of model t: what was known before this day."""
    return paths.start if day == 0 else paths.day(day - 1).folder("refit")


@dataclass(frozen=True)
class StimulusSet:
    """A day's stimuli.

    Attributes
    ----------
    columns
        The stimulus table (`days.STIMULI`), a numpy array a column.
    images
        uint8, stimuli x height x width x 3; row `image_index` of the table.
    """

    columns: Columns
    images: NDArray[np.uint8]

    def rows(self, **equal: Any) -> NDArray[np.int64]:
        """Return the rows whose columns have the given values (or one of a tuple of values)."""
        keep = np.ones(len(self.columns["stimulus_id"]), dtype=bool)
        for name, value in equal.items():
            keep &= np.isin(self.columns[name], value if isinstance(value, tuple) else (value,))
        return np.flatnonzero(keep)


def read_stimulus_set(paths: StudyPaths, day: int) -> StimulusSet:
    """Read stimuli.parquet and images.h5 of a day.

    Raises
    ------
    DocumentError
        One is missing or damaged.
    """
    folder = paths.day(day).folder("synthesize")
    columns = read_table(folder / "stimuli.parquet", STIMULI)
    return StimulusSet(columns, read_arrays(folder / "images.h5", STIMULUS_IMAGES)["images"])
