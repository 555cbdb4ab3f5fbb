"""A study's protocol.yaml, edited while the study is under way: taken where no recorded day was made with what changed.

A stage's row in the table declares the sections that decide it; the hash over them, in a finished folder's manifest,
tells whether they are what they were. What a person edited is a line of amendments.jsonl, with both values of each key.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from closedloop.artifacts.amended.protocols import PROTOCOL_SHA256, hashes_by_day, protocol_of_day
from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments, utc_now
from closedloop.artifacts.records.sequence import START, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ProtocolError
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.printed import quoted
from closedloop.study.amending.recorded import recorded_sessions
from closedloop.study.ledger import Ledger
from closedloop.study.table import Stage, StageTable

_WHY = "edited in protocol.yaml; no recorded day was made with what changed"
_ALL = ("name", "seed")  # of every stage: the study's identity, and what all random numbers derive from
_MOST_NAMES = 3  # in one line


def protocols_gone_by(paths: StudyPaths, study: StudyDocument) -> tuple[str, ...]:
    """Return the hashes of the protocols that a study went by, the one that it goes by now last."""
    edits = [one for one in read_amendments(paths.amendments) if one.kind == "edit_protocol"]
    return (study.protocol_sha256, *(edit.after[PROTOCOL_SHA256] for edit in edits))


def check_protocol(study: StudyDocument, protocol: Protocol, paths: StudyPaths) -> None:
    """Refuse a real study whose protocol.yaml is not the one that it goes by, and any that has other rounds.

    Parameters
    ----------
    study, protocol
        What is in its folder.
    paths
        Where that is.

    Raises
    ------
    ProtocolError
        It is another.
    """
    _refuse_other_rounds(paths, study, protocol)
    if not study.simulated and protocol_sha256(protocol) != protocols_gone_by(paths, study)[-1]:
        raise ProtocolError(
            f"{paths.protocol}: expected the protocol that this study goes by, found another. Restore it, or have "
            f"`closedloop run {quoted(paths.root)}` say whether what changed may change."
        )


@dataclass(frozen=True)
class _Change:
    """A key that was edited, with both values as JSON."""

    key: str
    before: str
    after: str

    @property
    def section(self) -> str:
        return self.key.split(".")[0]


def accept_edits(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, table: StageTable, ledger: Ledger
) -> str:
    """Take an edited protocol.yaml where no recorded day was made with what changed, and note it.

    A simulated study takes every edit but one of its rounds: all can be made again.

    Parameters
    ----------
    paths, study, protocol
        The study, with protocol.yaml as it is now.
    table
        Which stage reads what.
    ledger
        Remembers the protocol that the study goes by, so that an edit can be named.

    Returns
    -------
    str
        What was taken, in a line; empty where nothing was edited.

    Raises
    ------
    ProtocolError
        A finished stage of a recorded day was made with what changed, or the days are to be cut into other rounds.
    """
    _refuse_other_rounds(paths, study, protocol)
    if study.simulated:
        return ""
    now, before = protocol_sha256(protocol), protocols_gone_by(paths, study)[-1]
    content = json.dumps(protocol.model_dump(mode="json"))
    if now == before:
        ledger.remember_protocol(now, content)
        return ""
    by_day = hashes_by_day(protocol, read_amendments(paths.amendments))
    changes = _changes(_remembered(ledger, before), protocol.model_dump(mode="json"))
    _refuse_recorded(paths, study, protocol, changes, table)
    said = ", ".join(f"{one.key} {one.before} -> {one.after}" for one in changes)
    amendment = Amendment(
        kind="edit_protocol",
        simulated=False,
        day=None,
        utc=utc_now(),
        who=getpass.getuser(),
        why=_WHY,
        subject=tuple(one.key for one in changes),
        before={PROTOCOL_SHA256: before, **{one.key: one.before for one in changes}},
        after={PROTOCOL_SHA256: now, **by_day, **{one.key: one.after for one in changes}},
    )
    append_amendment(paths.amendments, amendment)
    ledger.remember_protocol(now, content)
    again = _sessions_made_again(paths, study, protocol, table)
    return (
        f"{paths.protocol} was edited ({said or 'what, is not known'}): no recorded day was made with what changed, "
        f"the study goes by it from now on. Noted in {paths.amendments}.{again}"
    )


def _refuse_other_rounds(paths: StudyPaths, study: StudyDocument, protocol: Protocol) -> None:
    if protocol.rounds != study.rounds:
        raise ProtocolError(
            f"{paths.protocol}, rounds: expected {study.rounds}, as the study was made with, found {protocol.rounds}. "
            "Restore it; a study whose days are cut otherwise is a new one. A single day is changed by `closedloop "
            "add-block` and `drop-block`."
        )


def _remembered(ledger: Ledger, sha256: str) -> dict[str, Any]:
    """Return what a protocol said; nothing where the ledger does not know."""
    known = ledger.protocol(sha256)
    found: dict[str, Any] = parse_json(known, place=f"the study's ledger, protocol {sha256[:8]}") if known else {}
    return found


def _refuse_recorded(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, changes: list[_Change], table: StageTable
) -> None:
    if protocol.name != study.protocol_name:
        raise ProtocolError(
            f"{paths.protocol}, name: expected {study.protocol_name}, by which the study is known, found "
            f"{protocol.name}. Restore it; a different experiment is a new study."
        )
    for stage, block in _finished(paths, table, blocks=recorded_sessions(paths)):
        if not _would_change(paths, study, protocol, stage, block):
            continue
        of_day = f"{block.folder_name} {stage.name}" if block != START else stage.name
        read = [one for one in changes if one.section in (*stage.sections, *_ALL)]
        if not read:
            raise ProtocolError(
                f"{paths.protocol}: expected the sections {', '.join(stage.sections)} as {of_day} was made with them, "
                "found others. Restore them; a different experiment is a new study."
            )
        restore = "; ".join(f"{one.key}: {one.before}" for one in read[:_MOST_NAMES])
        more = f" and {len(read) - _MOST_NAMES} more" if len(read) > _MOST_NAMES else ""
        raise ProtocolError(
            f"{paths.protocol}, {read[0].key}: expected {read[0].before}, with which {of_day} was made and day "
            f"{max(block.day, 0)} is recorded, found {read[0].after}. Restore {restore}{more}; a different experiment "
            "is a new study."
        )


def _would_change(paths: StudyPaths, study: StudyDocument, protocol: Protocol, stage: Stage, block: Block) -> bool:
    """Return whether a finished stage was made with other sections than a protocol has."""
    at = paths.at(block)
    manifest = read_manifest(at.folder(stage.name, block.day))
    amendments = read_amendments(paths.amendments)
    of_day = protocol_of_day(protocol, amendments, stage.protocol_day(at, block.day))
    return manifest.input_hash not in {
        input_hash(
            stage.name,
            block,
            study=study,
            protocol=of_day,
            sections=sections,
            inputs=manifest.inputs,
            decisions=manifest.decisions,
        )
        for sections in (
            stage.deciding(study, paths),
            stage.seen(paths),
        )  # older versions counted some for what is brought
    }


def _finished(paths: StudyPaths, table: StageTable, *, blocks: list[Block]) -> Iterator[tuple[Stage, Block]]:
    """Yield the finished stages of sessions, in order; the study's start is what the first of them began with."""
    for stage, block in [(table.start, START), *((stage, block) for block in blocks for stage in table.day)]:
        if blocks and (paths.at(block).folder(stage.name, block.day) / MANIFEST_NAME).is_file():
            yield stage, block


def _sessions_made_again(paths: StudyPaths, study: StudyDocument, protocol: Protocol, table: StageTable) -> str:
    """Warn of sessions that were ready to be shown and will be others."""
    recorded = recorded_sessions(paths)
    waiting = [block for block in paths.sequence.blocks(protocol.days) if block not in recorded]
    ready = [one for one in waiting if (paths.at(one).folder("schedule", one.day) / MANIFEST_NAME).is_file()]
    changed = {
        block
        for stage, block in _finished(paths, table, blocks=waiting)
        if _would_change(paths, study, protocol, stage, block)
    }
    for block in ready:
        if changed & {block, START}:
            return (
                f" The session of {block.said} is made anew: if the one from before was shown, restore protocol.yaml."
            )
    return ""


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[_Change]:
    if not before:
        return []
    old, new = dict(_flat(before)), dict(_flat(after))
    keys = [*new, *(key for key in old if key not in new)]
    return [
        _Change(key, _said(old.get(key)), _said(new.get(key)))
        for key in keys
        if _said(old.get(key)) != _said(new.get(key))
    ]


def _flat(values: dict[str, Any], *, inside: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, inside=f"{inside}{name}.")
        else:
            yield f"{inside}{name}", value


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
