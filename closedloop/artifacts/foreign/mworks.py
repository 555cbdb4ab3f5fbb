"""What MWorks' own file (.mwk2) says of a session, as plain bytes, in a confined process.

It is an SQLite database with one table of events: a code, a time in microseconds of MWorks' clock, and a value, plain
or as a message (`message_pack`). Event 0 says what each code is called. Pictures are what `#stimDisplayUpdate` draws.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from closedloop.artifacts.foreign.message_pack import messages
from closedloop.confined.protocol import Answer

_CODEC, _UPDATE = 0, "#stimDisplayUpdate"
_US_PER_S = 1_000_000
_MOST_LISTED = 20
_UNSENT = -1


class _MWorksError(Exception):
    """The file is whole, and not as asked."""


def read(path: str, variable: str) -> Answer:
    """Read when which picture came on, and every value of the variable that was sent to the recorder.

    Parameters
    ----------
    path
        The file.
    variable
        Its name.

    Returns
    -------
    Answer
        Names of the pictures, or, under "other", what was expected and what was found. Then rows in order of time:
        the code (-1: none), seconds of MWorks' clock, which picture came on (-1: none).
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        try:
            names = _names(database)
            codes = [(int(value), at_s, -1) for at_s, value in _codes(database, names, variable)]
            pictures = dict[str, int]()
            shown = [
                (_UNSENT, at_s, pictures.setdefault(name, len(pictures))) for at_s, name in _pictures(database, names)
            ]
        except _MWorksError as error:
            return {"other": list(error.args)}, []
    rows = sorted([*codes, *shown], key=lambda row: row[1])
    code, time_s, picture = zip(*rows, strict=True) if rows else ((), (), ())
    return {"pictures": list(pictures)}, [
        np.array(code, np.int64).view(np.uint8),
        np.array(time_s, np.float64).view(np.uint8),
        np.array(picture, np.int64).view(np.uint8),
    ]


def _names(database: sqlite3.Connection) -> dict[str, int]:
    """Return the code of each variable by its name."""
    for _, codec in _events(database, _CODEC):
        if isinstance(codec, dict):
            return {str(one.get("tagname")): int(code) for code, one in codec.items() if isinstance(one, dict)}
    raise _MWorksError("MWorks' list of its variables (event 0)", "none")


def _events(database: sqlite3.Connection, code: int) -> Iterator[tuple[float, Any]]:
    """Yield when each event of a code was, in seconds, and its value."""
    for time_us, data in database.execute("SELECT time, data FROM events WHERE code = ? ORDER BY time", (code,)):
        for value in messages(data) if isinstance(data, bytes) else (data,):
            yield time_us / _US_PER_S, value


def _codes(database: sqlite3.Connection, names: dict[str, int], variable: str) -> Iterator[tuple[float, int]]:
    own = sorted(name for name in names if not name.startswith("#"))
    if variable not in names:
        more = f" and {len(own) - _MOST_LISTED} more" if len(own) > _MOST_LISTED else ""
        raise _MWorksError(f"a variable {variable!r:.60}", f"{', '.join(own[:_MOST_LISTED]) or 'none'}{more}")
    found = False
    for at_s, value in _events(database, names[variable]):
        if isinstance(value, int | float) and value == int(value) and 0 <= value < 1 << 16:
            found = True
            yield at_s, int(value)
    if not found:
        raise _MWorksError(f"whole numbers from 0 to 65535 as values of {variable}", "none")


def _pictures(database: sqlite3.Connection, names: dict[str, int]) -> Iterator[tuple[float, str]]:
    """Yield each picture that was not on the screen before."""
    before = set[str]()
    for at_s, drawn in _events(database, names.get(_UPDATE, _UNSENT)):
        now = {
            re.split(r"[/\\]", str(one.get("filename") or one.get("name")))[-1]
            for one in (drawn if isinstance(drawn, list) else ())
            if isinstance(one, dict) and one.get("type") == "image" and one.get("action") == "draw"
        }
        if len(now) > 1:
            raise _MWorksError("one picture at a time", f"{', '.join(sorted(now)[:3])} at {at_s:.3f} s")
        for name in now - before:
            yield at_s, name
        before = now
