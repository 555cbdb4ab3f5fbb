"""Parquet tables with declared columns: name, type, unit; one place writes them and one place checks them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.documents import refuse_other_version
from closedloop.artifacts.foreign.columns import columns_of
from closedloop.artifacts.foreign.places import open_plain
from closedloop.artifacts.layouts import TableLayout
from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError
from closedloop.storage import atomic_file, is_failing_disk, storage_errors

Columns = dict[str, NDArray[Any]]

_READ = FunctionPlace("closedloop.artifacts.foreign.parquet", "read")
_READ_TEXTS = FunctionPlace("closedloop.artifacts.foreign.parquet", "read_texts")
_DESCRIBE = FunctionPlace("closedloop.artifacts.foreign.parquet", "describe")

_READ_BYTES_PER_S = 20e6  # compressed; a fifth of what was measured
_GROWTH = 10.0  # memory by byte of the file, unpacked and on its way here
_MEMORY_BYTES = 128 << 20
_MOST_CELLS = 20_000_000  # of a table that is read as texts


def write_table(path: Path, layout: TableLayout, columns: Mapping[str, Any], *, simulated: bool) -> None:
    """Write a table atomically (parquet, zstd).

    Parameters
    ----------
    path
        The file.
    layout
        Its kind.
    columns
        Exactly the layout's columns, all of one length.
    simulated
        The mark of simulated data.

    Raises
    ------
    ValueError
        The columns are not exactly those of the layout.
    """
    if set(columns) != set(layout.columns):
        raise ValueError(f"{layout.kind}: expected columns {sorted(layout.columns)}, found {sorted(columns)}")
    from closedloop.artifacts.foreign.arrow import write_parquet  # noqa: PLC0415 - whoever only reads does without Arrow

    with atomic_file(path) as temporary:
        write_parquet(temporary, layout, columns, simulated=simulated)


@contextmanager
def table_writer(
    path: Path, layout: TableLayout, *, simulated: bool, attributes: Mapping[str, str] | None = None
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Write a table in parts, each a row group, atomically: after an exception there is no file.

    Parameters
    ----------
    attributes
        More metadata.

    Yields
    ------
    Callable
        Takes a part's columns, exactly those of the layout: sequences, numpy arrays, masked where a value is missing,
        or a `CodedText`.
    """
    from closedloop.artifacts.foreign.arrow import parquet_parts  # noqa: PLC0415 - likewise

    with (
        atomic_file(path) as temporary,
        parquet_parts(temporary, layout, simulated=simulated, attributes=attributes or {}) as write,
    ):
        yield write


@contextmanager
def csv_writer(path: Path, layout: TableLayout, *, simulated: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Write the same as comma-separated text: a line of names, then a line a row; a missing value is empty.

    Text has no place for the mark of simulated data but a column of its own, `simulated`, which other tables do not
    have.

    Parameters
    ----------
    path
        The file.
    layout
        Its kind.
    simulated
        The mark of simulated data.

    Yields
    ------
    Callable
        Takes a part's columns, as that of `table_writer` does.
    """
    from closedloop.artifacts.foreign.arrow import csv_parts  # noqa: PLC0415 - likewise

    with atomic_file(path) as temporary, csv_parts(temporary, layout, simulated=simulated) as write:
        yield write


def as_columns(rows: Sequence[Mapping[str, Any]], layout: TableLayout) -> dict[str, list[Any]]:
    """Turn rows into the columns of a layout."""
    return {name: [row[name] for row in rows] for name in layout.columns}


def as_arrays(rows: Sequence[Mapping[str, Any]], layout: TableLayout) -> Columns:
    """Turn rows into the columns of a layout as arrays of its types, also where there is no row.

    Parameters
    ----------
    rows
        Each with every column.
    layout
        Of the table.

    Examples
    --------
    >>> from closedloop.artifacts.layouts import Column, TableLayout
    >>> layout = TableLayout("sizes", {"name": Column("string", "", ""), "size": Column("float64", "", "")})
    >>> as_arrays([], layout)["name"].dtype.kind, as_arrays([{"name": "a", "size": 1}], layout)["size"].tolist()
    ('U', [1.0])
    """
    return {
        name: np.array([row[name] for row in rows], dtype=np.str_ if column.dtype == "string" else column.dtype)
        for name, column in layout.columns.items()
    }


def read_table(path: Path, layout: TableLayout) -> Columns:
    """Read a table as numpy arrays by column name, in the layout's order; NaN in columns that its version had not yet.

    Raises
    ------
    DocumentError
        The file is missing, is no parquet, or is not of this kind and version.
    """
    columns = layout.columns.items()
    wanted = {name: (column.dtype, bool(column.since), column.may_miss) for name, column in columns}
    with _asking(path) as limits:
        found, parts = run_confined(_READ, str(path), wanted, limits=limits)
        _check(path, layout, found)
        table = columns_of(found["columns"], parts, n_rows=found["rows"])
    return {name: table[name] if name in table else np.full(found["rows"], np.nan) for name in layout.columns}


def read_as_text(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a parquet table of any columns as texts: their names, and each row with its number, from 1.

    Raises
    ------
    DocumentError
        It is none, or has other columns than numbers and texts.
    """
    with _asking(path) as limits:
        found, parts = run_confined(_READ_TEXTS, str(path), _MOST_CELLS, limits=limits)
        if "other" in found:
            expected, other = found["other"]
            raise DocumentError(f"{path}: expected {expected}, found {other}. Save it again.")
        table = columns_of(found["columns"], parts, n_rows=found["rows"])
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return list(map(str, found["names"])), [(number, list(row)) for number, row in enumerate(rows, start=1)]


def is_simulated(path: Path) -> bool:
    """Return the mark of simulated data in a table file."""
    with _asking(path) as limits:
        found, _ = run_confined(_DESCRIBE, str(path), limits=limits)
    return bool(found["simulated"] == "true")


@contextmanager
def _asking(path: Path) -> Iterator[Limits]:
    """Have another process, where Arrow may do what it likes, look into a file, within limits by its size."""
    try:
        with open_plain(path) as file:
            n_bytes = os.fstat(file).st_size
        yield Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH, memory_bytes=_MEMORY_BYTES)
    except FileNotFoundError as error:
        raise DocumentError(f"{path}: expected a table, found no file. Run the stage that writes it.") from error
    except (OSError, ConfinedError) as error:
        with storage_errors(path):
            if is_failing_disk(error):
                raise
        why = f" ({error})" if isinstance(error, ConfinedError) else ""
        raise DocumentError(
            f"{path}: expected a parquet table, found a damaged file{why}. Restore it from a copy."
        ) from error


def _check(path: Path, layout: TableLayout, found: Mapping[str, Any]) -> None:
    kind = found["kind"] or "none"
    if kind != layout.kind:
        raise DocumentError(f"{path}: expected a table of kind {layout.kind}, found {kind}. Put the right file there.")
    refuse_other_version(path, found["format_version"])
    if "other" in found:
        expected, other = found["other"]
        raise DocumentError(f"{path}: expected {expected}, found {other}. Restore the file.")
