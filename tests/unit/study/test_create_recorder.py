"""What a new study knows of its recorder: arrays, the files of each, the maker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import (
    OptionError,
    StudyError,
)
from closedloop.study.create import Request, create_study, find_protocol
from tests.unit.messages import refused
from tests.unit.study.new_studies import image_folder, request


def test_a_study_keeps_which_files_are_of_which_array(tmp_path: Path) -> None:
    paths = create_study(replace(request(tmp_path), arrays=("left=LEFT*", "right = day*_r_*")))
    study = StudyDocument.read(paths.study)
    assert study.arrays == ("left", "right")
    assert [(one.name, one.files) for one in study.array_files] == [("left", "LEFT*"), ("right", "day*_r_*")]


def test_a_study_whose_files_names_tell_has_no_word_on_them(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path))
    assert b"array_files" not in paths.study.read_bytes()
    assert StudyDocument.read(paths.study).array_files == ()


@pytest.mark.parametrize("arrays", [("left",), ("=L*",), ("left=",), ("a=L*", "a=R*"), ("a=L*", "b=l*")])
def test_arrays_that_are_no_pairs_of_name_and_pattern_are_refused(tmp_path: Path, arrays: tuple[str, ...]) -> None:
    with refused(OptionError, "--array"):
        create_study(replace(request(tmp_path), arrays=arrays))
    assert not (tmp_path / "study").exists()


def test_a_recorder_of_another_maker_stands_in_the_study_and_blackrocks_does_not(tmp_path: Path) -> None:
    file = tmp_path / "recorder.yaml"
    file.write_text("maker: neo\ndevices:\n  - raw: {}\n    codes: {lines: [1, 2, 3]}\n")
    ours = tmp_path / "ours.yaml"
    ours.write_text("maker: blackrock\n")
    for name, recorder in (("other", file), ("blackrock", ours)):
        create_study(Request(tmp_path / name, "nobody", simulated=True, protocol="smoke", recorder=recorder))
    other, blackrock = (
        StudyDocument.read(StudyPaths(tmp_path / name).study).recorder for name in ("other", "blackrock")
    )
    assert (other is not None and other.devices[0].codes.lines, blackrock) == ((1, 2, 3), None)
    with refused(StudyError, file, "--array"):
        create_study(
            Request(tmp_path / "two", "nobody", simulated=True, protocol="smoke", recorder=file, arrays=("a=A*",))
        )


def test_the_arrays_and_the_files_of_each_are_told_by_name(tmp_path: Path) -> None:
    wanted = replace(request(tmp_path), arrays=("array1", "nsp2"), nsx=("NS6", ".ns2"))
    study = StudyDocument.read(create_study(wanted).study)
    assert (study.arrays, study.array_files, study.nsx) == (("array1", "nsp2"), (), (".ns2", ".ns6"))


def test_a_study_that_names_no_files_has_the_bytes_of_one_before_they_could_be_named(tmp_path: Path) -> None:
    assert b"nsx" not in create_study(request(tmp_path)).study.read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"arrays": ("left", "right")}, "expected names that tell the processor"), ({"nsx": ("ns7",)}, "--nsx .ns7")],
)
def test_arrays_that_cannot_be_told_apart_and_unknown_files_are_refused(
    tmp_path: Path, change: dict[str, tuple[str, ...]], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        create_study(replace(request(tmp_path), **change))
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(("n_processors", "arrays"), [(1, ("array1",)), (2, ("array1", "array2"))])
def test_a_simulated_study_names_the_arrays_that_it_simulates(
    tmp_path: Path, n_processors: int, arrays: tuple[str, ...]
) -> None:
    text = find_protocol("dry_run").read_text()
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(text.replace("  n_electrodes: 96 ", f"  n_processors: {n_processors}\n  n_electrodes: 96 "))
    paths = create_study(Request(tmp_path / "study", "nobody", simulated=True, protocol=str(protocol)))
    assert StudyDocument.read(paths.study).arrays == arrays


def test_a_real_study_that_was_told_no_arrays_names_none(tmp_path: Path) -> None:
    real = replace(request(tmp_path), simulated=False, images=image_folder(tmp_path / "photographs"))
    assert StudyDocument.read(create_study(real).study).arrays == ()
