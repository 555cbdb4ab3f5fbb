"""Tables in CSV: their rows, and tables that say something of names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from closedloop.errors import DocumentError
from closedloop.storage import read_bytes

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}

TableRow = tuple[int, Sequence[str]]
"""The line on which a row ends, and its fields."""


def read_rows(path: Path) -> list[TableRow]:
    """Return the rows of a CSV table that are no blank lines, each with its line, the names of the columns first.

    Parameters
    ----------
    path
        The table.

    Raises
    ------
    DocumentError
        It is none, or not in UTF-8.
    """
    try:
        reader = csv.reader(io.StringIO(read_bytes(path).decode("utf-8-sig")), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DocumentError(f"{path}: expected a CSV table in UTF-8, found {error}. Save it again.") from error
    first = next((row for _, row in rows if any(row)), [])
    if len(first) == 1 and (other := next((one for one in _OTHER_SEPARATORS if one in first[0]), None)):
        raise DocumentError(
            f"{path}: expected columns that commas separate, found {_OTHER_SEPARATORS[other]}. Save it again as CSV "
            "with commas, and numbers with a point."
        )
    return [(line, row) for line, row in rows if any(row)]


def read_pairs(path: Path, *, columns: tuple[str, str]) -> dict[str, str]:
    """Read a CSV table of two columns as what the second says of each name in the first.

    Parameters
    ----------
    path
        The table.
    columns
        Their names.

    Raises
    ------
    DocumentError
        It has other columns, or a name twice.
    """
    header, *body = read_rows(path) or [(1, [])]
    if tuple(header[1]) != columns:
        raise DocumentError(
            f"{path}: expected the columns {columns[0]} and {columns[1]}, found "
            f"{', '.join(header[1])[:120] or 'none'}. "
            "Name the columns so."
        )
    pairs = dict[str, str]()
    for line, row in body:
        if len(row) != len(columns) or not all(row) or row[0] in pairs:
            raise DocumentError(
                f"{path}, line {line}: expected a {columns[0]}, each once, and its {columns[1]}, found "
                f"{', '.join(row)[:80]}. Correct it."
            )
        pairs[row[0]] = row[1]
    return pairs


def read_words(path: Path, *, names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Read what one column of a CSV table says of each name in another, whatever other columns there are.

    Parameters
    ----------
    path
        The table.
    names, values
        What either column may be called, the likeliest first.

    Raises
    ------
    DocumentError
        It lacks one of them, or says two things of a name.
    """
    header, *body = read_rows(path) or [(1, [])]
    at = [next((header[1].index(one) for one in known if one in header[1]), None) for known in (names, values)]
    name_at, value_at = at
    if name_at is None or value_at is None:
        raise DocumentError(
            f"{path}: expected a column of names ({', '.join(names)}) and one of categories ({', '.join(values)}), "
            f"found {', '.join(header[1])[:120] or 'none'}. Name the columns so."
        )
    words = dict[str, str]()
    for line, row in body:
        if len(row) != len(header[1]) or words.setdefault(row[name_at], row[value_at]) != row[value_at]:
            raise DocumentError(
                f"{path}, line {line}: expected {len(header[1])} values, and one {header[1][value_at]} for each "
                f"{header[1][name_at]}, found others. Correct it."
            )
    return words
