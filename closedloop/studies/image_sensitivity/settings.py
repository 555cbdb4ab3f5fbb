"""The names of the study's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder

PROTOCOL = "image_sensitivity"
"""The shipped protocol that the study runs where it is given no study."""


@dataclass(frozen=True)
class ImageFiles(ResultsFolder):
    """The files of a study."""

    @property
    def made(self) -> Path:
        """The simulated study, where none was given."""
        return self.folder / "study"

    @property
    def curves(self) -> Path:
        """A row a (site, image, epsilon)."""
        return self.folder / "curves.parquet"

    @property
    def sites(self) -> Path:
        """A row a site."""
        return self.folder / "sites.parquet"

    @property
    def shams(self) -> Path:
        """A row a test of what has no effect."""
        return self.folder / "shams.parquet"

    @property
    def truth(self) -> Path:
        """A row a site, of a simulated study with --truth."""
        return self.folder / "truth.parquet"
