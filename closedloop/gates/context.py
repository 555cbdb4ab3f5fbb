"""What a gate is given: a study, a day, and published files, each read once for all gates of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from closedloop.artifacts.amended.exclusions import PARTS, LeftOutOf
from closedloop.artifacts.amended.uncounted import Uncounted, session_to_compare_with, uncounted
from closedloop.artifacts.files.kinds import Readable, StudyFile
from closedloop.artifacts.gates.report import Checkpoint
from closedloop.artifacts.gates.sources import ABSENT, digest, manifest_of_folder, sources, total_bytes
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths

Content = TypeVar("Content")


@dataclass(frozen=True)
class GateContext:
    """A gate's surroundings: it reads by `read`, so that its report can say what it was made from.

    Attributes
    ----------
    paths
        The study, seen from the session that is asked about.
    day
        Its recording day.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    day: int
    _contents: dict[Path, Any] = field(default_factory=dict, repr=False, compare=False)
    _asked: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def block(self) -> Block:
        """The session that is asked about."""
        return self.paths.block(self.day)

    @property
    def is_first(self) -> bool:
        """Whether it is the study's first, with nothing before it."""
        return self.block == FIRST

    @property
    def first(self) -> GateContext:
        """The same of the study's first session, in which sites are chosen."""
        return self.at(FIRST)

    @property
    def before(self) -> GateContext:
        """The same of the session before, of those that count as a whole; there is one, unless it is the first."""
        return self.at(session_to_compare_with(self.amendments, self.paths.sequence, self.block))

    @property
    def earlier(self) -> tuple[GateContext, ...]:
        """The same of each session before, in order."""
        return tuple(self.at(one) for one in self.paths.sequence.until(self.block) if one < self.block)

    @property
    def amendments(self) -> tuple[Amendment, ...]:
        """What people decided, read once."""
        place = self.paths.amendments
        if place not in self._contents:
            self._contents[place] = read_amendments(place)
        return cast("tuple[Amendment, ...]", self._contents[place])

    def uncounted(self, *parts: LeftOutOf) -> Uncounted:
        """Return what of the session counts in none of some parts of the work; of all of them by default."""
        return uncounted(self.amendments, self.block, parts or PARTS)

    def at(self, block: Block) -> GateContext:
        """Return the same of another session; what is read there is read for this one's report."""
        return replace(self, paths=self.paths.at(block), day=block.day)

    def leaves(self, file: StudyFile) -> Path:
        """Return where the session leaves a file of the catalog; the report follows from it."""
        place = file.left(self.paths, self.day)
        self._asked.add(self.paths.relative(place))
        return place

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
        place = file.published(self.paths, self.day if day is None else day)
        self._asked.add(self.paths.relative(place))
        if place not in self._contents:
            self._contents[place] = file.read(place)
        return cast("Content", self._contents[place])

    def has(self, file: StudyFile, *, day: int | None = None) -> bool:
        """Return whether a published folder holds a file: older versions wrote fewer.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.
        day
            Whose file; this day's by default.
        """
        place = file.published(self.paths, self.day if day is None else day)
        self._asked.add(self.paths.relative(place))
        return digest(manifest_of_folder(place.parent), place.name) != ABSENT

    def n_bytes(self, stage: str, *, day: int | None = None) -> int | None:
        """Return how many bytes a stage of a day published; None where it has published nothing.

        Parameters
        ----------
        stage
            Its name.
        day
            Of which day; this day by default.
        """
        folder = self.paths.folder(stage, self.day if day is None else day)
        self._asked.add(f"{self.paths.relative(folder)}/")
        manifest = manifest_of_folder(folder)
        return None if manifest is None else total_bytes(manifest)

    def made_from(self, checkpoint: Checkpoint) -> dict[str, str]:
        """Return what was read and asked so far; see `GateReport.made_from`."""
        of = self.block, checkpoint
        return sources(self.paths, self.protocol, self._asked, of=of, amendments=self.amendments)
