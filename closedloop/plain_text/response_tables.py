"""Tables of responses as a laboratory writes them, in CSV: an image, a repetition, and a number for each site."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import DocumentError
from closedloop.storage import read_bytes

_FIRST_COLUMNS = ["image", "repetition"]

_Row = tuple[int, Sequence[str]]  # the line on which it ends, and its fields


@dataclass(frozen=True)
class ResponseTable:
    """A table of responses.

    Attributes
    ----------
    images
        Which image each row is a presentation of.
    lines
        Where each row stands in the file.
    sites
        Names, in the table's order.
    rates
        By row and site; NaN where empty.
    """

    images: tuple[str, ...]
    lines: tuple[int, ...]
    sites: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]


def read_response_table(path: Path, *, name_of: Callable[[str], str] = os.path.normpath) -> ResponseTable:
    """Read a CSV table with the columns image, repetition, and one a site.

    Parameters
    ----------
    path
        The table.
    name_of
        What an image is called, whatever way the table spells it: rows of one name are repetitions of one image.

    Raises
    ------
    DocumentError
        It is none.
    """
    header, *body = _rows_of(path) or [(1, [])]
    names = header[1]
    _check_columns(path, names)
    if not body:
        raise DocumentError(
            f"{path}: expected a line for each presentation, found none below the names of the columns. Add them."
        )
    seen: set[tuple[str, str]] = set()
    for line, row in body:
        if len(row) != len(names):
            raise DocumentError(f"{path}, line {line}: expected {len(names)} values, found {len(row)}. Correct it.")
        if not row[0] or not row[1] or "\0" in row[0]:
            raise DocumentError(
                f"{path}, line {line}: expected an image and the number of its repetition, found {row[0]!r} and "
                f"{row[1]!r}. Correct it."
            )
        if (shown := (name_of(row[0]), row[1])) in seen:
            raise DocumentError(
                f"{path}, line {line}: expected each repetition of an image once, found {row[1]} of {shown[0]} again. "
                "Number the repetitions."
            )
        seen.add(shown)
    rates = tuple(tuple(_value(path, line, cell) for cell in row[2:]) for line, row in body)
    return ResponseTable(
        tuple(name_of(row[0]) for _, row in body), tuple(line for line, _ in body), tuple(names[2:]), rates
    )


def _rows_of(path: Path) -> list[_Row]:
    """Return what is no blank line."""
    try:
        reader = csv.reader(io.StringIO(read_bytes(path).decode("utf-8-sig")), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DocumentError(f"{path}: expected a CSV table in UTF-8, found {error}. Save it again.") from error
    return [(line, row) for line, row in rows if any(row)]


def _check_columns(path: Path, names: Sequence[str]) -> None:
    if "" in names:
        raise DocumentError(
            f"{path}: expected a name for every column, found none for column {names.index('') + 1}. Name it, or take "
            "out the comma that makes it."
        )
    if names[:2] != _FIRST_COLUMNS or len(names) < 3 or len(set(names)) < len(names):
        raise DocumentError(
            f"{path}: expected the columns image, repetition and one for each site, in this order and each once, found "
            f"{', '.join(names)[:120] or 'none'}. Name and order the columns so."
        )


def _value(path: Path, line: int, cell: str) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.inf  # Python takes 7_0 for 70
    except ValueError:
        value = math.inf
    if math.isinf(value):
        raise DocumentError(
            f"{path}, line {line}: expected numbers, or nothing where one is missing, found {cell[:40]!r}. Correct it."
        )
    return value
