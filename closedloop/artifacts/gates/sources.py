"""What a gates' report was made from, told from manifests: whether it still follows from what is there costs no numpy.

The loop asks here whether to write a report anew, and the rig whether the one that is there is of the session at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from closedloop.artifacts.amended.exclusions import PARTS
from closedloop.artifacts.amended.uncounted import uncounted, uncounted_at_intake
from closedloop.artifacts.gates.report import Checkpoint, GateReport
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_bytes

PROTOCOL, PROTOCOL_GATES, LEFT_OUT = "protocol", "protocol.gates", "left out"
"""What a report names beside files and folders."""

ABSENT = "not published"


def sources(
    paths: StudyPaths,
    protocol: Protocol,
    asked: Iterable[str],
    *,
    of: tuple[Block, Checkpoint],
    amendments: Sequence[Amendment],
) -> dict[str, str]:
    """Return what a report follows from: the protocol by hash, files by their manifest's, folders by their size.

    Only what was read counts: a journal says when it was written, what follows from it does not. What people left out
    counts where it is of what the gates look at.

    Parameters
    ----------
    paths, protocol
        The study, with its protocol as it is now.
    asked
        Files by their path in the study; a folder, of which the size was asked, ends in a slash.
    of
        Whose report, of which checkpoint.
    amendments
        The study's.
    """
    section = json.dumps(protocol.gates.model_dump(mode="json"), sort_keys=True)
    manifest_of = cache(manifest_of_folder)  # several files of a folder are asked for
    found = {PROTOCOL: protocol_sha256(protocol), PROTOCOL_GATES: sha256_bytes(section.encode())}
    for name in sorted(asked):
        place = paths.root / name
        found[name] = _size(manifest_of(place)) if name.endswith("/") else digest(manifest_of(place.parent), place.name)
    return found | _left_out(paths, *of, amendments)


def _left_out(
    paths: StudyPaths, session: Block, checkpoint: Checkpoint, amendments: Sequence[Amendment]
) -> dict[str, str]:
    """Return what people left out of what the gates of a checkpoint look at, by its hash; nothing where all counts."""
    texts = dict[str, str]()
    if checkpoint == "intake":
        texts = uncounted_at_intake(amendments, paths.sequence, session)
    elif checkpoint == "review":
        texts = {part: uncounted(amendments, session, (part,)).as_text() for part in PARTS}
    told = {name: text for name, text in texts.items() if text}
    return {LEFT_OUT: sha256_bytes(json.dumps(told, sort_keys=True).encode())} if told else {}


def _size(manifest: Manifest | None) -> str:
    return ABSENT if manifest is None else f"{total_bytes(manifest)} bytes"


def asked_of(report: GateReport) -> frozenset[str]:
    """Return the files and folders that a report is of, by their paths in the study."""
    return frozenset(report.made_from) - {PROTOCOL, PROTOCOL_GATES, LEFT_OUT}


def follows_from_files(
    report: GateReport, paths: StudyPaths, protocol: Protocol, amendments: Sequence[Amendment]
) -> bool:
    """Return whether a report is of the files, of the protocol and of the decisions that are there.

    The hash of the section with all its defaults is left to the loop: a rig's computer may have another version, with
    other defaults, and could never have it written anew.

    Parameters
    ----------
    report
        As it was written.
    paths, protocol, amendments
        The study, with its protocol as it is now.
    """
    of = Block(report.day, report.block), report.checkpoint
    now = sources(paths, protocol, asked_of(report), of=of, amendments=amendments)
    before = dict(report.made_from)
    return {**before, PROTOCOL_GATES: ""} == {**now, PROTOCOL_GATES: ""}


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
