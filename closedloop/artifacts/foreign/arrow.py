"""Tables as Arrow writes them, apart from those who read: the library alone takes 30 MB, and a service only reads."""

from __future__ import annotations

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

from closedloop.artifacts.documents import FORMAT_VERSION
from closedloop.artifacts.layouts import TableLayout

_DISTINCT = {"int64": "DELTA_BINARY_PACKED", "double": "BYTE_STREAM_SPLIT"}
"""How ticks and times are put down, of which no two are alike: to look each up in a dictionary first, as Arrow does
unless told otherwise, takes four times as long as all columns without it, and two thirds more room."""

Writes = Callable[[Mapping[str, Any]], None]
"""Writes a part of a table, given its columns by name."""


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


@dataclass(frozen=True)
class FewTexts:
    """A column of texts of which almost all are missing, without an object a row.

    Attributes
    ----------
    n_rows
        Of the column.
    row, texts
        Where the texts stand, increasing, and the texts.
    """

    n_rows: int
    row: NDArray[np.int64]
    texts: tuple[str, ...]


def write_parquet(path: Path, layout: TableLayout, columns: Mapping[str, Any], *, simulated: bool) -> None:
    """Write a whole table as parquet, with its kind, version and mark as metadata.

    Parameters
    ----------
    path
        The file, of which nobody knows yet.
    layout
        Its kind.
    columns
        Exactly the layout's columns, all of one length.
    simulated
        The mark of simulated data.
    """
    schema = _arrow_schema(layout, simulated=simulated)
    pq.write_table(pa.table(_arrow_arrays(schema, columns), schema=schema), path, compression="zstd")


@contextmanager
def parquet_parts(
    path: Path, layout: TableLayout, *, simulated: bool, attributes: Mapping[str, str]
) -> Iterator[Writes]:
    """Write a table as parquet in parts, each a row group.

    Parameters
    ----------
    path
        The file, of which nobody knows yet.
    layout
        Its kind.
    simulated
        The mark of simulated data.
    attributes
        More metadata.
    """
    schema = _arrow_schema(layout, simulated=simulated)
    schema = schema.with_metadata({**schema.metadata, **attributes})
    distinct = {field.name: way for field in schema if (way := _DISTINCT.get(str(field.type)))}
    alike = [field.name for field in schema if field.name not in distinct]
    ways = {"compression": "zstd", "use_dictionary": alike, "column_encoding": distinct}
    with pq.ParquetWriter(path, schema, **ways) as writer:

        def write(columns: Mapping[str, Any]) -> None:
            writer.write_table(pa.table(_arrow_arrays(schema, columns), schema=schema))

        yield write


@contextmanager
def csv_parts(path: Path, layout: TableLayout, *, simulated: bool) -> Iterator[Writes]:
    """Write a table as comma-separated text in parts; the mark of simulated data is a column.

    Parameters
    ----------
    path
        The file, of which nobody knows yet.
    layout
        Its kind.
    simulated
        The mark of simulated data.
    """
    schema = _arrow_schema(layout, simulated=simulated)
    plain = [pa.field(field.name, _as_text(field.type)) for field in schema]
    written = pa.schema([*plain, pa.field("simulated", pa.bool_())] if simulated else plain)
    with pyarrow.csv.CSVWriter(path, written) as writer:

        def write(columns: Mapping[str, Any]) -> None:
            parts = [part.cast(_as_text(part.type)) for part in _arrow_arrays(schema, columns)]
            marks = [pa.repeat(pa.scalar(True), len(parts[0]))] if simulated else []
            writer.write_table(pa.table([*parts, *marks], schema=written))

        yield write


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


def _as_text(kind: pa.DataType) -> pa.DataType:
    """Return what a type becomes in a text file: a category its text."""
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _arrow_arrays(schema: pa.Schema, columns: Mapping[str, Any]) -> list[pa.Array]:
    """Return the columns that a schema has, in its order."""
    return [_arrow_array(columns[field.name], field.type) for field in schema]


def _arrow_array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, CodedText):
        labels = _of_texts(values.labels, np.arange(len(values.labels)), n_rows=len(values.labels))
        return pa.DictionaryArray.from_arrays(_of_numbers(values.code, pa.int8()), labels)
    if isinstance(values, FewTexts):
        return _of_texts(values.texts, values.row, n_rows=values.n_rows)
    if isinstance(values, np.ndarray) and _has_type(values, kind):
        return _of_numbers(values, kind)
    return pa.array(values, type=kind)


def _has_type(values: NDArray[Any], kind: pa.DataType) -> bool:
    """Whether an array's numbers are as Arrow has them."""
    is_plain = values.ndim == 1 and values.dtype.kind in "iuf" and values.dtype.isnative
    return is_plain and bool(pa.from_numpy_dtype(values.dtype) == kind)


def _of_numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Take an array as it is: `pa.array` imports pandas to find out that it is none of pandas' (.4 CPU-s)."""
    mask, numbers = np.ma.getmask(values), np.ascontiguousarray(np.ma.getdata(values))
    missing = None if mask is np.ma.nomask else pa.py_buffer(np.packbits(~mask, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [missing, pa.py_buffer(numbers)])


def _of_texts(texts: Sequence[str], row: NDArray[np.int64], *, n_rows: int) -> pa.Array:
    encoded = [one.encode() for one in texts]
    lengths, is_there = np.zeros(n_rows + 1, np.int32), np.zeros(n_rows, bool)
    lengths[row + 1], is_there[row] = [len(one) for one in encoded], True
    buffers = np.cumsum(lengths, dtype=np.int32), b"".join(encoded), np.packbits(is_there, bitorder="little")
    return pa.StringArray.from_buffers(n_rows, *(pa.py_buffer(one) for one in buffers))
