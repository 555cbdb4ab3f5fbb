"""Which files are of which processor, and clock segments brought from one file onto another."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.devices.clock_segments import map_clock_segments
from closedloop.devices.files import find_devices, processor_of
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from tests.unit.messages import refused


@pytest.mark.parametrize(
    ("first", "second", "suffix"),
    [
        ("array1.nev", "ARRAY1.NEV", ".nev"),
        ("array1.nev", "array1.NEV", ".nev"),
        ("array1.ns6", "Array1.NS6", ".ns6"),
    ],
)
def test_two_files_whose_names_differ_in_case_alone_are_refused(first: str, second: str, suffix: str) -> None:
    """One was used and the other sealed beside it, unread."""
    files = [Path("day") / name for name in ("array1.ns2", "array2.nev", first, second)]
    for order in (files, files[::-1]):
        with refused(RecordingError, "day", *files[2:], f"expected one {suffix} of that name", "out of the folder"):
            find_devices(order)


@pytest.mark.parametrize(
    ("stem", "processor"),
    [
        ("array2", 2),
        ("monkey_NSP1_001", 1),
        ("Hub2-20240506", 2),
        ("20240506-instance1", 1),
        ("nsp-2_b", 2),
        ("processor 2", 2),
        ("20240506_002", 1),
        ("monkey", 1),
        ("NSP-20240829-083550-001", 1),
        ("NSP2-20240829-083550-001", 2),
        ("Hub1-20240829-083550-001", 1),
        ("hub_3_2024-08-29", 3),
        ("NSP-08-29-2024", 1),
        ("nsp_08_29_24", 1),
        ("nsp2_08_29_24", 2),
        ("NSP-2-08-29-24", 2),
        ("NSP-08-29-2024-001", 1),
        ("Utah array 96 day3", 1),
        ("Utah array 96 array2", 2),
        ("NSP128_day3", 1),
        ("array00", 1),
        ("instance16", 16),
    ],
)
def test_a_name_tells_the_processor(stem: str, processor: int) -> None:
    assert processor_of(Path("day") / f"{stem}.nev") == processor


def test_a_date_beside_hubs_is_the_nsp_of_its_own() -> None:
    names = ("NSP-20240829-083550-001.nev", "Hub1-20240829-083550-001.ns6", "Hub2-20240829-083550-001.ns6")
    assert [(one.processor, one.name) for one in find_devices([Path(name) for name in names])] == [
        (0, "NSP-20240829-083550-001"),
        (1, "Hub1-20240829-083550-001"),
        (2, "Hub2-20240829-083550-001"),
    ]


def test_patterns_say_which_files_are_of_which_array_whatever_the_order() -> None:
    names = ("right_1.nev", "LEFT_1.ns6", "Left_1.nev")
    first, second = find_devices([Path(name) for name in names], arrays=("left*", "RIGHT*"))
    assert (first.processor, [file.name for one in first.recordings for file in one.files]) == (
        1,
        ["Left_1.nev", "LEFT_1.ns6"],
    )
    assert (second.processor, second.name) == (2, "right_1")
    (alone,) = find_devices([Path("right_1.nev")], arrays=("left*", "RIGHT*"))
    assert alone.processor == 2
    assert processor_of(Path("right.cmp"), arrays=("left", "right")) == 2


@pytest.mark.parametrize(("name", "found"), [("middle.nev", "fits none"), ("left_right.nev", "left* and *right*")])
def test_a_file_of_no_array_or_of_two_is_refused(name: str, found: str) -> None:
    with refused(RecordingError, Path("day") / name, "left*, *right*", found):
        find_devices([Path("day") / name], arrays=("left*", "*right*"))


def test_files_are_grouped_by_processor_and_stem_in_the_order_of_the_day() -> None:
    names = [
        "nsp2-10.nev",
        "nsp1-9.nev",
        "nsp1-10.ns2",
        "nsp1-10.nev",
        "nsp1-10.ns6",
        "nsp1-9.NS6",
        "notes.txt",
        "a.cmp",
    ]
    first, second = find_devices([Path(name) for name in names])
    assert (first.processor, second.processor) == (1, 2)
    assert [recording.stem for recording in first.recordings] == ["nsp1-9", "nsp1-10"]
    assert [file.name for file in first.recordings[1].files] == ["nsp1-10.nev", "nsp1-10.ns6", "nsp1-10.ns2"]
    assert [file.name for file in first.recordings[0].nsx] == ["nsp1-9.NS6"]
    assert second.recordings[0].nsx == ()
    assert first.name == "nsp1-9 and 1 more"


def test_capitals_part_no_recording() -> None:
    (device,) = find_devices([Path("NSP1_A.NEV"), Path("nsp1_a.ns6")])
    assert [[file.name for file in one.files] for one in device.recordings] == [["NSP1_A.NEV", "nsp1_a.ns6"]]


def test_a_folder_without_recordings_is_refused() -> None:
    with refused(RecordingError, "day", ".nev", "found none"):
        find_devices([Path("day/notes.txt")])


def segments(*rows: tuple[int, int, int]) -> tuple[Segment, ...]:
    return tuple(Segment(clock_segment, first, end, end - first) for clock_segment, first, end in rows)


def test_a_slow_file_without_the_stub_is_brought_onto_the_clock_segments_of_the_fast_one() -> None:
    fast = segments((0, 0, 1), (1, 0, 500_000), (2, 0, 300_000))
    slow = segments((0, 0, 499_990), (1, 0, 299_990))
    assert map_clock_segments(slow, fast, place="x.ns2") == {0: 1, 1: 2}


def test_equal_clock_segments_go_one_to_one_even_where_another_overlaps_more() -> None:
    fast = segments((0, 0, 100), (1, 0, 1000))
    assert map_clock_segments(segments((0, 0, 110), (1, 0, 990)), fast, place="x.ns2") == {0: 0, 1: 1}


def test_a_file_of_another_recording_is_refused() -> None:
    with refused(RecordingError, "x.ns2", "none for clock segment 0"):
        map_clock_segments(segments((0, 5000, 6000)), segments((0, 0, 1000)), place="x.ns2")
    with refused(RecordingError, "x.ns2"):
        map_clock_segments(segments((0, 0, 9), (1, 0, 9)), segments((0, 0, 9)), place="x.ns2")
