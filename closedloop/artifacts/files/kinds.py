"""Kinds of files in a study: where one lies, and how its content is read and written. `catalog` names each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import ArrayLayout, TableLayout
from closedloop.artifacts.study import IMPORTED, INPUTS, REPORT_PAGES, StudyPaths

if TYPE_CHECKING:  # `closedloop status` asks only where files lie, and does without numpy and what opens them
    from closedloop.artifacts.arrays import Arrays
    from closedloop.artifacts.day.gaze.records import GazeRecords
    from closedloop.artifacts.tables import Columns

AnyDocument = TypeVar("AnyDocument", bound=Document)
Content = TypeVar("Content")
Content_co = TypeVar("Content_co", covariant=True)
Content_contra = TypeVar("Content_contra", contravariant=True)


@dataclass(frozen=True)
class StudyFile:
    """A file that a stage leaves, whatever is in it.

    Attributes
    ----------
    stage
        The stage, which is also the folder's name.
    name
        The file's name.
    holds
        What is in it, in a few words.
    handed_on
        Whether a session reads what the one before left, and the first what the study's start left.
    optional
        Whether a finished stage may be without it.
    """

    stage: str
    name: str
    holds: str = field(kw_only=True)
    handed_on: bool = field(default=False, kw_only=True)
    optional: bool = field(default=False, kw_only=True)

    def published(self, paths: StudyPaths, day: int) -> Path:
        """Return where a day's file is read: what is handed on lies in the folder of the session before.

        The report's files and those about the study's inputs belong to no day.
        """
        of_the_study = {REPORT_PAGES: paths.report, INPUTS: paths.inputs, IMPORTED: paths.imported}
        if self.stage in of_the_study:
            return of_the_study[self.stage] / self.name
        if not self.handed_on:
            return paths.folder(self.stage, day) / self.name
        return paths.handed_on(self.stage, day) / self.name

    def left(self, paths: StudyPaths, day: int) -> Path:
        """Return where a day's session leaves the file, for itself or for the next one."""
        return paths.folder(self.stage, day) / self.name


class Readable(Protocol[Content_co]):
    """A file of the catalog whose content can be read here."""

    def published(self, paths: StudyPaths, day: int) -> Path:
        """Return where a day's file is read."""

    def read(self, path: Path) -> Content_co:
        """Read and check a file."""


class Reader(Protocol):
    """Reads files of the catalog by day: a stage's context, which lets it see what its row declares, or `reader_of`."""

    def __call__(self, file: Readable[Content], *, day: int) -> Content:
        """Read a published file of a day."""


def reader_of(paths: StudyPaths) -> Reader:
    """Return what reads any published file of a study."""

    def read(file: Readable[Content], *, day: int) -> Content:
        return file.read(file.published(paths, day))

    return read


class Writable(Protocol[Content_contra]):
    """A file of the catalog that a stage writes through here."""

    @property
    def stage(self) -> str:
        """The stage that leaves it."""

    @property
    def name(self) -> str:
        """The file's name."""

    def write(self, path: Path, content: Content_contra, *, simulated: bool) -> None:
        """Write a file atomically, with its mark of simulated data.

        Parameters
        ----------
        path
            The file.
        content
            What it is to hold.
        simulated
            The study's mark.
        """


@dataclass(frozen=True)
class DocumentFile(StudyFile, Generic[AnyDocument]):
    """A JSON document."""

    document: type[AnyDocument] = field(kw_only=True)

    def read(self, path: Path) -> AnyDocument:
        """Read and check the document; `Document.read` has what is raised."""
        return self.document.read(path)

    def write(self, path: Path, content: AnyDocument, *, simulated: bool) -> None:
        """Write the document atomically.

        Parameters
        ----------
        path
            The file.
        content
            The document.
        simulated
            The study's mark.

        Raises
        ------
        ValueError
            It carries another mark of simulated data.
        """
        if content.simulated != simulated:
            raise ValueError(f"{path}: expected a document with simulated={simulated}")
        content.write(path)


@dataclass(frozen=True)
class TableFile(StudyFile):
    """A parquet table."""

    layout: TableLayout = field(kw_only=True)

    def read(self, path: Path) -> Columns:
        """Read the columns as numpy arrays; `read_table` has what is raised."""
        from closedloop.artifacts.tables import read_table  # noqa: PLC0415 - numpy with the first file

        return read_table(path, self.layout)

    def write(self, path: Path, content: Mapping[str, Any], *, simulated: bool) -> None:
        """Write the table atomically.

        Parameters
        ----------
        path
            The file.
        content
            Columns of the layout, one value a row.
        simulated
            The study's mark.
        """
        from closedloop.artifacts.tables import write_table  # noqa: PLC0415 - numpy with the first file

        write_table(path, self.layout, content, simulated=simulated)


@dataclass(frozen=True)
class ArrayFile(StudyFile):
    """An HDF5 file of declared datasets."""

    layout: ArrayLayout = field(kw_only=True)

    def read(self, path: Path) -> Arrays:
        """Read all datasets; `read_arrays` has what is raised."""
        from closedloop.artifacts.arrays import read_arrays  # noqa: PLC0415 - numpy with the first file

        return read_arrays(path, self.layout)

    def write(self, path: Path, content: Mapping[str, Any], *, simulated: bool) -> None:
        """Write the datasets atomically.

        Parameters
        ----------
        path
            The file.
        content
            Arrays of the layout, by name.
        simulated
            The study's mark.
        """
        from closedloop.artifacts.arrays import write_arrays  # noqa: PLC0415 - numpy with the first file

        write_arrays(path, self.layout, content, simulated=simulated)


@dataclass(frozen=True)
class JournalFile(StudyFile):
    """The rig's journal, a JSON line an event. The rig alone writes it, as things happen."""

    def read(self, path: Path) -> Journal:
        """Read and check the journal; `read_journal` has what is raised."""
        return read_journal(path)


@dataclass(frozen=True)
class GazeFile(StudyFile):
    """Gaze samples. The rig alone writes them, as the eye moves."""

    def read(self, path: Path) -> GazeRecords:
        """Read the samples and check them; `read_gaze` has what is raised."""
        from closedloop.artifacts.day.gaze.records import read_gaze  # noqa: PLC0415 - numpy with the first file

        return read_gaze(path)
