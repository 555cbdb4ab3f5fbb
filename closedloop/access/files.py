"""The published files of a study: days and marks checked, and what is not there yet named with its remedy."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsIndex, TypeVar

from closedloop.artifacts.catalog import Readable, StudyFile
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import STAGES, StudyDocument, StudyPaths
from closedloop.errors import StudyError

Content = TypeVar("Content")


@dataclass(frozen=True)
class PublishedFiles:
    """What a study has published so far. Nothing is written or locked, and no database is opened."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol

    @property
    def days(self) -> tuple[int, ...]:
        """The days that have begun, ascending."""
        return tuple(day for day in range(self.protocol.days) if self.paths.day(day).root.is_dir())

    def days_with(self, file: StudyFile) -> tuple[int, ...]:
        """Return the days that have published a file, ascending."""
        return tuple(day for day in self.days if _is_published(file.published(self.paths, day)))

    def path(self, file: StudyFile, day: SupportsIndex, *, handed_on: bool = False) -> Path:
        """Return where a published file lies.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.
        day
            Whose file.
        handed_on
            Whether the day after the last one counts too: what the last day leaves.

        Raises
        ------
        StudyError
            There is no such day, it has not come as far, or the file is of another study.
        """
        number = self._checked(day, n_days=self.protocol.days + int(handed_on))
        path = file.published(self.paths, number)
        if not _is_published(path):
            raise StudyError(
                f"{path.parent}: expected {file.name} ({file.holds}), found that day {number} has not come as far. "
                f"Run `closedloop run {self.paths.root}`: it goes on, or says what it waits for."
            )
        self._check_mark(path.parent)
        return path

    def has(self, file: StudyFile, day: SupportsIndex) -> bool:
        """Return whether an optional file is there."""
        return self.path(file, day).is_file()

    def read(self, file: Readable[Content], day: SupportsIndex) -> Content:
        """Read a published file; `path` and the file's own kind have what is raised."""
        if not isinstance(file, StudyFile):
            raise TypeError(f"expected a file of artifacts.catalog, found {file!r}")
        return file.read(self.path(file, day))

    def manifest(self, day: SupportsIndex, stage: str) -> Manifest:
        """Read a stage's manifest.

        Raises
        ------
        StudyError
            There is no such stage or day, or the day has not come as far.
        """
        if stage not in STAGES:
            raise StudyError(f"{self.paths.root}: expected a stage ({', '.join(STAGES)}), found {stage!r}. Correct it.")
        path = self.path(StudyFile(stage, MANIFEST_NAME, holds="what the stage read and wrote"), day)
        return read_manifest(path.parent)

    def _checked(self, day: SupportsIndex, *, n_days: int) -> int:
        number = operator.index(day)
        if not 0 <= number < n_days:
            raise StudyError(
                f"{self.paths.root}: expected a day from 0 to {n_days - 1}, found {number}. "
                f"The protocol has {self.protocol.days} days, counted from 0."
            )
        return number

    def _check_mark(self, folder: Path) -> None:
        names = {True: "simulated", False: "real"}
        found = read_manifest(folder).simulated
        if found != self.study.simulated:
            raise StudyError(
                f"{folder}: expected {names[self.study.simulated]} data as in study.json, found {names[found]} data. "
                "Remove the foreign folder and run its stage again."
            )


def published_files(root: Path) -> PublishedFiles:
    """Open a study's folder to read from it.

    Raises
    ------
    StudyError
        The folder is no study.
    DocumentError
        study.json or protocol.yaml is missing or damaged.
    """
    paths = StudyPaths(root)
    if not paths.study.is_file():
        raise StudyError(f"{root}: expected a study folder, found no study.json. Correct the path.")
    return PublishedFiles(paths, StudyDocument.read(paths.study), read_protocol(paths.protocol))


def _is_published(path: Path) -> bool:
    return (path.parent / MANIFEST_NAME).is_file()
