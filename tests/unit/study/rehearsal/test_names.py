from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.study import ArrayFiles, PoolDescription, StudyDocument
from closedloop.devices.files import processor_of
from closedloop.errors import RecordingError
from closedloop.study.rehearsal.names import file_stems, recording_name


def study(*, arrays: tuple[str, ...] = (), patterns: tuple[str, ...] = ()) -> StudyDocument:
    return StudyDocument(
        simulated=True,
        study_id="0",
        subject="m",
        protocol_name="p",
        protocol_sha256="0" * 64,
        code_version="0",
        arrays=arrays or tuple(f"a{number}" for number, _ in enumerate(patterns)),
        array_files=tuple(ArrayFiles(name=f"a{number}", files=one) for number, one in enumerate(patterns)),
        pool=PoolDescription(kind="flat_folder", folder="/x", side_px=32),
        base_model="b",
    )


def test_a_recording_is_called_as_the_rig_will_call_it() -> None:
    name = recording_name(r"D:\data\{session}-{launch}-{part}", session_id="0a b-day-00", day=0)
    assert name == "0a_b-day-00-1-1"
    assert recording_name(None, session_id="x", day=2) == "x_launch-1_part-1_20220105T090000"


@pytest.mark.parametrize(
    "patterns",
    [
        ("LEFT*", "RIGHT*"),
        ("*_left", "*_right"),
        ("[ab]1*", "[cd]1*"),
        ("V4*", "IT?-*"),
        ("LEFT*.n*", "RIGHT*.n*"),
    ],
)
def test_each_array_has_files_that_its_own_pattern_fits(patterns: tuple[str, ...]) -> None:
    stems = file_stems(study(patterns=patterns), "s-day-00_launch-1_part-1")
    for number, stem in stems.items():
        assert processor_of(Path(f"{stem}.nev"), arrays=patterns) == number


@pytest.mark.parametrize("arrays", [("array1", "array2"), ("nsp1", "nsp2"), ("array2", "array5")])
def test_names_that_tell_the_processor_are_in_the_files(arrays: tuple[str, ...]) -> None:
    for array, stem in zip(arrays, file_stems(study(arrays=arrays), "s").values(), strict=True):
        assert processor_of(Path(f"{stem}.nev")) == processor_of(Path(array))


def test_one_array_has_the_recording_s_own_name() -> None:
    assert file_stems(study(arrays=("array1",)), "s") == {1: "s"}


def test_a_recording_s_name_that_tells_another_array_is_refused() -> None:
    with pytest.raises(RecordingError, match=r"expected a name that tells array 2"):
        file_stems(study(arrays=("array1", "array2")), "nsp1-day")
