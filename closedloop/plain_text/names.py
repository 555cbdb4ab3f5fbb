"""Names of files that stand in a document: they stay inside of the folder that the document is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import normalize

from closedloop.plain_text.limits import fault_in_text

_DRIVE = re.compile("[A-Za-z]:")


def fault_in_name(name: str) -> str:
    """Return why a name cannot be that of a file in a folder, on any system; empty where it can.

    Examples
    --------
    >>> fault_in_name("../ledger.sqlite")
    'a way out of the folder'
    >>> fault_in_name("raw/array1.ns6")
    ''
    """
    parts = name.split("/")
    faults = {
        "an empty name": not name,
        "a backslash, which parts folders on Windows": "\\" in name,
        "a path from the root of a disk": name.startswith("/") or _DRIVE.match(name),
        "a way out of the folder": ".." in parts,
        "a folder without a name": "" in parts or "." in parts,
    }
    return next((words for words, is_so in faults.items() if is_so), "") or fault_in_text(name)


def twins(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names that are one file on some disks: capitals aside, or an accent written in two ways."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(normalize("NFC", normalize("NFC", name).casefold()), name)
        if other is not name:
            return other, name
    return None
