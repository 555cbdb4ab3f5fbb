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
    ],
)
def test_a_name_tells_the_processor(stem: str, processor: int) -> None:
    assert processor_of(stem) == processor


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
