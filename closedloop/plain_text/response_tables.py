"""Tables of responses as a laboratory writes them, in CSV: wide, with a number for each site, or long, one a line."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from closedloop.errors import DocumentError
from closedloop.plain_text.csv_tables import TableRow, read_rows

_IMAGE, _RESPONSE, _SITES, _TRIALS = "image", "response", ("site", "neuroid_id"), ("repetition", "trial")
_FIRST_COLUMNS = [_IMAGE, _TRIALS[0]]
_NO_SITES = frozenset((_IMAGE, *_SITES, *_TRIALS))
_AVERAGE = "0"  # stands for the repetition where a table has none
_SESSION = ("day", "session")  # repetitions are numbered anew in each
_OF_EXPORT = frozenset(("ordinal", "stimulus_id", "clean_index"))


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
    about
        What else was asked for of each row, by role, as far as the table has it.
    """

    images: tuple[str, ...]
    lines: tuple[int, ...]
    sites: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
    header, *body = read_rows(path) or [(1, [])]
    return _wide_table(path, header[1], body, name_of=name_of)


def _wide_table(
    path: Path,
    names: Sequence[str],
    body: Sequence[TableRow],
    *,
    name_of: Callable[[str], str],
    sessions: Sequence[tuple[str, ...]] = (),
    is_numbered: bool = True,
) -> ResponseTable:
    _check_columns(path, names)
    if not body:
        raise DocumentError(
            f"{path}: expected a line for each presentation, found none below the names of the columns. Add them."
        )
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for (line, row), session in zip(body, sessions or [()] * len(body), strict=True):
        if len(row) != len(names):
            raise DocumentError(f"{path}, line {line}: expected {len(names)} values, found {len(row)}. Correct it.")
        if not row[0] or not row[1] or "\0" in row[0]:
            raise DocumentError(
                f"{path}, line {line}: expected an image and the number of its repetition, found {row[0]!r} and "
                f"{row[1]!r}. Correct it."
            )
        if (shown := (name_of(row[0]), row[1], session)) in seen:
            if not is_numbered:
                raise DocumentError(
                    f"{path}, line {line}: expected one line for each image, as there is no column repetition behind "
                    f"image, found {shown[0]:.80} again. Add the column, with the number of each repetition."
                )
            raise DocumentError(
                f"{path}, line {line}: expected each repetition of an image once, found {row[1]} of {shown[0]} again. "
                "Number the repetitions."
            )
        seen.add(shown)
    rates = tuple(
        tuple(_value(path, line, cell, column=name) for name, cell in zip(names[2:], row[2:], strict=True))
        for line, row in body
    )
    return ResponseTable(
        tuple(name_of(row[0]) for _, row in body), tuple(line for line, _ in body), tuple(names[2:]), rates
    )


def read_any_response_table(
    path: Path,
    *,
    name_of: Callable[[str], str] = os.path.normpath,
    also: Mapping[str, Sequence[str]] | None = None,
) -> ResponseTable:
    """Read a CSV table of responses: wide as `read_response_table` has it, or without repetitions, or long.

    A long one has the columns image, site (or neuroid_id), response, and repetition (or trial) where there are any, in
    any order. Without repetitions each image has one row: an average.

    Parameters
    ----------
    path
        The table.
    name_of
        As for `read_response_table`.
    also
        By role the names that a column of something else may have, which is then no site.

    Raises
    ------
    DocumentError
        It is none of these.
    """
    header, *body = read_rows(path) or [(1, [])]
    return response_table(path, header[1], body, name_of=name_of, also=also)


def response_table(
    path: Path,
    names: Sequence[str],
    body: Sequence[TableRow],
    *,
    name_of: Callable[[str], str] = os.path.normpath,
    also: Mapping[str, Sequence[str]] | None = None,
) -> ResponseTable:
    """Make a table of responses from the fields of any file, as `read_any_response_table` does of CSV.

    Parameters
    ----------
    path
        The file, for messages.
    names
        Of the columns.
    body
        The rows.
    name_of, also
        As for `read_any_response_table`.

    Raises
    ------
    DocumentError
        It is none.
    """
    _check_named(path, names)
    names, body, said = _apart(path, names, body, also or {})
    sessions = list(zip(*(said[role] for role in _SESSION if role in said), strict=True)) or [()] * len(body)
    if _RESPONSE in names:
        return _long_table(path, names, body, name_of=name_of, said=said, sessions=sessions)
    if names[:1] == [_IMAGE] and names[1:2] and names[1] in _TRIALS:
        found = _wide_table(path, [*_FIRST_COLUMNS, *names[2:]], body, name_of=name_of, sessions=sessions)
        return replace(found, about=said)
    if names[:1] == [_IMAGE]:
        with_repetition = [(line, [row[0], _AVERAGE, *row[1:]]) for line, row in body]
        first = [_IMAGE, _FIRST_COLUMNS[1], *names[1:]]
        found = _wide_table(path, first, with_repetition, name_of=name_of, sessions=sessions, is_numbered=False)
        return replace(found, about=said)
    if set(names) >= _OF_EXPORT:
        raise DocumentError(
            f"{path}: expected {path.name}.json beside what `closedloop export responses` wrote, found none. Copy both."
        )
    raise DocumentError(
        f"{path}: expected the columns image and one for each site (with repetition between them where there are any), "
        f"or image, site, repetition and response, found {', '.join(names)[:120] or 'none'}. Name and order "
        "the columns so."
    )


