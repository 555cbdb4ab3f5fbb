"""Parquet tables that are damaged, or made to harm: one line each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closedloop.artifacts import tables
from closedloop.artifacts.arrow import CodedText
from closedloop.artifacts.day.responses import RESPONSES
from closedloop.artifacts.day.session import PRESENTATIONS
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import is_simulated, read_table, write_table
from closedloop.errors import DocumentError
from tests.unit.messages import refused

ROWS: dict[str, Any] = {
    "presentation_index": pa.array([0, 1], pa.int32()),
    "stimulus_id": pa.array(["a", "b"]),
    "image_index": pa.array([4, 5], pa.int32()),
    "repetition": pa.array([0, 0], pa.int32()),
}
MARKS = {"kind": "planned_presentations", "format_version": "1", "simulated": "true"}


def table_file(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    path = folder / "presentations.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata(MARKS), path, **options)
    return path


def no_text() -> pa.Array:
    return pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"\xff\xfe"), null_count=0
    )


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("image_index", pa.array([4, 5], pa.int64()), "image_index of type int32, found int64"),
        ("image_index", pa.array([4.0, 5.0]), "image_index of type int32, found double"),
        ("image_index", pa.array(["4", "5"]), "image_index of type int32, found string"),
        ("image_index", pa.array([[4], [5]]), "image_index of type int32, found list<"),
        ("image_index", pa.array([{"a": 4}, {"a": 5}]), "image_index of type int32, found struct<"),
        ("image_index", pa.array([4, 5], pa.timestamp("ns")), "image_index of type int32, found timestamp"),
        ("image_index", pa.array([4, 5], pa.decimal128(9)), "image_index of type int32, found decimal"),
        ("image_index", pa.array([4, None], pa.int32()), "a value of image_index in every row, found none in 1 rows"),
        ("stimulus_id", pa.array(["a", None]), "a value of stimulus_id in every row"),
        ("stimulus_id", pa.array([b"a", b"b"]), "stimulus_id of type string, found binary"),
        ("stimulus_id", no_text(), "damaged file (ArrowInvalid"),
    ],
)
def test_a_column_of_another_type_and_a_missing_value_are_refused(
    tmp_path: Path, column: str, values: pa.Array, said: str
) -> None:
    path = table_file(tmp_path, ROWS | {column: values})
    with refused(DocumentError, path, said):
        read_table(path, PRESENTATIONS)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    names = [*ROWS, "image_index"]
    pq.write_table(pa.table([*ROWS.values(), ROWS["repetition"]], names=names).replace_schema_metadata(MARKS), path)
    with refused(DocumentError, path, "expected a column image_index, found ["):
        read_table(path, PRESENTATIONS)


def test_what_another_program_wrote_again_is_read(tmp_path: Path) -> None:
    """Text in large strings, in row groups and pages of other sizes, and columns that we do not know."""
    more = {"stimulus_id": pa.array(["a", "b"], pa.large_string()), "note": pa.array([None, "x"])}
    found = read_table(table_file(tmp_path, ROWS | more, row_group_size=1, compression="gzip"), PRESENTATIONS)
    assert {name: values.tolist() for name, values in found.items()} == {
        "presentation_index": [0, 1],
        "stimulus_id": ["a", "b"],
        "image_index": [4, 5],
        "repetition": [0, 0],
    }


def test_categories_in_row_groups_of_their_own_are_one_column(tmp_path: Path) -> None:
    layout = TableLayout("kinds", {"kind_of_event": Column("category", "", "what it is")})
    path = tmp_path / "kinds.parquet"
    with tables.table_writer(path, layout, simulated=False) as write:
        write({"kind_of_event": CodedText(np.zeros(2, np.int8), ("spike",))})
        write({"kind_of_event": CodedText(np.array([1, 0], np.int8), ("code", "comment"))})
    assert read_table(path, layout)["kind_of_event"].tolist() == ["spike", "spike", "comment", "code"]


def test_a_few_kilobytes_that_unpack_to_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal numbers take no room on disk, and all of it in memory: the limit is what the file's size lets expect."""
    n = 4_000_000
    columns = {name: np.zeros(n, np.int32) for name in ROWS} | {"stimulus_id": pa.repeat(pa.scalar("ab" * 20), n)}
    path = table_file(tmp_path, columns)
    assert path.stat().st_size < 300_000
    monkeypatch.setattr(tables, "_MEMORY_BYTES", 32 << 20)
    with refused(DocumentError, path, "MB of memory"):
        read_table(path, PRESENTATIONS)


def test_marks_of_any_length_and_bytes_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "marks.parquet"
    for mark in (b"\xff\xfe\n\x1b[2J", b"x" * 100_000, b""):
        marks = {b"kind": mark, b"format_version": mark, b"simulated": mark}
        pq.write_table(pa.table(ROWS).replace_schema_metadata(marks), path)
        with refused(DocumentError, path, "of kind planned_presentations, found") as caught:
            read_table(path, PRESENTATIONS)
        assert len(str(caught.value)) < len(str(path)) + 400
        assert not is_simulated(path)


def test_a_folder_and_a_pipe_are_no_tables(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "folder.parquet").mkdir()
    for name in ("pipe.parquet", "folder.parquet"):
        with refused(DocumentError, tmp_path / name, "damaged file (no file)"):
            read_table(tmp_path / name, PRESENTATIONS)


def test_a_table_of_no_rows_has_its_columns(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {name: [] for name in RESPONSES.columns}
    write_table(tmp_path / "none.parquet", RESPONSES, columns, simulated=False)
    found = read_table(tmp_path / "none.parquet", RESPONSES)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(RESPONSES.columns, 0)
