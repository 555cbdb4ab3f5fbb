"""Queue: the next day's clean images, balanced over categories, none used before; the use ledger grows by a day."""

from __future__ import annotations

from typing import Any

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.sequence import START
from closedloop.artifacts.day.queue import USES, ImageQueue
from closedloop.artifacts.tables import Columns, as_columns
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.pool import draw
from closedloop.stimuli.listed import check_drawn


def run(context: StageContext) -> None:
    """Write queue.json for the day after and uses.parquet up to this day."""
    today, tomorrow = context.read(catalog.QUEUE), context.day + 1
    earlier = context.paths.sequence.before_in_images(context.block)
    before = None if earlier == START else context.at(earlier).read(catalog.USES)
    uses = _uses_until_today(before, _uses_today(today, context.read(catalog.PLANNED_ITEMS), day=context.day))
    recorded = context.read(catalog.STUDY_INPUTS)
    pool = open_study_pool(context.study, context.read(catalog.IMAGE_LIST) if recorded.n_images else None)
    clean = draw(
        pool.images(),
        context.protocol.images.clean_per_day,
        used=set(uses["image_id"]),
        seed=context.seed("clean"),
        place=f"day {tomorrow}",
    )
    check_drawn(pool, [image.image_id for image in clean])
    context.write(catalog.USES, uses)
    context.write(catalog.QUEUE, today.model_copy(update={"day": tomorrow, "clean": clean}))


def _uses_until_today(before: Columns | None, today: list[dict[str, Any]]) -> dict[str, Any]:
    columns = as_columns(today, USES)
    return columns if before is None else {name: [*before[name], *columns[name]] for name in USES.columns}


def _uses_today(today: ImageQueue, items: Columns, *, day: int) -> list[dict[str, Any]]:
    """List the day's uses: clean images and the attacks on them are fitted, anchors and normalizers never."""
    attacked = items["kind"] == "attacked"
    bases = sorted(set(zip(items["image_id"][attacked], items["role"][attacked], strict=True)))
    targets = sorted({other for other in items["other_image_id"] if other})
    uses = [
        *((image.image_id, "clean", True) for image in today.clean),
        *((image.image_id, "anchor", False) for image in today.anchors),
        *((image.image_id, "normalizer", False) for image in today.normalizers),
        *((image_id, "attack_base", role == "clean") for image_id, role in bases),
        *((target, "interpolation_target", False) for target in targets),
    ]
    return [{"image_id": name, "day": day, "use": use, "fitted": fitted} for name, use, fitted in uses]
