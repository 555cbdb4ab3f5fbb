"""Images and base model elsewhere: taken where they are what they were, byte for byte, and nothing is made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.commands.amending.move import move_study
from closedloop.errors import CheckpointError, ImageError, OptionError, StudyError
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab
from tests.unit.study.test_inputs import ANCHOR, SPARE, made_of_photographs


def moved(made: Lab, *, images: Path | None = None, base_model: Path | None = None) -> str:
    return move_study(made.paths.root, images=images, base_model=base_model, by="ada", why="a new disk")


def test_the_study_goes_on_with_its_images_elsewhere_and_nothing_is_made_again(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    made.run(days=1)
    before = read_manifest(made.paths.start)
    identity = made.paths.study.read_bytes()
    (tmp_path / "images").rename(tmp_path / "disk-2")
    (tmp_path / "base.safetensors").rename(tmp_path / "at.safetensors")
    with refused(ImageError, tmp_path / "images", "closedloop move"):
        made.run()
    said = moved(made, images=tmp_path / "disk-2", base_model=tmp_path / "at.safetensors")
    assert "byte for byte" in said
    made.run()
    assert made.ran[0] == "0 queue"
    assert made.paths.study.read_bytes() == identity
    assert read_manifest(made.paths.start) == before
    seen = [context.study.pool.folder for context in looked_at(made)]
    assert seen == [str(tmp_path / "disk-2")]
    kinds = {fault.kind for fault in verify_study(made.paths, table=made.table).faults}
    assert not kinds & {"images", "base model"}


def looked_at(made: Lab) -> list:  # type: ignore[type-arg]
    """Return what a stage is given when it runs again."""
    contexts = []
    made.at["1 synthesize"] = contexts.append
    shutil.rmtree(made.paths.folder("synthesize", 1))
    made.run()
    del made.at["1 synthesize"]
    return contexts


def test_moved_twice_the_last_place_counts_and_both_are_told(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    for name in ("one", "two"):
        moved(made, images=Path(shutil.copytree(tmp_path / "images", tmp_path / name)))
    lines = read_amendments(made.paths.amendments)
    assert [line.after["images"] for line in lines] == [str(tmp_path / "one"), str(tmp_path / "two")]
    assert lines[1].before["images"] == str(tmp_path / "one")
    assert in_words(lines[1]) == f"said where the images are in {tmp_path / 'two'} now"
    with refused(StudyError, made.paths.root, "expected another place"):
        moved(made, images=tmp_path / "two")


@pytest.mark.parametrize("damage", ["missing", "other bytes"])
def test_another_image_is_refused_by_name_and_nothing_is_noted(tmp_path: Path, damage: str) -> None:
    made = made_of_photographs(tmp_path)
    copy = Path(shutil.copytree(tmp_path / "images", tmp_path / "copy"))
    if damage == "missing":
        (copy / SPARE).unlink()
    else:
        shutil.copy(copy / ANCHOR, copy / SPARE)
    with refused(ImageError, copy / SPARE, "expected the image that the study has listed"):
        moved(made, images=copy)
    assert not made.paths.amendments.exists()


def test_another_base_model_is_refused(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    other = tmp_path / "other.safetensors"
    other.write_bytes((tmp_path / "base.safetensors").read_bytes()[:-1] + b"x")
    with refused(CheckpointError, other, "found other bytes"):
        moved(made, base_model=other)
    with refused(CheckpointError, tmp_path / "none", "found no file"):
        moved(made, base_model=tmp_path / "none")


def test_what_moved_has_to_be_said_of_a_study_with_a_list(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path, listed=False)
    with refused(OptionError, "--images", "found neither"):
        moved(made)
    with refused(StudyError, made.paths.inputs, "found none"):
        moved(made, images=tmp_path / "images")
