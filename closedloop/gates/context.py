"""What a gate is given: a study, a day, and published files, each read once for all gates of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from closedloop.artifacts.files.kinds import Readable, StudyFile
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.storage import sha256_bytes

Content = TypeVar("Content")

PROTOCOL, PROTOCOL_GATES = "protocol", "protocol.gates"
"""What a report names beside files and folders."""

_ABSENT = "not published"


@dataclass(frozen=True)
class GateContext:
    """A gate's surroundings: it reads by `read`, so that its report can say what it was made from.

    Attributes
    ----------
    day
        The recording day that is asked about.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    day: int
    _contents: dict[Path, Any] = field(default_factory=dict, repr=False, compare=False)
    _asked: set[str] = field(default_factory=set, repr=False, compare=False)

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
        return _digest(_manifest(place.parent), place.name) != _ABSENT

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
        manifest = _manifest(folder)
        return None if manifest is None else _n_bytes(manifest)

    def made_from(self) -> dict[str, str]:
        """Return what was read and asked so far; see `GateReport.made_from`."""
        return sources(self.paths, self.protocol, self._asked)


def sources(paths: StudyPaths, protocol: Protocol, asked: Iterable[str]) -> dict[str, str]:
    """Return what a report follows from: the protocol by hash, files by their manifest's, folders by their size.

    Only what was read counts: a journal says when it was written, what follows from it does not.

    Parameters
    ----------
    paths, protocol
        The study, with its protocol as it is now.
    asked
        Files by their path in the study; a folder, of which the size was asked, ends in a slash.
    """
    section = json.dumps(protocol.gates.model_dump(mode="json"), sort_keys=True)
    manifest_of = cache(_manifest)  # several files of a folder are asked for
    found = {PROTOCOL: protocol_sha256(protocol), PROTOCOL_GATES: sha256_bytes(section.encode())}
    for name in sorted(asked):
        place = paths.root / name
        found[name] = (
            _size(manifest_of(place)) if name.endswith("/") else _digest(manifest_of(place.parent), place.name)
        )
    return found


def _size(manifest: Manifest | None) -> str:
    return _ABSENT if manifest is None else f"{_n_bytes(manifest)} bytes"


def _digest(manifest: Manifest | None, name: str) -> str:
    """Return what a folder's manifest says of a file in it."""
    entry = manifest.outputs.get(name) if manifest else None
    return entry.sha256 if entry else _ABSENT


def _n_bytes(manifest: Manifest) -> int:
    return sum(entry.n_bytes for entry in manifest.outputs.values())


def _manifest(folder: Path) -> Manifest | None:
    return read_manifest(folder) if (folder / MANIFEST_NAME).is_file() else None
