"""A day's stimulus set as one value: its table and its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import IMAGES, STIMULI
from closedloop.artifacts.files.kinds import Reader, StudyFile
from closedloop.artifacts.tables import Columns
from closedloop.errors import DocumentError


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
    """Read a day's stimulus table and images, by what a stage may see or by `files.kinds.reader_of`.

    Raises
    ------
    DocumentError
        One is missing or damaged, or they do not belong together.
    """
    columns, images = read(STIMULI, day=day), read(IMAGES, day=day)["images"]
    n = len(columns["image_index"])
    if images.shape[:1] != (n,) or images.shape[3:] != (3,) or images.shape[1] != images.shape[2]:
        raise differ(day, STIMULI, f"{n} square images of three colours in {IMAGES.name}", f"shape {images.shape}")
    if not np.array_equal(columns["image_index"], np.arange(n)):
        raise differ(day, STIMULI, f"image_index 0, 1, 2, ... in {STIMULI.name}", "another order")
    check_index(day, STIMULI, "clean_index", columns["clean_index"], n=n)
    return StimulusSet(columns, images)


def check_index(day: int, file: StudyFile, name: str, values: NDArray[Any], *, n: int) -> None:
    """Refuse rows that are not there.

    Parameters
    ----------
    day, file
        Where they were read.
    name
        Of the column.
    values
        Row numbers.
    n
        How many rows there are.

    Raises
    ------
    DocumentError
        One is not from 0 to n - 1.
    """
    wrong = values[(values < 0) | (values >= n)]
    if len(wrong):
        raise differ(day, file, f"{name} of {file.name} from 0 to {n - 1}", f"{wrong[0]}")


def differ(day: int, file: StudyFile, expected: str, found: str) -> DocumentError:
    """Return the error of files of a stage that do not belong together.

    Parameters
    ----------
    day, file
        One of them.
    expected, found
        In a few words.
    """
    return DocumentError(
        f"day-{day:02d}/{file.stage}: expected {expected}, found {found}. Restore the files of one {file.stage}."
    )
