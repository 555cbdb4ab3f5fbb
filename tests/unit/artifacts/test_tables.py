"""Parquet tables with declared columns."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.artifacts.arrow import CodedText
from closedloop.artifacts.day.session import PRESENTATIONS
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.schemas import declared
from closedloop.artifacts.tables import (
    as_columns,
    csv_writer,
    is_simulated,
    read_table,
    table_writer,
    write_table,
)
from closedloop.errors import DocumentError
from tests.unit.messages import refused

LAYOUTS = {layout.kind: layout for layout in declared(TableLayout)}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int32": st.integers(-(2**31), 2**31 - 1),
    "float64": st.floats(),
    "string": st.text(st.characters(codec="utf-8"), max_size=6),
    "bool": st.booleans(),
    "category": st.sampled_from(["spike", "other"]),
    "uint8": st.integers(0, 255),
    "uint16": st.integers(0, 65535),
    "int64": st.integers(-(2**63), 2**63 - 1),
}
SMALL = {"presentation_index": [0, 1], "stimulus_id": ["a", "b"], "image_index": [4, 5], "repetition": [0, 0]}


@st.composite
def contents(draw: st.DrawFn) -> tuple[TableLayout, dict[str, list[Any]]]:
    layout = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    n = draw(st.integers(0, 5))
    return layout, {
        name: draw(st.lists(VALUES[column.dtype], min_size=n, max_size=n)) for name, column in layout.columns.items()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=contents(), simulated=st.booleans())
def test_every_table_is_read_back_as_it_was_written(
    tmp_path: Path, made: tuple[TableLayout, dict[str, list[Any]]], simulated: bool
) -> None:
    layout, columns = made
    path = tmp_path / "table.parquet"
    write_table(path, layout, columns, simulated=simulated)
    found = read_table(path, layout)
    assert list(found) == list(layout.columns)
    for name, column in layout.columns.items():
        np.testing.assert_array_equal(found[name], np.array(columns[name], dtype=found[name].dtype))
        is_text = column.dtype in {"string", "category"}
        assert found[name].dtype == (object if is_text else np.dtype(column.dtype))
    assert is_simulated(path) == simulated


def test_the_file_tells_other_programs_its_kind_and_units(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    layout = TableLayout("lengths", {"length": Column("float64", "cm", "how long")})
    write_table(path, layout, {"length": [1.5]}, simulated=False)
    schema = pq.read_schema(path)
    assert schema.metadata[b"kind"] == b"lengths"
    assert schema.metadata[b"simulated"] == b"false"
    assert schema.field("length").metadata[b"unit"] == b"cm"
    assert pq.read_table(path).to_pydict() == {"length": [1.5]}


def test_columns_other_than_the_layouts_are_the_programmers_mistake(tmp_path: Path) -> None:
    too_many: dict[str, Any] = SMALL | {"extra": [1, 2]}
    for columns in (too_many, {"image_index": [1]}):
        with pytest.raises(ValueError, match="expected columns"):
            write_table(tmp_path / "table.parquet", PRESENTATIONS, columns, simulated=False)
    assert not (tmp_path / "table.parquet").exists()


def test_a_value_that_does_not_fit_its_column_is_not_cut_down(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        write_table(tmp_path / "t.parquet", PRESENTATIONS, SMALL | {"image_index": [2**31, 0]}, simulated=False)


def test_rows_become_columns_in_the_layouts_order() -> None:
    rows = [{"repetition": 0, "image_index": 4, "stimulus_id": "a", "presentation_index": 0}]
    columns = as_columns(rows, PRESENTATIONS)
    assert list(columns) == list(PRESENTATIONS.columns)
    assert columns["image_index"] == [4]


def test_a_missing_table_is_said(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / "none.parquet", "found no file"):
        read_table(tmp_path / "none.parquet", PRESENTATIONS)


def test_a_table_of_another_kind_is_refused_though_it_has_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, TableLayout("other", PRESENTATIONS.columns), SMALL, simulated=True)
    with refused(DocumentError, path, "of kind planned_presentations, found other"):
        read_table(path, PRESENTATIONS)


def rewritten(path: Path, table: pa.Table, **marks: str) -> Path:
    """Write a table as some other program, or a later version of this one, would."""
    found = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    pq.write_table(table.replace_schema_metadata(found | marks), path)
    return path


def test_a_newer_version_and_a_missing_column_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, PRESENTATIONS, SMALL, simulated=True)
    table = pq.read_table(path)
    with refused(DocumentError, rewritten(path, table, format_version="2"), "version 1 or older, found 2"):
        read_table(path, PRESENTATIONS)
    for damaged in ("", "one", "-1", "1" * 5000):
        with refused(DocumentError, rewritten(path, table, format_version=damaged), "expected a format version, found"):
            read_table(path, PRESENTATIONS)
    with refused(DocumentError, rewritten(path, table.drop(["image_index"])), "expected a column image_index"):
        read_table(path, PRESENTATIONS)


def test_a_table_of_another_program_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table(SMALL), tmp_path / "table.parquet")
    with refused(DocumentError, tmp_path / "table.parquet", "found none"):
        read_table(tmp_path / "table.parquet", PRESENTATIONS)
    assert not is_simulated(tmp_path / "table.parquet")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_table_cut_anywhere_is_refused_by_name(tmp_path: Path, part: float) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, PRESENTATIONS, SMALL, simulated=True)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with refused(DocumentError, path, "damaged"):
        read_table(path, PRESENTATIONS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_one_line_or_goes_unseen_but_never_a_traceback(tmp_path: Path, place: float, bit: int) -> None:
    """Only the manifest's sha256 tells every change; here it is enough that no other exception comes out."""
    path = tmp_path / "table.parquet"
    write_table(path, PRESENTATIONS, SMALL, simulated=True)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with suppress(DocumentError):
        assert list(read_table(path, PRESENTATIONS)) == list(PRESENTATIONS.columns)


