"""The protocol that a day goes by: the study's, with what was amended from that day or an earlier one on.

An `amend_protocol` line has the keys as its subject (`attack.epsilons`), their values as JSON before and after, and the
hashes of the protocols that days go by since, so that a manifest's protocol is known whatever is decided later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment
from closedloop.errors import ProtocolError
from closedloop.plain_text.json_text import parse_json

PROTOCOL_SHA256 = "protocol_sha256"
"""Under names that begin so a line has hashes of protocols."""


def protocol_of_day(protocol: Protocol, amendments: Sequence[Amendment], day: int) -> Protocol:
    """Return the protocol that a day goes by.

    Parameters
    ----------
    protocol
        The study's, as in protocol.yaml.
    amendments
        The study's lines; those that were taken back do not count.
    day
        The recording day; the study's start goes by the protocol of day 0.

    Raises
    ------
    ProtocolError
        What was amended is no longer possible with the protocol as it is now.
    """
    amended = amended_values(amendments, day)
    if not amended:
        return protocol
    return with_values(protocol, amended, place=f"amendments.jsonl, day {max(day, 0)}")


def amended_values(amendments: Sequence[Amendment], day: int) -> dict[str, str]:
    """Return what is amended on a day, as JSON by key (`attack.epsilons`); of two lines the later one counts."""
    values: dict[str, str] = {}
    for line in _changes(amendments):
        if line.day is not None and line.day <= max(day, 0):
            values |= {key: line.after[key] for key in line.subject}
    return values


def with_values(protocol: Protocol, values: Mapping[str, str], *, place: str) -> Protocol:
    """Return a protocol with other values, checked as a whole.

    Parameters
    ----------
    protocol
        The one to change.
    values
        JSON by key.
    place
        What a message calls them.

    Raises
    ------
    ProtocolError
        The protocol would be impossible.
    """
    plain = protocol.model_dump(mode="json")
    for key, text in values.items():
        inside: dict[str, Any] = plain
        *sections, name = key.split(".")
        for section in sections:
            inside = inside.setdefault(section, {})
        inside[name] = parse_json(text.encode(), place=f"{place}, {key}")
    return validate(Protocol, plain, place=place, error=ProtocolError)


def hashes_by_day(protocol: Protocol, amendments: Sequence[Amendment]) -> dict[str, str]:
    """Return the hashes of the protocols that days go by where it is not the study's, as lines have them.

    Parameters
    ----------
    protocol, amendments
        The study's.

    Raises
    ------
    ProtocolError
        One of them is impossible.
    """
    days = sorted({line.day for line in _changes(amendments) if line.day is not None})
    return {
        f"{PROTOCOL_SHA256} from day {day}": protocol_sha256(protocol_of_day(protocol, amendments, day)) for day in days
    }


def protocol_hashes(amendments: Sequence[Amendment]) -> tuple[str, ...]:
    """Return the hashes of all protocols that people's decisions made, also of those that were taken back."""
    return tuple(value for line in amendments for name, value in line.after.items() if name.startswith(PROTOCOL_SHA256))


def said(line: Amendment) -> str:
    """Return what an `amend_protocol` line changes, in words."""
    changes = ", ".join(f"{key} {line.before[key]} -> {line.after[key]}" for key in line.subject)
    return f"from day {line.day} on: {changes}"


def value_text(value: object) -> str:
    """Return a value of the protocol as lines have it."""
    return json.dumps(value)


def _changes(amendments: Sequence[Amendment]) -> list[Amendment]:
    return [line for line in standing(amendments) if line.kind == "amend_protocol"]
