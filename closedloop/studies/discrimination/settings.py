"""The names of the study's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder


@dataclass(frozen=True)
class DiscriminationFiles(ResultsFolder):
    """The files of a study."""

    @property
    def experiment(self) -> Path:
        """The simulated experiment, where none was given."""
        return self.folder / "experiment"

    @property
    def answers(self) -> Path:
        """A row a trial."""
        return self.folder / "answers.parquet"

    @property
    def sessions(self) -> Path:
        """A row a session."""
        return self.folder / "sessions.parquet"

    @property
    def subjects(self) -> Path:
        """A row a subject."""
        return self.folder / "subjects.parquet"

    @property
    def pairs(self) -> Path:
        """A row a perturbed image."""
        return self.folder / "pairs.parquet"

    @property
    def detection(self) -> Path:
        """A row an epsilon."""
        return self.folder / "detection.parquet"

    @property
    def coverage(self) -> Path:
        """A row an epsilon and a kind of simulated observers."""
        return self.folder / "coverage.parquet"
