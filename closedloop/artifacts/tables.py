"""Parquet tables with declared columns: name, type, unit; one place writes them and one place checks them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closedloop.artifacts.documents import FORMAT_VERSION, refuse_other_version
from closedloop.artifacts.foreign.parquet import describe, read
from closedloop.artifacts.foreign.places import open_plain
from closedloop.artifacts.layouts import TableLayout
from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import Answer, ConfinedError, Limits
from closedloop.errors import DocumentError
from closedloop.storage import atomic_file, is_failing_disk, storage_errors

Columns = dict[str, NDArray[Any]]

_READ_BYTES_PER_S = 20e6  # compressed; a fifth of what was measured
_GROWTH = 10.0  # memory by byte of the file, unpacked and on its way here
_MEMORY_BYTES = 128 << 20


@dataclass(frozen=True)
class CodedText:
    """A column of few different texts, as numbers: what a ``category`` column is written from without making the texts.

    Attributes
    ----------
    code
        Which label each row has, shape (n_rows,), int8.
    labels
        The texts.
    """

    code: NDArray[np.int8]
    labels: tuple[str, ...]


def _arrow_schema(layout: TableLayout, *, simulated: bool) -> pa.Schema:
    """Return a layout's Arrow schema, with kind, version and mark as metadata."""
    fields = [
        pa.field(name, _arrow_type(column.dtype), metadata={"unit": column.unit})
        for name, column in layout.columns.items()
    ]
    marks = {"kind": layout.kind, "format_version": str(FORMAT_VERSION), "simulated": str(simulated).lower()}
    return pa.schema(fields, metadata=marks)


def _arrow_type(dtype: str) -> pa.DataType:
    return pa.dictionary(pa.int8(), pa.string()) if dtype == "category" else pa.type_for_alias(dtype)


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
    schema = _arrow_schema(layout, simulated=simulated)
    table = pa.table(
        {name: pa.array(columns[name], type=schema.field(name).type) for name in layout.columns}, schema=schema
    )
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


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
    schema = _arrow_schema(layout, simulated=simulated)
    schema = schema.with_metadata({**schema.metadata, **(attributes or {})})
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:

        def write(columns: Mapping[str, Any]) -> None:
            parts = [_arrow_array(columns[name], schema.field(name).type) for name in layout.columns]
            writer.write_table(pa.table(parts, schema=schema))

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
    schema = _arrow_schema(layout, simulated=simulated)
    plain = [pa.field(field.name, _as_text(field.type)) for field in schema]
    written = pa.schema([*plain, pa.field("simulated", pa.bool_())] if simulated else plain)
    with atomic_file(path) as temporary, pyarrow.csv.CSVWriter(temporary, written) as writer:

        def write(columns: Mapping[str, Any]) -> None:
            parts = [_arrow_array(columns[name], schema.field(name).type) for name in layout.columns]
            parts = [part.cast(_as_text(part.type)) for part in parts]
            marks = [pa.repeat(pa.scalar(True), len(parts[0]))] if simulated else []
            writer.write_table(pa.table([*parts, *marks], schema=written))

        yield write


def _as_text(kind: pa.DataType) -> pa.DataType:
    """Return what a type becomes in a text file: a category its text."""
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _arrow_array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, CodedText):
        return pa.DictionaryArray.from_arrays(pa.array(values.code), pa.array(values.labels))
    return pa.array(values, type=kind)


def as_columns(rows: Sequence[Mapping[str, Any]], layout: TableLayout) -> dict[str, list[Any]]:
    """Turn rows into the columns of a layout."""
    return {name: [row[name] for row in rows] for name in layout.columns}


def read_table(path: Path, layout: TableLayout) -> Columns:
    """Read a table as numpy arrays by column name, in the layout's order; NaN in columns that its version had not yet.

    Raises
    ------
    DocumentError
        The file is missing, is no parquet, or is not of this kind and version.
    """
    columns = layout.columns.items()
    wanted = {name: (column.dtype, bool(column.since), column.may_miss) for name, column in columns}
    found, parts = _ask(path, read, wanted)
    _check(path, layout, found)
    streams = [pa.ipc.open_stream(pa.py_buffer(part)) for part in parts]
    table = pa.concat_tables(stream.read_all() for stream in streams).unify_dictionaries()
    return {
        name: np.asarray(table[name].to_numpy(zero_copy_only=False))
        if name in table.column_names
        else np.full(len(table), np.nan)
        for name in layout.columns
    }


def is_simulated(path: Path) -> bool:
    """Return the mark of simulated data in a table file."""
    found, _ = _ask(path, describe)
    return bool(found["simulated"] == "true")


def _ask(path: Path, function: Callable[..., Answer], *arguments: Any) -> tuple[dict[str, str], list[memoryview]]:
    """Have another process, where Arrow may do what it likes, look into a file."""
    try:
        with open_plain(path) as file:
            n_bytes = os.fstat(file).st_size
        limits = Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH, memory_bytes=_MEMORY_BYTES)
        return run_confined(function, str(path), *arguments, limits=limits)
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
