"""The columns of a parquet table: what Arrow is asked, in a confined process.

A kilobyte of parquet may declare a billion rows, a dictionary that unpacks to gigabytes, text that is none; Arrow then
allocates, or ends the process. What comes back are numbers as they lie in memory, and text with where each begins:
who reads it needs no Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closedloop.artifacts.foreign.columns import Description
from closedloop.confined.protocol import Answer

_MOST_BYTES_OF_SCHEMA = 10_000_000
_MARKS = ("kind", "format_version", "simulated")
_LONGEST_TEXT = 200


def describe(path: str) -> Answer:
    """Return what a table says of itself: kind, version, the mark of simulated data; "" where it says nothing."""
    with _open(path) as file:
        return _marks(file.schema_arrow), []


def read(path: str, wanted: Mapping[str, tuple[str, bool, bool]]) -> Answer:
    """Read the wanted columns.

    Parameters
    ----------
    path
        The file.
    wanted
        By the column's name: Arrow's name of its type, or `category`; whether older files may lack it; rows may.

    Returns
    -------
    Answer
        The marks, and under "other" what was expected and found of the columns where they are not as wanted; else the
        number of rows, and how each column lies in the parts, in their order (`closedloop.artifacts.foreign.columns`).
    """
    with _open(path) as file:
        schema = file.schema_arrow
        marks = _marks(schema)
        names = [name for name, (_, is_new, _) in wanted.items() if name in schema.names or not is_new]
        for name in names:
            dtype = wanted[name][0]
            if schema.names.count(name) != 1:
                return {**marks, "other": [f"a column {name}", f"{schema.names}"[:_LONGEST_TEXT]]}, []
            if str(schema.field(name).type) not in _types(dtype):
                return {**marks, "other": [f"{name} of type {dtype}", f"{schema.field(name).type}"[:_LONGEST_TEXT]]}, []
        table = file.read(columns=names, use_threads=False).select(names)
    table.validate(full=True)  # text that is no UTF-8 would fail only where it is used
    for name in names:
        if table[name].null_count and not wanted[name][2]:
            return {**marks, "other": [f"a value of {name} in every row", f"none in {table[name].null_count} rows"]}, []
    columns = {name: table[name].unify_dictionaries().combine_chunks() for name in names}
    described = {name: _described(column) for name, column in columns.items()}
    return {**marks, "rows": len(table), "columns": described}, _parts(columns.values())


def read_texts(path: str, most_cells: int) -> Answer:
    """Read a table of whatever columns as texts: numbers so that they are the same again, nothing where there is none.

    Parameters
    ----------
    path
        The file.
    most_cells
        That it may have.

    Returns
    -------
    Answer
        The names of the columns and the number of rows, then the columns as `read` sends them; or, under "other", what
        was expected and found.
    """
    with _open(path) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
        if n_rows * len(schema.names) > most_cells:
            return {"other": [f"at most {most_cells:,} values", f"{n_rows * len(schema.names):,}"]}, []
        odd = [field for field in schema if not _can_be_text(field.type)]
        if odd:
            return {"other": ["columns of numbers and texts", f"{odd[0].name} of {odd[0].type}"[:_LONGEST_TEXT]]}, []
        table = file.read(use_threads=False)
    table.validate(full=True)
    columns = [_texts_of(column.combine_chunks()) for column in table.columns]
    described = {str(place): _described(column) for place, column in enumerate(columns)}
    return {**_marks(schema), "names": schema.names, "rows": n_rows, "columns": described}, _parts(columns)


def _can_be_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(
        is_kind(plain)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
    )


def _texts_of(column: pa.Array) -> pa.Array:
    """Return a column as texts; NaN, as a missing value, is an empty one."""
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if pa.types.is_floating(plain.type):
        texts = ["" if one is None or one != one else repr(one) for one in plain.to_pylist()]  # noqa: PLR0124 - NaN
        return pa.array(texts, pa.string())
    return pa.array(["" if one is None else str(one) for one in plain.to_pylist()], pa.string())


def _open(path: str) -> pq.ParquetFile:
    return pq.ParquetFile(
        path,
        pre_buffer=False,
        thrift_string_size_limit=_MOST_BYTES_OF_SCHEMA,
        thrift_container_size_limit=_MOST_BYTES_OF_SCHEMA,
    )


def _marks(schema: pa.Schema) -> dict[str, str]:
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    return {mark: metadata.get(mark.encode(), b"").decode(errors="replace")[:_LONGEST_TEXT] for mark in _MARKS}


def _types(dtype: str) -> tuple[str, ...]:
    """Return the types that a column may have: other programs that write the table again change two of them."""
    if dtype == "category":
        return ("dictionary<values=string, indices=int8, ordered=0>", "string", "large_string")
    return (dtype, "large_string") if dtype == "string" else (str(pa.type_for_alias(dtype)),)


def _described(column: pa.Array) -> Description:
    """Return how a column lies in its parts."""
    has = {"has": True} if column.null_count else {}
    if pa.types.is_dictionary(column.type):
        return {"labels": column.dictionary.to_pylist(), **has}
    if _is_text(column):
        return {"text": True, **has}
    return {"numbers": np.dtype(column.type.to_pandas_dtype()).str, **has}


def _parts(columns: Iterable[pa.Array]) -> Iterator[NDArray[Any]]:
    """Yield the bytes of the columns, one after the other, as `_described` says."""
    for column in columns:
        if _is_text(column):
            yield from _text(column)
        else:
            yield _numbers(column.indices if pa.types.is_dictionary(column.type) else column)
        if column.null_count:
            yield _bits(column.buffers()[0], column)


def _is_text(column: pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _text(column: pa.Array) -> Iterator[NDArray[Any]]:
    """Yield where each text begins and the last one ends, then the bytes of all."""
    _, offsets, content = column.buffers()
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    begins = np.frombuffer(offsets or b"", width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    begins = begins if len(begins) else np.zeros(1, np.int64)  # of no row Arrow may keep none
    yield begins - begins[0]
    yield np.frombuffer(content or b"", np.uint8)[begins[0] : begins[-1]]


def _numbers(column: pa.Array) -> NDArray[Any]:
    content = column.buffers()[1]
    if pa.types.is_boolean(column.type):
        return _bits(content, column)
    dtype = np.dtype(column.type.to_pandas_dtype())
    return np.frombuffer(content or b"", dtype)[column.offset : column.offset + len(column)]


def _bits(content: pa.Buffer | None, column: pa.Array) -> NDArray[np.uint8]:
    """Return bits as bytes; Arrow leaves them out where there is no row."""
    bits = np.unpackbits(np.frombuffer(content or b"", np.uint8), bitorder="little")
    return bits[column.offset : column.offset + len(column)]
