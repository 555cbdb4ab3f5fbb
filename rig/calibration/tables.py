"""Numbers that a person measured elsewhere: a small CSV file with named columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from closedloop.errors import RigError
from closedloop.plain_text.limits import decode, read_limited

_MOST_BYTES = 256 << 10
_LARGEST = 1e9  # of what anybody measures at a rig; squares and sums of larger ones are no numbers any more


def read_numbers(path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> list[dict[str, float]]:
    """Read a CSV file whose first line names its columns; an empty field is a number that was not measured.

    Parameters
    ----------
    path
        The file.
    columns
        Names of the columns that have to be there.
    optional
        Names of those that may; others are refused.

    Returns
    -------
    list of dict
        A row each, with the numbers that stand in it.

    Raises
    ------
    RigError
        It is no such file.
    """
    missing = "expected a table (CSV), found none. Give the file with what was measured."
    content = read_limited(path, most_bytes=_MOST_BYTES, missing=missing, error=RigError)
    text = decode(content, what="CSV", place=str(path), error=RigError, remedy="Save it as UTF-8.")
    try:
        lines = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise RigError(f"{path}: expected a table (CSV), found something else ({error}). Save it again.") from error
    head = [name.strip() for name in lines[0]] if lines else []
    known = {*columns, *optional}
    wrong = [name for name in columns if name not in head] + [name for name in head if name not in known]
    if wrong or len(set(head)) < len(head):
        also = f" and perhaps {', '.join(optional)}" if optional else ""
        raise RigError(
            f"{path}: expected the columns {', '.join(columns)}{also}, found {', '.join(head) or 'none'}. "
            "Correct its first line."
        )
    return [
        {
            name: _number(field, place=f"{path}, line {number}: {name}")
            for name, field in _fields(head, line, place=f"{path}, line {number}")
        }
        for number, line in enumerate(lines[1:], start=2)
        if any(field.strip() for field in line)
    ]


def _fields(head: Sequence[str], line: Sequence[str], *, place: str) -> list[tuple[str, str]]:
    if any(field.strip() for field in line[len(head) :]):
        raise RigError(
            f"{place}: expected {len(head)} fields as in the first line, found {len(line)}: is a comma within a "
            "number? Write numbers with a point."
        )
    return [(name, field) for name, field in zip(head, line, strict=False) if field.strip()]


def _number(field: str, *, place: str) -> float:
    number = number_of(field)
    if number is None:
        raise RigError(f"{place}: expected a number, found {field.strip()!r:.40}. Correct it.")
    return number


def number_of(text: str) -> float | None:
    """Return the number that somebody typed, with a point or a comma; None where it is none that can be."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= _LARGEST else None
