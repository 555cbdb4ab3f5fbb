"""The next day's images and the ledger of uses."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from closedloop.artifacts.catalog import IMPORTED_IMAGES, IMPORTED_RESPONSES, QUEUE
from closedloop.artifacts.day.plan import PLANNED_ITEMS
from closedloop.artifacts.day.queue import USES, ImageQueue, QueuedImage
from closedloop.artifacts.tables import as_columns, read_table, write_table
from closedloop.errors import ImageError
from closedloop.stages import queue as queue_images
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from tests.unit.days import context, stimulus, write_responses, write_stimuli
from tests.unit.messages import refused

Use = tuple[str, int, str, bool]


def pool_images(made: StageContext) -> list[QueuedImage]:
    """The study's pool in turn of categories, as a queue would name its images."""
    images = sorted(open_study_pool(made.study, None).images(), key=lambda image: image.image_id.rpartition("-")[2])
    return [QueuedImage(image_id=image.image_id, category=image.category) for image in images]


def queued_today(root: Path, *, day: int = 0, n_per_category: int = 10) -> tuple[StageContext, ImageQueue]:
    """Run the stage after a day of 8 clean images, 2 anchors, 1 normalizer; one anchor and one clean are attacked."""
    made = context(root, "queue", day=day, n_per_category=n_per_category, images={"clean_per_day": 8})
    if day == 0:
        images = pool_images(made)
        today = ImageQueue(simulated=True, day=0, anchors=images[:2], normalizers=images[2:3], clean=images[4:12])
        today.write(QUEUE.published(made.paths, 0))
    today = ImageQueue.read(QUEUE.published(made.paths, day))
    items = [
        item("attacked", today.anchors[0], "anchor"),
        item("attacked", today.clean[3], "clean"),
        item("attacked", today.clean[3], "clean", epsilon=10.0),
        item("linear", today.anchors[1], "anchor", other=today.clean[5].image_id),
    ]
    file = made.published("plan") / "items.parquet"
    write_table(file, PLANNED_ITEMS, as_columns(items, PLANNED_ITEMS), simulated=True)
    queue_images.run(made)
    made.working.rename(made.published("queue"))
    return made, today


def item(kind: str, image: QueuedImage, role: str, *, other: str = "", epsilon: float = 1.0) -> dict[str, object]:
    return {
        "item_id": f"{kind}|{image.image_id}|{epsilon}",
        "kind": kind,
        "image_id": image.image_id,
        "role": role,
        "other_image_id": other,
        "site_index": 0,
        "epsilon": epsilon,
        "repetitions": 2,
    }


def uses_of(made: StageContext) -> list[Use]:
    table = read_table(made.published("queue") / "uses.parquet", USES)
    return [
        (str(image), int(day), str(use), bool(fitted))
        for image, day, use, fitted in zip(table["image_id"], table["day"], table["use"], table["fitted"], strict=True)
    ]


def expected_uses(today: ImageQueue) -> list[Use]:
    clean = [image.image_id for image in today.clean]
    anchors = [image.image_id for image in today.anchors]
    return [
        *((image, today.day, "clean", True) for image in clean),
        *((image, today.day, "anchor", False) for image in anchors),
        *((image.image_id, today.day, "normalizer", False) for image in today.normalizers),
        (anchors[0], today.day, "attack_base", False),
        (clean[3], today.day, "attack_base", True),
        (clean[5], today.day, "interpolation_target", False),
    ]


def test_every_use_of_an_image_is_written_down_once_and_whether_it_was_fitted(tmp_path: Path) -> None:
    made, today = queued_today(tmp_path)
    assert Counter(uses_of(made)) == Counter(expected_uses(today))


def test_the_ledger_grows_by_a_day_and_forgets_nothing(tmp_path: Path) -> None:
    _, first = queued_today(tmp_path)
    made, second = queued_today(tmp_path, day=1)
    assert Counter(uses_of(made)) == Counter(expected_uses(first) + expected_uses(second))


