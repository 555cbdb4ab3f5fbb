"""The names of the study's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder

PROTOCOL = "category_preference"
"""The shipped protocol that the default's simulated study goes by."""


@dataclass(frozen=True)
class PreferenceFiles(ResultsFolder):
    """The files of a study."""

    @property
    def made(self) -> Path:
        """The simulated study that was made for it."""
        return self.folder / "study"

    @property
    def sites(self) -> Path:
        """A row a site."""
        return self.folder / "sites.parquet"

    @property
    def rates(self) -> Path:
        """A row a site and epsilon."""
        return self.folder / "rates.parquet"
