"""The names of the study's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder


@dataclass(frozen=True)
class PopulationFiles(ResultsFolder):
    """The files of a study."""

    @property
    def made(self) -> Path:
        """The simulated study that is made where none is given."""
        return self.folder / "study"

    @property
    def decoding(self) -> Path:
        """A row per (kind of change, epsilon, truth or not)."""
        return self.folder / "decoding.parquet"

    @property
    def redundancy(self) -> Path:
        """A row per (kind of change, epsilon, space)."""
        return self.folder / "redundancy.parquet"

    @property
    def by_category(self) -> Path:
        """A row per (category, kind of change, epsilon)."""
        return self.folder / "by_category.parquet"

    @property
    def sealed(self) -> Path:
        """A row per (kind, epsilon) of the attacks that a sealed decoder was to be misled by."""
        return self.folder / "sealed.parquet"
