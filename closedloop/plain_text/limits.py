"""How much text is read at most, and bytes that are text: what is beyond is one line, before any of it is parsed.

A parser's memory is a multiple of the text: a list of empty lists costs twenty times its length. The limits leave room
for the largest files of ours many times over, and keep the worst text below ten seconds and 500 MB.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.storage import is_failing_disk, storage_errors

MOST_JSON_BYTES: Final = 8 << 20  # a manifest of 50,000 files
MOST_YAML_BYTES: Final = 256 << 10  # a protocol has 7 kB
MOST_LINES_BYTES: Final = 48 << 20  # a journal of 80,000 presentations, three days of the paper
MOST_LINES: Final = 250_000
DEEPEST: Final = 32  # lists and sections within each other; ours go down to six

KEYS_ONCE: Final = "each key once"
FINITE: Final = "a finite number"
WRITABLE: Final = "text that can be written"

_NAMES_A_LINE = re.compile(r", line \d+$")  # of a file that is read line by line
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class UnfitTextError(Exception):
    """Text that we do not take: what was expected of it, and what was found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")


def not_deeper(kinds: str) -> tuple[str, str]:
    """Return what is expected and found of text that is nested more deeply than any of ours."""
    return f"at most {DEEPEST} {kinds} within each other", "more"


def read_limited(
    path: Path,
    *,
    most_bytes: int,
    missing: str,
    error: type[ClosedLoopError] = DocumentError,
) -> bytes:
    """Read a file that is small, as all text of ours is.

    Parameters
    ----------
    path
        The file.
    most_bytes
        How large it may be.
    missing
        What a message says after the path where there is no such file: what was expected, found and is to be done.
    error
        The exception to raise.

    Raises
    ------
    ClosedLoopError
        The file is missing, too large, no regular file, or not to be read.
    StorageError
        The disk fails.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for, a device never ends
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise error(f"{path}: expected a file, found {kind}. Put the file there.")
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError as fault:
        raise error(f"{path}: {missing}") from fault
    except (OSError, ValueError) as fault:  # ValueError: a name with a NUL
        if is_failing_disk(fault):
            with storage_errors(path):
                raise
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise error(
            f"{path}: expected a file that can be read, found: {reason}. Correct the path or its permissions."
        ) from fault
    if len(content) > most_bytes:
        raise error(
            f"{path}: expected a file of at most {most_bytes:,} bytes, found a larger one. Is it the right file?"
        )
    return content


def decode(content: bytes, *, what: str, place: str, error: type[ClosedLoopError], remedy: str) -> str:
    """Return bytes as text; UTF-8 alone, a byte order mark (Windows editors) left off.

    Parameters
    ----------
    content
        The bytes.
    what
        Of which language the text is.
    place
        What a message calls them.
    error
        The exception to raise.
    remedy
        What a message ends with.
    """
    if content.startswith(_WIDE) or b"\0" in content[:4]:
        raise error(f"{place}: expected {what} in UTF-8, found UTF-16 or UTF-32. {remedy}")
    content = content.removeprefix(_BYTE_ORDER_MARK)
    try:
        return content.decode()
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        where = place if _NAMES_A_LINE.search(place) else f"{place}, line {line}"
        raise error(
            f"{where}: expected {what} in UTF-8, found the byte {content[fault.start]:#04x}. {remedy}"
        ) from fault


def refuse_many_lines(content: bytes, *, place: str) -> None:
    """Refuse a file of more lines than one of ours has: each costs as much memory as hundreds of bytes.

    Raises
    ------
    DocumentError
        It has more than `MOST_LINES`.
    """
    n_lines = content.count(b"\n")
    if n_lines > MOST_LINES:
        raise DocumentError(f"{place}: expected at most {MOST_LINES:,} lines, found {n_lines:,}. Is it the right file?")


def fault_in_text(text: str) -> str:
    """Return what no text of a document may hold, in words: a NUL ends names, half a character cannot be written."""
    if "\0" in text:
        return "the character NUL"
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "half of a character (a lone surrogate)"
    return ""
