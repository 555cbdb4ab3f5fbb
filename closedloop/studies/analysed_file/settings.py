"""The names of the analysis's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder


@dataclass(frozen=True)
class AnalysisFiles(ResultsFolder):
    """The files of an analysis."""

    @property
    def sites(self) -> Path:
        """A row a recording and site."""
        return self.folder / "sites.parquet"

    @property
    def preferences(self) -> Path:
        """A row a site, where categories are known."""
        return self.folder / "preferences.parquet"

    @property
    def screening(self) -> Path:
        """Folder of the comparison of networks."""
        return self.folder / "screening"