def test_no_clean_image_comes_twice_and_anchors_and_normalizers_stay(tmp_path: Path) -> None:
    shown: set[str] = set()
    for day in range(3):
        made, today = queued_today(tmp_path, day=day)
        clean = {image.image_id for image in today.clean}
        assert not clean & shown
        shown |= clean | {image.image_id for image in (*today.anchors, *today.normalizers)}
        tomorrow = ImageQueue.read(QUEUE.published(made.paths, day + 1))
        assert tomorrow.day == day + 1
        assert (tomorrow.anchors, tomorrow.normalizers) == (today.anchors, today.normalizers)
        assert not {image.image_id for image in tomorrow.clean} & shown
        assert set(Counter(image.category for image in tomorrow.clean).values()) == {2}


def test_an_exhausted_pool_says_for_which_day(tmp_path: Path) -> None:
    """A pool of 16 images: 11 are used on day 0, 5 are left for a day of 8."""
    with refused(ImageError, "image pool:", "expected 8 unused images for day 1, found 5 of 16"):
        queued_today(tmp_path, n_per_category=4)


def test_images_of_a_day_that_ended_early_are_offered_again_where_nothing_of_them_was_shown(tmp_path: Path) -> None:
    """Of eight clean images the last three were not shown, one of which was shown attacked."""
    made = context(tmp_path, "queue", images={"clean_per_day": 8})
    images = pool_images(made)
    today = ImageQueue(simulated=True, day=0, anchors=images[:2], normalizers=images[2:3], clean=images[4:12])
    today.write(QUEUE.published(made.paths, 0))
    items = [item("attacked", today.clean[7], "clean"), item("attacked", today.clean[5], "clean")]
    file = made.published("plan") / "items.parquet"
    write_table(file, PLANNED_ITEMS, as_columns(items, PLANNED_ITEMS), simulated=True)
    rows = [
        *(stimulus("clean", "clean", place, image_id=image.image_id) for place, image in enumerate(today.clean)),
        stimulus("attacked", "clean", 7, image_id=today.clean[7].image_id, site_index=0, epsilon=1.0),
        stimulus("attacked", "clean", 5, image_id=today.clean[5].image_id, site_index=0, epsilon=1.0),
    ]
    write_stimuli(made.paths, 0, rows)
    shown = [0, 1, 2, 3, 4, 8]
    write_responses(made.paths, 0, image_index=shown, counts=np.ones((len(shown), 1)), index_of={1: 0})
    queue_images.run(replace(made, decided={"closed": '{"n_not_shown": 14, "n_shown": 6}'}))

    tomorrow = ImageQueue.read(made.output(QUEUE))
    again = {today.clean[5].image_id, today.clean[6].image_id}
    assert {image.image_id for image in tomorrow.clean[:2]} == again
    assert len({image.image_id for image in tomorrow.clean}) == 8
    assert not {image.image_id for image in tomorrow.clean[2:]} & {image.image_id for image in today.clean}
    missed = tomorrow.not_shown
    assert missed is not None
    assert (missed.day, missed.n_presentations, missed.n_images, missed.n_offered, missed.n_pairs) == (0, 14, 2, 2, 2)
    table = read_table(made.working / "uses.parquet", USES)
    assert not again & set(table["image_id"])
    assert {today.clean[7].image_id, today.clean[0].image_id} <= set(table["image_id"])


def test_images_that_were_imported_are_drawn_on_no_later_day_either(tmp_path: Path) -> None:
    """They are told by their pixels: imported are some of the images that each of two days would have had."""
    plain = [queued_today(tmp_path / "plain", day=day)[0] for day in (0, 1)]
    drawn = [ImageQueue.read(QUEUE.published(made.paths, day + 1)).clean for day, made in enumerate(plain)]
    imported = [one.image_id for day in drawn for one in day[:3]]
    root = tmp_path / "imported"
    made = context(root, "queue", n_per_category=10, images={"clean_per_day": 8})
    pool = open_study_pool(made.study, None)
    for file in (IMPORTED_IMAGES, IMPORTED_RESPONSES):
        file.published(made.paths, 0).parent.mkdir(parents=True, exist_ok=True)
    IMPORTED_IMAGES.write(
        IMPORTED_IMAGES.published(made.paths, 0),
        {"images": np.stack([pool.load(name) for name in imported])},
        simulated=True,
    )
    IMPORTED_RESPONSES.published(made.paths, 0).touch()
    for day in (0, 1):
        queued_today(root, day=day)
        clean = {one.image_id for one in ImageQueue.read(QUEUE.published(made.paths, day + 1)).clean}
        assert len(clean) == 8
        assert not clean & set(imported)
