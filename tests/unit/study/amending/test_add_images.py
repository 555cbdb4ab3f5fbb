"""More images for days to come: those that were listed stay, and taken back the study is what it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.catalog import ADDED_IMAGES
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import StudyDocument
from closedloop.commands.amending.images import add_to_list
from closedloop.errors import ImageError, StudyError
from closedloop.stages.from_protocol.images import added_rows
from closedloop.study.amending import images as adding
from closedloop.study.amending.withdraw import withdraw
from closedloop.study.inputs import read_image_list
from closedloop.study.loop import read_identity
from closedloop.study.verification.study import verify_study
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, lab
from tests.unit.study.test_inputs import ANCHOR, CLEAN, NORMALIZER, SPARE, made_of_photographs, write_queue


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A study of photographs whose day 0 is done, and that has the images of day 1."""
    study = made_of_photographs(tmp_path)
    study.edit_protocol("days: 2 ", "days: 4 ")
    study.at |= {f"{day} queue": write_queue for day in range(3)}
    study.run(days=1)
    return study


def photograph(made: Lab, name: str, seed: int = 9) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(made.paths.root.with_name("images") / name)


def add(made: Lab, *, from_day: int | None = None, skip_unreadable: bool = False) -> str:
    return add_to_list(
        made.paths.root, from_day=from_day, skip_unreadable=skip_unreadable, by="ada", why="they run out"
    )


def names(made: Lab) -> list[str]:
    return [image.image_id for image in read_image_list(made.paths)]


def queue_decisions(made: Lab, day: int) -> dict[str, str]:
    return read_manifest(made.paths.folder("queue", day)).decisions


def test_what_is_new_in_the_folder_is_listed_beside_what_was(made: Lab) -> None:
    before = names(made)
    photograph(made, "new.png")
    said = add(made)
    assert said.startswith("Added 1 image: they are drawn from day 1 on. Noted in ")
    assert names(made) == [*before, "new.png"]
    made.run(days=2)
    assert "0 queue" in made.ran
    assert made.listener.said == []  # nothing in the folder is unknown
    assert '"addition": "1"' in queue_decisions(made, 0)["images_added"]
    assert not [fault for fault in verify_study(made.paths, table=made.table).faults if fault.kind == "images"]


def test_taken_back_the_queue_is_what_it_was(made: Lab) -> None:
    made.run(days=2)
    before = read_manifest(made.paths.folder("queue", 0)).input_hash
    photograph(made, "new.png")
    add(made, from_day=2)
    made.run(days=3)
    assert queue_decisions(made, 0) == {}
    assert queue_decisions(made, 1)["images_added"]
    add_more = read_amendments(made.paths.amendments)
    assert [line.day for line in add_more] == [2]
    with refused(StudyError, made.paths.root, "found day 2 shown or recorded"):
        taken_back(made)
    assert read_manifest(made.paths.folder("queue", 0)).input_hash == before


def taken_back(made: Lab, number: int = 1) -> None:
    document, protocol = read_identity(made.paths)
    withdraw(made.paths, document, protocol, number=number, by="ada", why="no", foresee=lambda *_a, **_o: None)


def test_an_addition_that_was_taken_back_is_drawn_no_more_and_may_come_again(made: Lab) -> None:
    photograph(made, "new.png")
    add(made)
    taken_back(made)
    assert "new.png" not in names(made)
    made.run(days=2)
    assert queue_decisions(made, 0) == {}
    add(made)
    assert names(made)[-1] == "new.png"
    assert [line.subject[0] for line in read_amendments(made.paths.amendments)] == ["1", "1", "2"]


def test_two_additions_count_from_their_own_days(made: Lab) -> None:
    photograph(made, "one.png")
    add(made, from_day=1)
    photograph(made, "two.png", seed=10)
    add(made, from_day=2)
    made.run(days=3)
    rows = ADDED_IMAGES.read(ADDED_IMAGES.published(made.paths, 0))
    drawn = [added_rows(rows, queue_decisions(made, day)["images_added"]) for day in (0, 1)]
    assert [list(one["image_id"]) for one in drawn if one is not None] == [["one.png"], ["one.png", "two.png"]]


def test_rows_that_no_line_names_are_drawn_by_nobody(made: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    photograph(made, "new.png")
    before = names(made)

    def killed(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as kill:
        kill.setattr(adding, "decide", killed)
        document, protocol = read_identity(made.paths)
        with pytest.raises(KeyboardInterrupt):
            adding.add_images(
                made.paths,
                document,
                protocol,
                from_day=None,
                skip_unreadable=False,
                by=None,
                why="x",
                progress=lambda _done, _total: None,
            )
    assert names(made) == before
    add(made)
    assert names(made) == [*before, "new.png"]
    assert len(ADDED_IMAGES.read(ADDED_IMAGES.published(made.paths, 0))["image_id"]) == 1


def test_an_image_that_is_listed_under_another_name_is_no_new_one(made: Lab) -> None:
    folder = made.paths.root.with_name("images")
    shutil.copy(folder / SPARE, folder / "again.png")
    with refused(ImageError, folder / "again.png", f"found {SPARE} again, byte for byte"):
        add(made)
    assert not made.paths.amendments.exists()
    assert not ADDED_IMAGES.published(made.paths, 0).exists()


def test_nothing_new_what_cannot_be_shown_and_a_day_that_was_shown_are_refused(made: Lab) -> None:
    folder = made.paths.root.with_name("images")
    with refused(ImageError, folder, "found none"):
        add(made)
    (folder / "torn.png").write_bytes((folder / CLEAN).read_bytes()[:60])
    with refused(ImageError, folder, "torn.png", "--skip-unreadable"):
        add(made)
    photograph(made, "new.png")
    add(made, skip_unreadable=True)
    assert names(made) == [ANCHOR, CLEAN, NORMALIZER, SPARE, "new.png"]
    made.run(days=2)
    photograph(made, "newer.png", seed=11)
    with refused(StudyError, made.paths.root, "found day 1 shown or recorded"):
        add(made, from_day=1)


def test_a_study_of_computed_images_has_none_to_add(tmp_path: Path) -> None:

    made = lab(tmp_path / "study")
    made.run(days=1)
    assert StudyDocument.read(made.paths.study).pool.folder is None
    with refused(StudyError, made.paths.root, "found that it computes them"):
        add(made)
