"""One hash of all that decides a stage's result: name, session, study, sections of the protocol, inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import START, StudyDocument
from closedloop.storage import sha256_bytes

_INGEST = "ingest"
INGEST_SECTIONS = ("recording", "sites")
"""The sections that decide what ingest counts, the window among them."""


def input_hash(
    stage: str,
    block: Block,
    *,
    study: StudyDocument,
    protocol: Protocol,
    sections: Iterable[str],
    inputs: Mapping[str, str],
    decisions: Mapping[str, str] | None = None,
) -> str:
    """Hash all that decides a stage's result; equal means no work.

    Parameters
    ----------
    stage
        Its name.
    block
        The session; `records.sequence.START` for the study's start.
    study
        Whose.
    protocol
        Its seed and the sections count, as they differ from their defaults: one that is its default is left out.
    sections
        Names of the parts of the protocol that the stage sees; one that is as by default is not hashed.
    inputs
        sha256 of every file that it reads, by path relative to the study.
    decisions
        What people decided of it (`artifacts.amended.decided`); where that is nothing, nothing is hashed.
    """
    values = protocol.model_dump(mode="json", exclude_defaults=True)
    content = [stage, block.day, protocol.seed, study.subject, study.simulated]
    content += [{name: values[name] for name in sections if name in values}, dict(inputs)]
    if block.number > 1:
        content += [{"block": block.number}]
    if stage == _INGEST and study.recorder is not None:
        content += [study.recorder.model_dump(mode="json", exclude_defaults=True)]
    if stage == START:
        content += [study.pool.model_dump(mode="json"), study.base_model]
    if decisions:
        content += [{"decisions": dict(decisions)}]
    return sha256_bytes(json.dumps(content, sort_keys=True).encode())
