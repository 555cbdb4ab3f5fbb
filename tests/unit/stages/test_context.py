"""What a stage may read: files of the folders that its row declares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.stages.context import StageContext
from tests.unit.days import context, image_queue

UNDECLARED = r"stage queue: day-02/{folder} is not in a folder among the inputs .* study/table\.py"


def reader_of_today_s_queue(root: Path) -> StageContext:
    made = context(root, "queue", day=2)
    queue = catalog.QUEUE.published(made.paths, 2)
    queue.parent.mkdir(parents=True)
    image_queue(2, clean=4, anchors=1, normalizers=1).write(queue)
    return replace(made, inputs=(queue.parent, made.paths.day(2).folder("plan")))


def test_what_is_declared_can_be_read(tmp_path: Path) -> None:
    made = reader_of_today_s_queue(tmp_path)
    assert made.read(catalog.QUEUE).day == 2
    assert made.path(catalog.PLANNED_ITEMS).parent == made.published("plan")


@pytest.mark.parametrize(
    ("look", "folder"),
    [
        (lambda made: made.read(catalog.JOURNAL), "present/journal.jsonl"),
        (lambda made: made.path(catalog.JOURNAL), "present/journal.jsonl"),
        (lambda made: made.published("present"), "present"),
    ],
    ids=["read", "path", "published"],
)
def test_another_folder_cannot_for_a_change_of_it_would_not_make_the_stage_stale(
    tmp_path: Path, look: object, folder: str
) -> None:
    made = reader_of_today_s_queue(tmp_path)
    assert callable(look)
    with pytest.raises(AttributeError, match=UNDECLARED.format(folder=folder)):
        look(made)


def test_nor_can_the_same_folder_of_another_day(tmp_path: Path) -> None:
    made = reader_of_today_s_queue(tmp_path)
    with pytest.raises(AttributeError, match=r"day-00/queue/queue\.json is not in a folder"):
        made.read(catalog.QUEUE, day=1)
