"""What a stage is given: where it is, what was asked for, where to write, whom to tell.

A stage's ``run`` alone holds the context: it reads, computes with functions that take and return values, and writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Never, TypeVar

from closedloop.artifacts.amended.kept import sites_as_shown
from closedloop.artifacts.documents import Document
from closedloop.artifacts.files.kinds import DocumentFile, Readable, StudyFile, Writable
from closedloop.artifacts.naming import stage_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers

Content = TypeVar("Content")
KeptDocument = TypeVar("KeptDocument", bound=Document)


@dataclass(frozen=True)
class StageContext:
    """A stage's surroundings.

    Attributes
    ----------
    paths
        The study, seen from the session that the stage is of.
    protocol
        The sections that the stage's row of `study.table` declares; asking for another is an error, so that no stage
        depends on what would not make it stale.
    day
        Recording day; -1 for the study's start.
    working
        Folder to write into. It is published under the stage's name when the stage returns; after a crash the same
        stage with the same inputs finds its own half-done work there.
    progress
        Called with (done, total) as the work goes.
    workers
        Who does what can be shared out; None: this machine, as a stage sees fit. No result depends on it.
    inputs
        Published folders that the stage's row declares; reading from another is an error, as with the sections. None:
        any, in tests.
    decided
        What people decided of this stage and day, by the decision's name (`artifacts.amended.decided`); nothing where
        nothing was.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    day: int
    stage: str
    working: Path
    progress: ProgressCallback
    workers: Workers | None = None
    inputs: tuple[Path, ...] | None = None
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def block(self) -> Block:
        """The session: the day, and which of its sessions."""
        return self.paths.block(self.day)

    @property
    def so_far(self) -> tuple[Block, ...]:
        """The sessions up to this one, in order."""
        return self.paths.sequence.until(self.block)

    def at(self, block: Block) -> StageContext:
        """Return the same seen from another session, whose files it reads as its own."""
        return replace(self, paths=self.paths.at(block), day=block.day)

    @property
    def simulated(self) -> bool:
        """Whether the study's subject is simulated."""
        return self.study.simulated

    @property
    def scratch(self) -> Path:
        """Folder for half-done work that a restart finds again and that is not published."""
        return self.working / ".scratch"

    def read(self, file: Readable[Content], *, day: int | None = None) -> Content:
        """Read a published file of the catalog.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.
        day
            Whose file; this day's by default.

        Raises
        ------
        DocumentError
            It is missing, damaged, or of another kind.
        """
        return file.read(self._declared(file.published(self.paths, self.day if day is None else day)))

    def read_as_shown(self, file: DocumentFile[KeptDocument]) -> KeptDocument | None:
        """Read a file of the kept folder whose choice of sites later days were shown by; see `artifacts.amended.kept`.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.

        Returns
        -------
        KeptDocument | None
            None where that is no kept folder: nothing was shown yet, or day 0 is made from what it was made from.

        Raises
        ------
        DocumentError
            It is missing, damaged, or of another kind.
        """
        folder = sites_as_shown(self.paths)
        return file.read(self._declared(folder / file.name)) if folder else None

    def write(self, file: Writable[Content], content: Content) -> None:
        """Write a file of the catalog into the working folder, atomically, with the study's mark.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.
        content
            What the file's kind takes: a document, columns, or arrays.
        """
        file.write(self.working / file.name, content, simulated=self.simulated)

    def path(self, file: StudyFile, *, day: int | None = None) -> Path:
        """Return where a published file of the catalog lies, of this day unless another is given."""
        return self._declared(file.published(self.paths, self.day if day is None else day))

    def has(self, file: StudyFile) -> bool:
        """Return whether a file that a study may be without is there; a row has its folder as an input where it is."""
        path = file.published(self.paths, self.day)
        declared = self.inputs is None or any(path.is_relative_to(folder) for folder in self.inputs)
        return declared and path.is_file()

    def output(self, file: StudyFile) -> Path:
        """Return where to write a file of the catalog that a library writes."""
        return self.working / file.name

    def published(self, stage: str, *, day: int | None = None) -> Path:
        """Return the published folder of a stage, of this day unless another is given."""
        return self._declared(self.paths.day(self.day if day is None else day).folder(stage))

    def seed(self, *names: str | int) -> int:
        """Derive a seed from (protocol seed, subject, day and session, stage, names)."""
        return stage_seed(self.protocol.seed, self.study.subject, self.block.seed_name, self.stage, *names)

    def _declared(self, path: Path) -> Path:
        if self.inputs is not None and not any(path.is_relative_to(folder) for folder in self.inputs):
            raise AttributeError(
                f"stage {self.stage}: {self.paths.relative(path)} is not in a folder among the inputs of its row in "
                "study/table.py; declare it there, so that a change of it makes the stage stale"
            )
        return path


def declared_sections(protocol: Protocol, sections: tuple[str, ...], *, stage: str) -> Protocol:
    """Return a view of a protocol with some of its sections, and the seed.

    Parameters
    ----------
    protocol
        The whole of it.
    sections
        Names of the sections that can be seen.
    stage
        Who looks; named where something else is asked for.

    Returns
    -------
    Protocol
        Asking it for anything else raises AttributeError with the remedy.
    """

    class Declared(Protocol):
        def __getattr__(self, name: str) -> Never:
            raise AttributeError(
                f"stage {stage}: protocol.{name} is not among the sections {sections} of its row in study/table.py; "
                "declare it there, so that a change of it makes the stage stale"
            )

    visible: dict[str, Any] = {name: getattr(protocol, name) for name in ("seed", *sections)}
    return Declared.model_construct(**visible)
