"""Chained JSON lines: each carries its number and a check of itself and of the line before.

A line lost, doubled, moved or edited is then named by its number. What the chain cannot tell is a file that ends early:
whoever keeps one says its end by a line of its own, as the rig's journal does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.errors import DocumentError
from closedloop.storage import sha256_bytes

_LINK = re.compile(rb',"line":([0-9]{1,12}),"check":"([0-9a-f]{16})"\}')
_REWRITTEN = re.compile(rb'"check"\s*:\s*"[0-9a-f]{16}"')
_N_HEX_DIGITS = 16
_RESTORE = "Restore the file from where it was written."


@dataclass(frozen=True)
class ChainLink:
    """A line's number, from 1, and its check: what the next line is chained to."""

    number: int
    check: str


CHAIN_START = ChainLink(0, "0" * _N_HEX_DIGITS)
"""What the first line is chained to."""


@dataclass(frozen=True)
class ChainedLines:
    """Lines whose chain was checked.

    Attributes
    ----------
    bodies
        The JSON objects as they were before they were chained, in order.
    is_chained
        Whether the lines carry checks; files of version 0.1 have none. True where there is no line.
    end
        What a next line is chained to.
    """

    bodies: tuple[bytes, ...]
    is_chained: bool
    end: ChainLink


def chain_line(body: bytes, before: ChainLink) -> tuple[bytes, ChainLink]:
    """Chain a JSON object to the line before it.

    Parameters
    ----------
    body
        A JSON object on one line, with one field or more.
    before
        The line before, or `CHAIN_START`.

    Returns
    -------
    tuple[bytes, ChainLink]
        The line, its newline included, and what the next one is chained to.

    Examples
    --------
    >>> line, end = chain_line(b'{"event":"a"}', CHAIN_START)
    >>> read_chain(line.splitlines(), place="journal").bodies
    (b'{"event":"a"}',)
    """
    link = ChainLink(before.number + 1, _check(body, before))
    return body[:-1] + f',"line":{link.number},"check":"{link.check}"}}\n'.encode(), link


def read_chain(lines: Sequence[bytes], *, place: str, before: ChainLink = CHAIN_START) -> ChainedLines:
    """Take the checks off lines, each compared with its own text and the line before.

    Parameters
    ----------
    lines
        Of the file, without newlines, from the one after `before`.
    place
        What a message calls the file.
    before
        The last line of those that were read already: whoever follows a growing file reads each line once.

    Raises
    ------
    DocumentError
        A line is lost, doubled, moved, edited or formatted anew, or some lines carry checks and others none.
    """
    split = [_split(line) for line in lines]
    if lines and before == CHAIN_START and all(link is None for _, link in split):
        _refuse_other_line_ends(lines[0], place)
        for number, line in enumerate(lines, start=1):
            _refuse_rewritten(line, f"{place}, line {number}")
        return ChainedLines(tuple(body for body, _ in split), is_chained=False, end=CHAIN_START)
    for body, link in split:
        expected = before.number + 1
        if link is None:
            _refuse_rewritten(body, f"{place}, line {expected}")
            raise DocumentError(
                f"{place}, line {expected}: expected a check as in the other lines, found none. {_RESTORE}"
            )
        if link.number != expected:
            raise DocumentError(f"{place}, line {expected}: {_what_moved(link.number, expected)} {_RESTORE}")
        if link.check != _check(body, before):
            raise DocumentError(
                f"{place}, line {expected}: expected the check of its text and of the line before it, found another: "
                f"the line was edited{', or the one before it' if before.number else ''}. {_RESTORE}"
            )
        before = link
    return ChainedLines(tuple(body for body, _ in split), is_chained=True, end=before)


def _refuse_other_line_ends(line: bytes, place: str) -> None:
    if line.endswith(b"\r") and _split(line[:-1])[1] is not None:
        raise DocumentError(
            f"{place}, line 1: expected the line end that was written, found that of Windows: a program converted the "
            "file on its way. Copy it again, byte for byte."
        )


def _refuse_rewritten(line: bytes, place: str) -> None:
    if _REWRITTEN.search(line):
        raise DocumentError(
            f"{place}: expected the line as it was written, its check at its end, found it rewritten: a program "
            "formatted the file anew. Copy it again from where it was written, byte for byte."
        )


def _what_moved(found: int, expected: int) -> str:
    if found < expected:
        return f"expected line {expected} of the original, found line {found} a second time."
    n_lost = found - expected
    lines = (
        f"line {expected} is missing, or stands"
        if n_lost == 1
        else f"lines {expected} to {found - 1} are missing, or stand"
    )
    return f"expected line {expected} of the original, found line {found}: {lines} elsewhere."


def _split(line: bytes) -> tuple[bytes, ChainLink | None]:
    at = line.rfind(b',"line":')
    found = _LINK.fullmatch(line, at) if at >= 0 else None
    if found is None:
        return line, None
    return line[:at] + b"}", ChainLink(int(found[1]), found[2].decode())


def _check(body: bytes, before: ChainLink) -> str:
    return sha256_bytes(f"{before.check} {before.number + 1} ".encode() + body)[:_N_HEX_DIGITS]
