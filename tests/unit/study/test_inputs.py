"""What the loop says and refuses about a study's images and base model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.catalog import IMAGE_LIST, QUEUE, STIMULI, STUDY_INPUTS
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.stimuli import STIMULI as STIMULI_LAYOUT
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.errors import CheckpointError, ClosedLoopError, ImageError, ManifestError
from closedloop.models.shipped import shipped_weights
from closedloop.stages import start
from closedloop.stages.context import StageContext
from closedloop.stimuli.folders import FlatFolderPool
from closedloop.stimuli.listed import read_folder
from closedloop.study.inputs import record_inputs
from closedloop.study.loop import read_identity
from tests.unit.days import stimulus
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, lab

ANCHOR, NORMALIZER, CLEAN, SPARE = "anchor.png", "normalizer.png", "clean.png", "spare.png"
SIDE_PX = 32


def photographs(folder: Path) -> Path:
    folder.mkdir()
    for number, name in enumerate((ANCHOR, NORMALIZER, CLEAN, SPARE)):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def queue_of(day: int) -> ImageQueue:
    def image(name: str) -> tuple[QueuedImage, ...]:
        return (QueuedImage(image_id=name, category="uncategorised"),)

    return ImageQueue(simulated=True, day=day, clean=image(CLEAN), anchors=image(ANCHOR), normalizers=image(NORMALIZER))


def write_queue(context: StageContext) -> None:
    queue_of(context.day + 1).write(context.working / QUEUE.name)


def made_of_photographs(tmp_path: Path, *, listed: bool = True) -> Lab:
    """A study whose fake stages queue the same photographs for every day."""
    folder = photographs(tmp_path / "images")
    made = lab(tmp_path / "study")
    study = StudyDocument.read(made.paths.study)
    pool = PoolDescription(kind="flat_folder", folder=str(folder), side_px=SIDE_PX)
    weights = shutil.copy(shipped_weights("small_resnet_robust"), tmp_path / "base.safetensors")
    study = study.model_copy(update={"pool": pool, "base_model": str(weights)})
    study.write(made.paths.study)
    if listed:
        _, protocol = read_identity(made.paths)
        opened = FlatFolderPool(folder, SIDE_PX, upright=False)
        reading = read_folder(opened, remembered=tmp_path / "remembered", progress=lambda _done, _total: None)
        record_inputs(made.paths, study, protocol, recorded="init", reading=reading)
    made.at = {"start": write_queue, "0 queue": write_queue}
    return made


def said(made: Lab) -> list[str]:
    return [text for text in made.listener.said if "images" in text]


def test_a_folder_as_it_was_is_not_mentioned(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    made.run()
    assert made.listener.said == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / SPARE).unlink(), "1 images are gone (spare.png): they are drawn no more"),
        (lambda folder: (folder / SPARE).rename(folder / "s.png"), "1 were renamed (spare.png (now s.png))"),
        (lambda folder: shutil.copy(folder / SPARE, folder / "new.png"), "1 are new (new.png): they are not drawn"),
    ],
)
def test_a_change_that_matters_to_nothing_is_one_line_once_and_the_study_goes_on(
    tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    made = made_of_photographs(tmp_path)
    made.run(days=1)
    change(tmp_path / "images")
    made.run()
    (line,) = said(made)
    assert line.startswith(f"{tmp_path / 'images'}: ")
    assert words in line
    assert "Put the folder back as it was, or go on" in line
    assert "1 synthesize" in made.ran


@pytest.mark.parametrize("name", [ANCHOR, NORMALIZER, CLEAN])
@pytest.mark.parametrize("renamed", [False, True])
def test_an_image_that_will_be_shown_is_missed_by_name(tmp_path: Path, name: str, *, renamed: bool) -> None:
    made = made_of_photographs(tmp_path)
    made.at["0 synthesize"] = lambda _context: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    del made.at["0 synthesize"]
    aside = tmp_path / "images" / "other.png" if renamed else tmp_path / name
    (tmp_path / "images" / name).rename(aside)
    words = ("under the name other.png", "Give it its name back") if renamed else ("found none", "Put it back")
    with refused(ImageError, tmp_path / "images" / name, "drawn to be shown", *words):
        made.run()
    aside.rename(tmp_path / "images" / name)
    made.run()
    assert made.ran[0] == "0 synthesize"


def test_a_clean_image_of_a_day_that_is_made_may_go(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    made.at["0 queue"] = lambda context: (
        queue_of(1).model_copy(update={"clean": ()}).write(context.working / QUEUE.name)
    )
    made.run(days=1)
    (tmp_path / "images" / CLEAN).unlink()
    made.run()
    assert len(said(made)) == 1


def test_the_folder_that_is_gone_names_the_way_back(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    (tmp_path / "images").rename(tmp_path / "moved")
    with refused(ImageError, tmp_path / "images", "Mount the disk", "closedloop move"):
        made.run()
    (tmp_path / "images").symlink_to(tmp_path / "moved")
    made.run()


def test_a_list_that_was_edited_is_refused(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    path = IMAGE_LIST.published(made.paths, 0)
    path.write_bytes(path.read_bytes() + b" ")
    with refused(ManifestError, path):
        made.run()


def test_an_older_study_is_given_its_list_when_it_next_reads_them_and_says_so(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path, listed=False)
    made.run()
    assert len(said(made)) == 1
    assert "has one now, of today" in said(made)[0]
    assert STUDY_INPUTS.read(STUDY_INPUTS.published(made.paths, 0)).recorded == "later"
    assert len(IMAGE_LIST.read(IMAGE_LIST.published(made.paths, 0))["image_id"]) == 4
    made.run()
    assert (made.ran, made.listener.said) == ([], [])


def test_an_older_study_that_reads_them_no_more_goes_on_without_a_list(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path)
    made.run()
    shutil.rmtree(made.paths.inputs)
    shutil.rmtree(tmp_path / "images")
    made.run()
    assert not made.paths.inputs.exists()


def shown(context: StageContext) -> None:
    """Write of the clean images what synthesize would."""
    pool = FlatFolderPool(context.paths.root.parent / "images", SIDE_PX)
    roles = {ANCHOR: "anchor", NORMALIZER: "normalizer", CLEAN: "clean"}
    rows = [
        stimulus("clean", role, place, image_id=name)
        | {"image_index": place, "stimulus_id": stimulus_id(pool.load(name))}
        for place, (name, role) in enumerate(roles.items())
    ]
    STIMULI.write(context.working / STIMULI.name, as_columns(rows, STIMULI_LAYOUT), simulated=True)


def test_an_older_study_whose_anchor_was_overwritten_is_refused_its_list(tmp_path: Path) -> None:
    made = made_of_photographs(tmp_path, listed=False)
    made.at["0 synthesize"] = shown
    made.run(days=1)
    shutil.rmtree(made.paths.inputs)  # as a version left it that knew none
    content = (tmp_path / "images" / ANCHOR).read_bytes()
    Image.new("RGB", (40, 40)).save(tmp_path / "images" / ANCHOR)
    with refused(ImageError, tmp_path / "images" / ANCHOR, "the picture that was shown on an earlier day"):
        made.run()
    assert not made.paths.inputs.exists()
    (tmp_path / "images" / ANCHOR).write_bytes(content)
    made.run()
    assert made.ran[-1] == "1 evaluate"


def of_start(made: Lab) -> StageContext:
    study, protocol = read_identity(made.paths)
    wanted = protocol.images.model_copy(update={"anchors": 1, "normalizers": 1, "clean_per_day": 2, "side_px": SIDE_PX})
    protocol = protocol.model_copy(update={"images": wanted})
    working = made.paths.working("start", -1)
    working.mkdir(parents=True)
    return StageContext(made.paths, study, protocol, -1, "start", working, lambda _done, _total: None)


def overwrite(path: Path) -> None:
    Image.new("RGB", (40, 40)).save(path)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("images/*.png", ImageError, "take it out of the folder: it was never shown"),
        ("base.safetensors", CheckpointError, "the base model that the study began with"),
    ],
)
def test_a_study_does_not_start_from_other_images_or_another_base_model_than_were_listed(
    tmp_path: Path, name: str, error: type[ClosedLoopError], words: str
) -> None:
    made = made_of_photographs(tmp_path)
    for path in tmp_path.glob(name):
        if path.suffix == ".png":
            overwrite(path)
        else:
            shutil.copy(shipped_weights("small_resnet_vanilla"), path)
    context = of_start(made)
    with refused(error, tmp_path, words):
        start.run(context)
    assert not (context.working / QUEUE.name).exists() or error is CheckpointError


def test_a_study_starts_from_what_was_listed(tmp_path: Path) -> None:
    context = of_start(made_of_photographs(tmp_path))
    start.run(replace(context, inputs=(StudyPaths(context.paths.root).inputs,)))
    assert len(QUEUE.read(context.working / QUEUE.name).anchors) == 1


def test_what_an_older_study_says_of_its_images_keeps_its_hash_and_its_reading() -> None:
    """Versions that ignored orientation tags wrote these very bytes; studies of theirs show what they have shown."""
    said = (
        '{"kind":"flat_folder","folder":"/photographs","side_px":32,"seed":null,"n_categories":null,'
        '"n_per_category":null}'
    )
    pool = PoolDescription.model_validate_json(said)
    assert (pool.orientation, pool.model_dump_json()) == ("stored", said)
    new = pool.model_copy(update={"orientation": "applied"})
    assert '"orientation":"applied"' in new.model_dump_json()
