"""A day's stimulus set as one value: its table and its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import IMAGES, STIMULI, Reader
from closedloop.artifacts.tables import Columns


@dataclass(frozen=True)
class StimulusSet:
    """A day's stimuli.

    Attributes
    ----------
    columns
        The stimulus table (`day.stimuli.STIMULI`), a numpy array a column.
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


def read_stimulus_set(read: Reader, day: int) -> StimulusSet:
    """Read a day's stimulus table and images, by what a stage may see or by `catalog.reader_of`.

    Raises
    ------
    DocumentError
        One is missing or damaged.
    """
    return StimulusSet(read(STIMULI, day=day), read(IMAGES, day=day)["images"])
