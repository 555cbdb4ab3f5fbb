"""Folders for results: one command at a time, and no table of other settings beside the new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import as_arrays, read_table
from closedloop.errors import StorageError
from closedloop.studies.files import remove_both, write_both
from closedloop.studies.places import alone_in

LAYOUT = TableLayout("sizes", {"name": Column("string", "", "whose"), "size": Column("float64", "px", "how large")})


def test_two_commands_do_not_write_into_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with alone_in(out):
        with alone_in(tmp_path / "another"):
            pass
        with pytest.raises(StorageError, match=r"out: expected a folder of its own, found another command at work"):
            alone_in(out).__enter__()
    with alone_in(out):
        assert out.is_dir()


def test_a_table_without_a_row_is_written_and_removed_again(tmp_path: Path) -> None:
    path = tmp_path / "sizes.parquet"
    write_both(path, LAYOUT, as_arrays([], LAYOUT), simulated=True)
    assert [len(column) for column in read_table(path, LAYOUT).values()] == [0, 0]
    assert path.with_suffix(".csv").read_text() == "name,size\n"
    for _ in range(2):
        remove_both(path)
        assert list(tmp_path.iterdir()) == []
