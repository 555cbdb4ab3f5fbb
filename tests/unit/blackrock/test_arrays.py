"""Names of sites across days and processors, and maps from .cmp files."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.blackrock.arrays import ArrayMap, MappedElectrode, numbered_array
from closedloop.blackrock.maps import read_array_map
from closedloop.errors import RecordingError
from tests.unit.messages import refused

HEAD = "// Mapfile\n// col row bank elec label\nCerebus mapping\n"


def cmp_file(folder: Path, *rows: str, head: str = HEAD) -> Path:
    file = folder / "implant.cmp"
    file.write_text(head + "\n".join(rows) + "\n")
    return file


def two_processors() -> ArrayMap:
    return ArrayMap((*numbered_array(1, range(1, 97)), *numbered_array(2, range(1, 97))))


def test_two_processors_that_both_number_from_1_have_different_sites() -> None:
    arrays = two_processors()
    assert arrays.by_number(1, 42).neuroid_id == "array1-042"
    assert arrays.by_number(2, 42).neuroid_id == "array2-042"
    assert (arrays.by_name("array2-096").processor, arrays.by_name("array2-096").electrode_id) == (2, 96)
    assert arrays.arrays == ("array1", "array2")
    assert len(set(arrays.neuroid_ids)) == 192


def test_a_sites_name_does_not_depend_on_which_electrodes_a_day_has() -> None:
    assert [one.neuroid_id for one in numbered_array(1, [5, 130])] == ["array1-005", "array1-130"]


def test_unknown_electrodes_and_sites_are_refused() -> None:
    arrays = two_processors()
    with refused(RecordingError, "processor 3, electrode 1", "array1, array2", "found 0"):
        arrays.by_number(3, 1)
    with refused(RecordingError, "site array3-001"):
        arrays.by_name("array3-001")
    with refused(RecordingError, "electrode 'x'"):
        arrays.by_label("x")


def test_a_label_of_two_processors_needs_the_processor() -> None:
    arrays = ArrayMap((*numbered_array(1, [1], labels=["elec1"]), *numbered_array(2, [1], labels=["elec1"])))
    assert arrays.by_label("elec1", processor=2).neuroid_id == "array2-001"
    with pytest.raises(RecordingError, match="found 2"):
        arrays.by_label("elec1")


def test_electrodes_may_share_neither_name_nor_number() -> None:
    one = MappedElectrode("array1-001", "array1", 1, 1)
    for other in (MappedElectrode("array1-001", "array1", 1, 2), MappedElectrode("array2-001", "array2", 1, 1)):
        with pytest.raises(ValueError, match="share"):
            ArrayMap((one, other))


def test_a_map_tells_bank_place_and_label(tmp_path: Path) -> None:
    file = cmp_file(tmp_path, "0 9 A 1 elec1", "3 7 C 32 elec96", "1\t9\tb\t5\telec37")
    electrodes = read_array_map(file)
    assert [(e.electrode_id, e.label, e.row, e.column) for e in electrodes] == [
        (1, "elec1", 9, 0),
        (37, "elec37", 9, 1),
        (96, "elec96", 7, 3),
    ]
    assert [e.neuroid_id for e in electrodes] == ["array1-001", "array1-002", "array1-003"]


def test_the_second_processors_map_names_array2(tmp_path: Path) -> None:
    assert read_array_map(cmp_file(tmp_path, "0 0 A 1 elec1"), processor=2)[0].neuroid_id == "array2-001"


def test_two_arrays_in_one_file_are_told_apart_by_their_labels(tmp_path: Path) -> None:
    file = cmp_file(tmp_path, "0 0 A 1 V4-01", "1 0 A 2 V4-02", "0 0 B 1 IT-01", "1 0 B 2 IT-02")
    found = read_array_map(file, names=("v4", "it"))
    assert [(e.electrode_id, e.neuroid_id) for e in found] == [
        (1, "v4-001"),
        (2, "v4-002"),
        (33, "it-001"),
        (34, "it-002"),
    ]
    with pytest.raises(RecordingError, match="expected 3 arrays"):
        read_array_map(file, names=("a", "b", "c"))


def test_a_map_without_description_or_labels_is_read(tmp_path: Path) -> None:
    assert read_array_map(cmp_file(tmp_path, "0 0 B 2", head=""))[0].label == "elec34"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0 0 A 1 a1", "0 0 A 2 a2"], "line 5: expected a place of its own, found that of line 4"),
        (["0 0 A 1 a1", "0 1 A 1 a2"], "expected a bank and electrode of its own"),
        (["0 0 A 1 a1", "0 1 A 2 a1"], "expected a label of its own"),
        (["0 0 A 33 a1"], "line 4: expected column, row, bank"),
        (["0 0 Z 1 a1"], "line 4"),
        (["nothing"], "line 4"),
        ([], "found none"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line_with_its_place(tmp_path: Path, rows: list[str], said: str) -> None:
    file = cmp_file(tmp_path, *rows)
    with refused(RecordingError, file, said):
        read_array_map(file)


def test_a_missing_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="found no file"):
        read_array_map(tmp_path / "none.cmp")
