"""Which rig showed which day: a `change_rig` line where a day's session came from another than the day before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block

RIG: Final = "rig"
RIG_SHA256: Final = "rig_sha256"
UNKNOWN: Final = "none named"
_SHOWN_OF_HASH: Final = 12


def said(line: Amendment) -> str:
    """Return what a `change_rig` line says, in words."""
    return f"had the session shown by {_named(line.after)}; the day before it was {_named(line.before)}"


def shown_by(amendments: Sequence[Amendment]) -> tuple[str, ...]:
    """Return which rig showed which days, a sentence each; nothing where all days were shown by one."""
    lines = sorted(
        (line for line in standing(amendments) if line.kind == "change_rig" and line.day is not None),
        key=_session,
    )
    if not lines:
        return ()
    day, number = changed = _session(lines[0])
    last = Block(day, number - 1) if changed.number > 1 else Block(day - 1)
    first = f"Until {last.said} sessions were shown by {_named(lines[0].before)}."
    return (first, *(f"From {_session(line).said} on they were shown by {_named(line.after)}." for line in lines))


def _session(line: Amendment) -> Block:
    return Block(line.day or 0, line.block)


def _named(side: dict[str, str]) -> str:
    name, digest = side.get(RIG, UNKNOWN), side.get(RIG_SHA256, UNKNOWN)
    written = "" if digest == UNKNOWN else f" (rig.yaml {digest[:_SHOWN_OF_HASH]})"
    return f"rig {name}{written}"
