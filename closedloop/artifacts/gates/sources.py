"""What a gates' report was made from, told from manifests: whether it still follows from what is there costs no numpy.

The loop asks here whether to write a report anew, and the rig whether the one that is there is of the session at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_bytes

PROTOCOL, PROTOCOL_GATES = "protocol", "protocol.gates"
"""What a report names beside files and folders."""

ABSENT = "not published"


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
    manifest_of = cache(manifest_of_folder)  # several files of a folder are asked for
    found = {PROTOCOL: protocol_sha256(protocol), PROTOCOL_GATES: sha256_bytes(section.encode())}
    for name in sorted(asked):
        place = paths.root / name
        found[name] = _size(manifest_of(place)) if name.endswith("/") else digest(manifest_of(place.parent), place.name)
    return found


def _size(manifest: Manifest | None) -> str:
    return ABSENT if manifest is None else f"{total_bytes(manifest)} bytes"


def follows_from_files(made_from: Mapping[str, str], paths: StudyPaths, protocol: Protocol) -> bool:
    """Return whether a report is of the files and of the protocol that are there.

    The hash of the section with all its defaults is left to the loop: a rig's computer may have another version, with
    other defaults, and could never have it written anew.

    Parameters
    ----------
    made_from
        As the report states it.
    paths, protocol
        The study, with its protocol as it is now.
    """
    now = sources(paths, protocol, made_from.keys() - {PROTOCOL, PROTOCOL_GATES})
    return all(made_from.get(name) == state for name, state in now.items() if name != PROTOCOL_GATES)


def digest(manifest: Manifest | None, name: str) -> str:
    """Return what a folder's manifest says of a file in it."""
    entry = manifest.outputs.get(name) if manifest else None
    return entry.sha256 if entry else ABSENT


def total_bytes(manifest: Manifest) -> int:
    """Return how many bytes a folder's files have."""
    return sum(entry.n_bytes for entry in manifest.outputs.values())


def manifest_of_folder(folder: Path) -> Manifest | None:
    """Return the manifest of a published folder; None where there is none."""
    return read_manifest(folder) if (folder / MANIFEST_NAME).is_file() else None
