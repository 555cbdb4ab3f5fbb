"""Folders laid out as a study: some stages of some days are made there, every other one leads to what is published."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments, utc_now
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, StudyPaths
from closedloop.storage import copy_file, link_folder, make_folder, read_bytes, write_bytes

_DECIDES_NOTHING = "move_study"  # of a stage's result; lines are named by their numbers, and none may be missing


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
        The stages that are made in it, by session.
    settings
        Protocol keys and values, JSON, that every day goes by, whatever was amended.
    ignored
        Kinds of people's decisions that do not count in it.
    """

    paths: StudyPaths
    protocol: Protocol
    protocol_file: bytes
    made: Mapping[Block, tuple[str, ...]]
    settings: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def amendments(self, path: Path) -> tuple[Amendment, ...]:
        """Read people's decisions as they count here; other settings are the last of them."""
        decided = tuple(
            one.model_copy(update={"kind": _DECIDES_NOTHING}) if one.kind in self.ignored else one
            for one in read_amendments(path)
        )
        if not self.settings:
            return decided
        what_if = Amendment(
            kind="amend_protocol",
            simulated=False,
            day=0,
            utc=utc_now(),
            who=getpass.getuser(),
            why="what if",
            subject=tuple(self.settings),
            after=dict(self.settings),
        )
        return (*decided, what_if)

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
        links = (self.paths.start, self.paths.inputs, self.paths.imported)
        for folder, link in zip((study.start, study.inputs, study.imported), links, strict=True):
            if folder.is_dir():
                link_folder(link, folder)
        for block in study.sequence.with_lost(n_days):
            of_study, own = study.at(block), self.paths.at(block)
            for stage in STAGES:
                folder = of_study.folder(stage, block.day)
                if (folder / MANIFEST_NAME).is_file():
                    make_folder(own.day(block.day).root)
                    if stage not in self.made.get(block, ()):
                        link_folder(own.folder(stage, block.day), folder)
