"""What people decided after a study began: amendments.jsonl, a chained line each with who, when and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
from closedloop.artifacts.records.chain import chain_line, read_chain
from closedloop.errors import DocumentError, StorageError
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.limits import MOST_LINES_BYTES, read_limited, refuse_many_lines
from closedloop.storage import locked, write_bytes

LOCK_NAME = ".amendments.lock"
END_NAME = ".amendments.end"
"""Beside the amendments: number and check of the last line. Lines that are cut off at the end leave a chain whole."""
_MOST_OF_END = 100
_END = re.compile(rb'\{("line":([0-9]{1,12}),"check":"[0-9a-f]{16}"\})')


Kind = Literal[
    "accept_session",
    "accept_recording",
    "replace_recording",
    "edit_protocol",
    "approve_gate",
    "hold",
    "release",
    "add_images",
    "amend_protocol",
    "change_rig",
    "close_day",
    "exclude",
    "include",
    "move_study",
    "reopen_day",
    "withdraw",
    "close_day",
    "reopen_day",
    "exclude",
    "include",
    "skip_day",
    "unskip_day",
    "add_block",
    "drop_block",
    "import_responses",
]


class Amendment(Section):
    """One decision. What it changes is told by its kind; `before` and `after` say it in hashes, names or numbers."""

    kind: Kind
    simulated: bool
    day: int | None = Field(ge=0, description="the recording day it is about; null for the whole study")
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
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
    end = _noted_end(path)  # before the lines: somebody may add one meanwhile
    lines = _lines(path)
    amendments = _amendments(lines, place=str(path))
    if fault := _fault_at_the_end(path, lines, end):
        raise DocumentError(fault)
    return amendments


def read_whole_amendments(path: Path) -> tuple[tuple[Amendment, ...], str]:
    """Read a study's amendments up to the first line that is not as it was written: for who only looks at them.

    Returns
    -------
    tuple[tuple[Amendment, ...], str]
        The lines whose chain holds, in order, and what is wrong with the one after them; empty where nothing is.
    """
    try:
        end = _noted_end(path)
        lines = _lines(path)
    except (DocumentError, OSError) as error:
        return (), str(error)
    whole: tuple[Amendment, ...] = ()
    fault = ""
    first, beyond = 0, len(lines) + 1  # so many lines hold; so many do not
    while beyond - first > 1:
        middle = (first + beyond) // 2 if fault else len(lines)
        try:
            whole = _amendments(lines[:middle], place=str(path))
            first = middle
        except DocumentError as error:
            fault, beyond = str(error), middle
    return whole, fault or _fault_at_the_end(path, lines, end)


def whole_amendments(path: Path) -> tuple[Amendment, ...]:
    """Return the lines whose chain holds: for who goes on beside what is wrong with the file, said elsewhere."""
    return read_whole_amendments(path)[0]


def _amendments(lines: list[bytes], *, place: str) -> tuple[Amendment, ...]:
    chain = read_chain(lines, place=place)
    if not chain.is_chained:
        raise DocumentError(
            f"{place}, line 1: expected a check at the end of every line, found none. Restore the file."
        )
    amendments: list[Amendment] = []
    for number, body in enumerate(chain.bodies, start=1):
        line = f"{place}, line {number}"
        amendments.append(validate(Amendment, parse_json(body, place=line), place=line))
    return tuple(amendments)


def append_amendment(path: Path, amendment: Amendment) -> None:
    """Add a line; the file is whole before and after, also where the program is killed in between.

    Somebody else who adds one at the same time is waited for: people decide while a loop works.

    Raises
    ------
    DocumentError
        The lines that are there are not whole.
    """
    with amending(path) as append:
        append(amendment)


def append_decided(path: Path, decide: Callable[[tuple[Amendment, ...]], Amendment]) -> Amendment:
    """Add the line that somebody decides from those that are there; nobody adds one in between.

    Parameters
    ----------
    path
        The study's amendments.
    decide
        Given all lines, returns the new one, or raises what the decision is refused with. It is asked twice: before
        anything is written, and again when nobody else can add a line.

    Raises
    ------
    DocumentError
        The lines that are there are not whole; or what `decide` raises.
    """
    decide(read_amendments(path))  # what is refused leaves nothing behind, not even the lock's file
    with amending(path) as append:
        amendment = decide(read_amendments(path))
        append(amendment)
    return amendment


@contextmanager
def amending(path: Path) -> Iterator[Callable[[Amendment], None]]:
    """Keep everybody else from deciding while the block runs: what was looked at is what is decided on.

    Of two people who hold a study, or approve a gate, in the same moment the second is told what the first did.

    Yields
    ------
    Callable
        Adds a line, as `append_amendment` does.
    """
    with locked(path.with_name(LOCK_NAME)):
        yield partial(_append, path)


def _append(path: Path, amendment: Amendment) -> None:
    read_amendments(path)
    lines = _lines(path)
    line, end = chain_line(amendment.model_dump_json().encode(), read_chain(lines, place=str(path)).end)
    write_bytes(path, b"".join(old + b"\n" for old in lines) + line)
    with suppress(StorageError):  # the line stands; who repeats the command is told so
        write_bytes(path.with_name(END_NAME), f'{{"line":{end.number},"check":"{end.check}"}}\n'.encode())


def _noted_end(path: Path) -> bytes | None:
    """Return what is noted of the last line, as it ends; None where nobody noted it, as older versions did not.

    Raises
    ------
    DocumentError
        Something else is there.
    """
    place = path.with_name(END_NAME)
    if not place.exists():
        return None
    content = read_limited(place, most_bytes=_MOST_OF_END, missing="expected the end of the amendments, found none.")
    end = _END.fullmatch(content.strip())
    if end is None:
        raise DocumentError(
            f"{place}: expected number and check of the last amendment, found others. Restore it, or move it away."
        )
    return end[1]


def _fault_at_the_end(path: Path, lines: list[bytes], end: bytes | None) -> str:
    """Return what is wrong with lines that are whole where the last ones are gone; empty where nothing is.

    A line more than was noted is one whose writer was killed.
    """
    restore = "Restore the file from a copy."
    if end is None:
        is_empty = path.is_file() and not lines
        return f"{path}: expected a line or more, found an empty file. {restore}" if is_empty else ""
    n_lines = int(end.split(b",")[0].removeprefix(b'"line":'))
    if len(lines) < n_lines:
        found = f"{len(lines)} of {n_lines} lines"
        return f"{path}: expected all lines that were written, as {END_NAME} beside it says, found {found}. {restore}"
    if n_lines and not lines[n_lines - 1].endswith(end):
        return f"{path}, line {n_lines}: expected the line that {END_NAME} beside it names, found another. {restore}"
    return ""


def _lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    content = read_limited(path, most_bytes=MOST_LINES_BYTES, missing="expected amendments, found none.")
    refuse_many_lines(content, place=str(path))
    return content.splitlines()
