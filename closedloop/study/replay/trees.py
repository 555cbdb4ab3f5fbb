"""Folders laid out as a study: some stages of some days are made there, every other one leads to what is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import STAGES, StudyPaths
from closedloop.storage import copy_file, link_folder, make_folder, read_bytes, write_bytes


@dataclass(frozen=True)
class Tree:
    """A folder that is read as a study: what is made in it reads what was made in it before, of earlier days too.

    Attributes
    ----------
    paths
        Where it lies.
    protocol
        By which its stages are made, as a file and as it is read.
    made
        The stages that are made in it, by day.
    """

    paths: StudyPaths
    protocol: Protocol
    protocol_file: bytes
    made: Mapping[int, tuple[str, ...]]

    def lay_out(self, study: StudyPaths, *, n_days: int) -> None:
        """Make the folder; what was made in it before stays.

        Parameters
        ----------
        study
            The published one.
        n_days
            Its days.
        """
        root = self.paths.root
        make_folder(root)
        for path in (study.study, study.amendments):
            if path.is_file():
                copy_file(path, root / path.name)
        if not self.paths.protocol.is_file() or read_bytes(self.paths.protocol) != self.protocol_file:
            write_bytes(self.paths.protocol, self.protocol_file)
        for folder, link in ((study.start, self.paths.start), (study.inputs, self.paths.inputs)):
            if folder.is_dir():
                link_folder(link, folder)
        for day in range(n_days):
            for stage in STAGES:
                folder = study.folder(stage, day)
                if (folder / MANIFEST_NAME).is_file():
                    make_folder(self.paths.day(day).root)
                    if stage not in self.made.get(day, ()):
                        link_folder(self.paths.folder(stage, day), folder)
