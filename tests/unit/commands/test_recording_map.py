"""`closedloop recording map`: where each electrode lies, as text, as a picture, as a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closedloop.errors import OptionError, RecordingError
from tests.unit.commands.recording_runs import run
from tests.unit.messages import refused

CORNERS = [(0, 0), (9, 0), (0, 9), (9, 9)]


def utah(folder: Path) -> Path:
    """Ten by ten without corners, electrode 1 at column 1 of row 0, and on along the rows."""
    places = [(column, row) for row in range(10) for column in range(10) if (column, row) not in CORNERS]
    lines = [f"{column} {row} {'ABC'[k // 32]} {k % 32 + 1} elec{k + 1}" for k, (column, row) in enumerate(places)]
    file = folder / "implant.cmp"
    file.write_text("\n".join(["// Mapfile", "SN 1025-000001", *lines]) + "\n")
    return file


def two(folder: Path) -> Path:
    file = folder / "two.cmp"
    file.write_text("two arrays\n0 0 A 1 V4-1\n2 1 A 2 V4-2\n0 0 E 1 IT-1\n")
    return file


def test_the_terminal_shows_row_0_at_the_bottom_and_column_0_on_the_left(tmp_path: Path) -> None:
    lines = run("map", utah(tmp_path)).splitlines()
    assert lines[0].endswith("implant.cmp: 96 electrodes, 1 array")
    assert lines[2] == "array1: 96 electrodes, elec1 to elec96; bank A 32, B 32, C 32"
    assert lines[3].split() == ["row", "9", ".", *map(str, range(89, 97)), "."]
    assert lines[4].split() == ["row", "8", *map(str, range(79, 89))]
    assert lines[12].split() == ["row", "0", ".", *map(str, range(1, 9)), "."]
    assert lines[13].split() == ["column", *map(str, range(10))]
    assert len({len(line) for line in lines[3:14]}) == 1


def test_two_arrays_of_one_file_are_shown_one_after_the_other_under_their_names(tmp_path: Path) -> None:
    said = run("map", two(tmp_path), "--names", "V4,IT")
    assert "V4: 2 electrodes, V4-1 to V4-2; bank A 2" in said
    assert "IT: 1 electrode, IT-1; bank E 1" in said


def test_json_lists_every_electrode(tmp_path: Path) -> None:
    said = json.loads(run("map", two(tmp_path), "--json"))
    assert said["electrodes"][2] == {
        "array": "array2", "site": "array2-001", "electrode_id": 129, "label": "IT-1", "bank": "E", "contact": 1,
        "column": 0, "row": 0,
    }  # fmt: skip


def test_the_page_and_the_picture_hold_every_array(tmp_path: Path) -> None:
    run("map", two(tmp_path), "--names", "V4,IT", "--out", tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text()
    assert "<h2>V4</h2>" in page
    assert "<h2>IT</h2>" in page
    assert "<td>IT-1</td><td>E</td><td>1</td><td>0</td><td>0</td>" in page
    assert "closedloop recording map two.cmp --names V4,IT --out map.html" in page
    assert "SIMULATED" not in page
    run("map", utah(tmp_path), "--out", tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["map.pdf", "implant.cmp"])
def test_another_kind_of_picture_is_refused(tmp_path: Path, name: str) -> None:
    file = utah(tmp_path)
    before = file.read_bytes()
    with refused(OptionError, f"--out {tmp_path / name}"):
        run("map", file, "--out", tmp_path / name)
    assert file.read_bytes() == before


def test_a_file_that_is_no_map_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.cmp"
    file.write_text("hello\nthis is no map\n")
    with refused(RecordingError, file, "line 2", "column, row, bank"):
        run("map", file)
