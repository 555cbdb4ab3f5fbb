"""What a gate is given: a study, a day, and published files, each read once for all gates of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from closedloop.artifacts.files.kinds import Readable, StudyFile
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.storage import sha256_bytes

Content = TypeVar("Content")

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
    _folders: set[Path] = field(default_factory=set, repr=False, compare=False)

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
        self._folders.add(place.parent)
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
        manifest = self._manifest(place.parent)
        return manifest is not None and place.name in manifest.outputs

    def n_bytes(self, stage: str, *, day: int | None = None) -> int | None:
        """Return how many bytes a stage of a day published; None where it has published nothing.

        Parameters
        ----------
        stage
            Its name.
        day
            Of which day; this day by default.
        """
        manifest = self._manifest(self.paths.folder(stage, self.day if day is None else day))
        return sum(entry.n_bytes for entry in manifest.outputs.values()) if manifest else None

    def made_from(self) -> dict[str, str]:
        """Return what was read so far, by hash; see `GateReport.made_from`."""
        return sources(self.paths, self.protocol, self._folders)

    def _manifest(self, folder: Path) -> Manifest | None:
        self._folders.add(folder)
        return read_manifest(folder) if (folder / MANIFEST_NAME).is_file() else None


def sources(paths: StudyPaths, protocol: Protocol, folders: set[Path]) -> dict[str, str]:
    """Return what a report follows from: hashes of the protocol and of the files in folders, by name.

    A folder is hashed by the digests that its manifest promises: how long it took to make is no part of it.

    Parameters
    ----------
    paths, protocol
        The study, with its protocol as it is now.
    folders
        Which were read, or asked for.
    """
    section = json.dumps(protocol.gates.model_dump(mode="json"), sort_keys=True)
    found = {"protocol": protocol_sha256(protocol), "protocol.gates": sha256_bytes(section.encode())}
    return found | {paths.relative(folder): _folder_hash(folder) for folder in sorted(folders)}


def _folder_hash(folder: Path) -> str:
    if not (folder / MANIFEST_NAME).is_file():
        return _ABSENT
    files = {name: entry.sha256 for name, entry in sorted(read_manifest(folder).outputs.items())}
    return sha256_bytes(json.dumps(files).encode())