def test_text_in_parts_is_one_file_of_names_and_rows(tmp_path: Path) -> None:
    kinds = {"a": "int64", "b": "category", "c": "bool"}
    layout = TableLayout("t", {name: Column(kind, "", "") for name, kind in kinds.items()})
    path = tmp_path / "t.csv"
    with csv_writer(path, layout, simulated=False) as write:
        write({"a": [1, 2], "b": CodedText(np.array([0, 1], np.int8), ("x", "y, z")), "c": [True, False]})
        write({"a": np.ma.masked_array([3], [True]), "b": CodedText(np.array([0], np.int8), ("x",)), "c": [None]})
    assert path.read_text().splitlines() == ['"a","b","c"', '1,"x",true', '2,"y, z",false', ',"x",']


def test_text_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def write_text() -> None:
        with csv_writer(tmp_path / "t.csv", PRESENTATIONS, simulated=True) as write:
            write(SMALL)
            write({})

    with pytest.raises(KeyError):
        write_text()
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_many_parts_is_read_whole_though_each_names_its_texts_anew(tmp_path: Path) -> None:
    """More rows than come at a time, in groups of rows that number the same texts differently."""
    layout = TableLayout(kind="parts", columns={"n": Column("int64", "", ""), "kind": Column("category", "", "")})
    path, n = tmp_path / "table.parquet", 70_000
    with table_writer(path, layout, simulated=False) as write:
        for first, labels in ((0, ("x", "y")), (n, ("y", "z"))):
            code = (np.arange(n) % 2).astype(np.int8)
            write({"n": np.arange(first, first + n), "kind": CodedText(code, labels)})
    columns = read_table(path, layout)
    np.testing.assert_array_equal(columns["n"], np.arange(2 * n))
    assert columns["kind"][[0, 1, n - 1, n, n + 1]].tolist() == ["x", "y", "y", "y", "z"]


def test_a_table_without_a_row_has_its_columns(tmp_path: Path) -> None:
    layout = TableLayout(kind="none", columns={"n": Column("int64", "", ""), "kind": Column("category", "", "")})
    with table_writer(tmp_path / "table.parquet", layout, simulated=False) as write:
        write({"n": np.zeros(0, np.int64), "kind": CodedText(np.zeros(0, np.int8), ("x",))})
    columns = read_table(tmp_path / "table.parquet", layout)
    assert {name: len(column) for name, column in columns.items()} == {"n": 0, "kind": 0}
