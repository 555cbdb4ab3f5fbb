"""What a stage is given: where it is, what was asked for, where to write, whom to tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers


@dataclass(frozen=True)
class StageContext:
    """A stage's surroundings.

    Attributes
    ----------
    day
        Recording day; -1 for the study's start.
    working
        Folder to write into. It is published under the stage's name when the stage returns; after a crash the same
        stage with the same inputs finds its own half-done work there.
    progress
        To be told how far the work is.
    workers
        Who does what can be shared out; None: this machine, as a stage sees fit. No result depends on it.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    day: int
    stage: str
    working: Path
    progress: ProgressCallback
    workers: Workers | None = None

    @property
    def simulated(self) -> bool:
        """Whether the study's subject is simulated."""
        return self.study.simulated

    @property
    def scratch(self) -> Path:
        """Folder for half-done work that a restart finds again and that is not published."""
        return self.working / ".scratch"

    def published(self, stage: str, *, day: int | None = None) -> Path:
        """Return the published folder of a stage, of this day unless another is given."""
        return self.paths.day(self.day if day is None else day).folder(stage)

    def seed(self, *names: str | int) -> int:
        """Derive a seed from (protocol seed, subject, day, stage, names)."""
        return derive_seed(self.protocol.seed, self.study.subject, self.day, self.stage, *names)
