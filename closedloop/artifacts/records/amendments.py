"""What people decided after a study began: amendments.jsonl, a chained line each with who, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.records.chain import chain_line, read_chain
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.limits import MOST_LINES_BYTES, read_limited, refuse_many_lines
from closedloop.storage import locked, write_bytes

LOCK_NAME = ".amendments.lock"


class Amendment(Section):
    """One decision. What it changes is told by its kind; `before` and `after` say it in hashes, names or numbers."""

    kind: Literal[
        "accept_session",
        "accept_recording",
        "replace_recording",
        "edit_protocol",
        "approve_gate",
        "hold",
        "release",
    ]
    simulated: bool
    day: int | None = Field(ge=0, description="the recording day it is about; null for the whole study")
    utc: str = Field(description="when, ISO 8601")
    who: str = Field(min_length=1, description="the person, by the account's name unless stated")
    why: str = Field(min_length=1, description="the reason, as it was given")
    subject: tuple[str, ...] = Field(
        default=(), description="what exactly is accepted or replaced: names that the kind knows"
    )
    before: dict[str, str] = Field(default={}, description="what stood before: sha256 by path, or values by name")
    after: dict[str, str] = Field(default={}, description="what stands now")


def utc_now() -> str:
    """Return the time of day as amendments state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_amendments(path: Path) -> tuple[Amendment, ...]:
    """Read a study's amendments, in order; none where there is no file.

    Raises
    ------
    DocumentError
        A line is no amendment, or was lost, doubled, moved or edited.
    """
    chain = read_chain(_lines(path), place=str(path))
    if not chain.is_chained:
        raise DocumentError(f"{path}, line 1: expected a check at the end of every line, found none. Restore the file.")
    amendments: list[Amendment] = []
    for number, body in enumerate(chain.bodies, start=1):
        place = f"{path}, line {number}"
        amendments.append(validate(Amendment, parse_json(body, place=place), place=place))
    return tuple(amendments)


def append_amendment(path: Path, amendment: Amendment) -> None:
    """Add a line; the file is whole before and after, also where the program is killed in between.

    Somebody else who adds one at the same time is waited for: people decide while a loop works.

    Raises
    ------
    DocumentError
        The lines that are there are not whole.
    """
    with locked(path.with_name(LOCK_NAME)):
        read_amendments(path)
        lines = _lines(path)
        line, _ = chain_line(amendment.model_dump_json().encode(), read_chain(lines, place=str(path)).end)
        write_bytes(path, b"".join(old + b"\n" for old in lines) + line)


def _lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    content = read_limited(path, most_bytes=MOST_LINES_BYTES, missing="expected amendments, found none.")
    refuse_many_lines(content, place=str(path))
    return content.splitlines()