def _apart(
    path: Path, names: Sequence[str], body: Sequence[TableRow], also: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[TableRow], dict[str, tuple[str, ...]]]:
    """Take columns of something else out of a table: the others, the rows of these, and what was taken out, by role.

    All columns that a role may have are taken out; of several the first is said.
    """
    at = {name.casefold(): place for place, name in reversed(list(enumerate(names)))}
    of_role = {role: [at[name] for name in known if name in at] for role, known in also.items()}
    out = {place for places in of_role.values() for place in places}
    if not out:
        return list(names), list(body), {}
    for line, row in body:
        if len(row) != len(names):
            raise DocumentError(f"{path}, line {line}: expected {len(names)} values, found {len(row)}. Correct it.")
    left = [place for place in range(len(names)) if place not in out]
    said = {role: tuple(row[places[0]] for _, row in body) for role, places in of_role.items() if places}
    return [names[place] for place in left], [(line, [row[place] for place in left]) for line, row in body], said


def _long_table(
    path: Path,
    names: Sequence[str],
    body: Sequence[TableRow],
    *,
    name_of: Callable[[str], str],
    said: Mapping[str, tuple[str, ...]],
    sessions: Sequence[tuple[str, ...]],
) -> ResponseTable:
    """Read a row for each response, and lay them side by side, sites in the order in which they come first."""
    site = next((name for name in _SITES if name in names), None)
    trial = next((name for name in _TRIALS if name in names), None)
    known = [name for name in (_IMAGE, site, trial, _RESPONSE) if name is not None]
    if site is None or sorted(names) != sorted(known):
        raise DocumentError(
            f"{path}: expected the columns image, site, response and perhaps repetition, found "
            f"{', '.join(names)[:120]}. Name the columns so, and take out the others."
        )
    at = {name: names.index(name) for name in known}
    responses, first = dict[tuple[str, str, tuple[str, ...]], dict[str, float]](), list[int]()
    row_of = dict[tuple[str, str, tuple[str, ...]], int]()
    for number, (line, row) in enumerate(body):
        if len(row) != len(names) or not all(row[at[name]] for name in known if name != _RESPONSE):
            raise DocumentError(
                f"{path}, line {line}: expected {len(names)} values, found "
                f"{len([one for one in row if one])}. Correct it."
            )
        shown = name_of(row[at[_IMAGE]]), row[at[trial]] if trial else _AVERAGE, sessions[number]
        of_sites = responses.setdefault(shown, {})
        if row_of.setdefault(shown, number) == number:
            first.append(line)
        if other := next((role for role, own in said.items() if own[number] != own[row_of[shown]]), None):
            raise DocumentError(
                f"{path}, line {line}: expected one {other} for all sites' responses to one presentation of "
                f"{shown[0]}, found {said[other][number]!r:.40} and {said[other][row_of[shown]]!r:.40}. Correct it."
            )
        if row[at[site]] in of_sites:
            raise DocumentError(
                f"{path}, line {line}: expected each response of a site once, found {row[at[site]]} to {shown[0]} "
                "again. Number the repetitions in a column repetition."
            )
        of_sites[row[at[site]]] = _value(path, line, row[at[_RESPONSE]], column=_RESPONSE)
    sites = tuple(dict.fromkeys(name for of_sites in responses.values() for name in of_sites))
    if not responses:
        raise DocumentError(f"{path}: expected a line for each response, found none below the columns. Add them.")
    return ResponseTable(
        tuple(image for image, _, _ in responses),
        tuple(first),
        sites,
        tuple(tuple(of_sites.get(name, math.nan) for name in sites) for of_sites in responses.values()),
        {role: tuple(own[number] for number in row_of.values()) for role, own in said.items()},
    )


def _check_columns(path: Path, names: Sequence[str]) -> None:
    _check_named(path, names)
    if other := [name for name in names[2:] if name in _NO_SITES]:
        raise DocumentError(
            f"{path}: expected a column for each site behind image and repetition, found {other[0]} among them. "
            "Put repetitions into the second column, take out what is no site, or, in a table with a line for each "
            "response, name the column of the numbers response."
        )
    if list(names[:2]) != _FIRST_COLUMNS or len(names) < 3 or len(set(names)) < len(names):
        raise DocumentError(
            f"{path}: expected the columns image, repetition and one for each site, in this order and each once, found "
            f"{', '.join(names)[:120] or 'none'}. Name and order the columns so."
        )


def _check_named(path: Path, names: Sequence[str]) -> None:
    if "" in names:
        raise DocumentError(
            f"{path}: expected a name for every column, found none for column {names.index('') + 1}. Name it, or take "
            "it out, or the comma that makes it (from pandas: to_csv with index=False)."
        )


def _value(path: Path, line: int, cell: str, *, column: str) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.inf  # Python takes 7_0 for 70
    except ValueError:
        value = math.inf
    if math.isinf(value):
        advice = "Correct it." if column == _RESPONSE else "Correct it, or take the column out if it is no site."
        raise DocumentError(
            f"{path}, line {line}, column {column[:40]}: expected numbers, or nothing where one is missing, found "
            f"{cell[:40]!r}. {advice}"
        )
    return value
