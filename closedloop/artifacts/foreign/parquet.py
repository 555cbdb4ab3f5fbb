"""The columns of a parquet table: what Arrow is asked, in a confined process.

A kilobyte of parquet may declare a billion rows, a dictionary that unpacks to gigabytes, text that is none; Arrow then
allocates, or ends the process. What comes back is written by Arrow itself and was checked: its stream format, which
is read without being parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from closedloop.confined.protocol import Answer

_MOST_BYTES_OF_SCHEMA = 10_000_000
_ROWS_OF_A_PART = 1 << 16
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
        The marks, and under "other" what was expected and found of the columns where they are not as wanted; the parts
        are the columns in Arrow's stream format, so many rows each.
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
    return marks, _streams(table)


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


def _streams(table: pa.Table) -> Iterator[pa.Buffer]:
    """Yield the table part by part, each a stream of its own: it is read where it comes to lie, without a copy."""
    schema = table.schema.remove_metadata()
    for batch in table.to_batches(max_chunksize=_ROWS_OF_A_PART) or [None]:
        part = pa.BufferOutputStream()
        with pa.ipc.new_stream(part, schema) as stream:
            if batch is not None:
                stream.write_batch(batch)
        yield part.getvalue()
