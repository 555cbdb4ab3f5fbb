"""Queue: the next day's clean images, balanced over categories, none used before; the use ledger grows by a day."""

from __future__ import annotations

from typing import Any

from closedloop.artifacts.day.plan import PLANNED_ITEMS
from closedloop.artifacts.day.queue import USES, ImageQueue
from closedloop.artifacts.day_files import QUEUE_NAME, queue_folder
from closedloop.artifacts.tables import as_columns, read_table, write_table
from closedloop.stages.context import StageContext
from closedloop.stages.pool import draw, open_study_pool

USES_NAME = "uses.parquet"


def run(context: StageContext) -> None:
    """Write queue.json for the day after and uses.parquet up to this day."""
    today = ImageQueue.read(queue_folder(context.paths, context.day) / QUEUE_NAME)
    uses = _uses_until_today(context, today)
    write_table(context.working / USES_NAME, USES, uses, simulated=context.simulated)
    clean = draw(
        open_study_pool(context.study).images(),
        context.protocol.images.clean_per_day,
        used=set(uses["image_id"]),
        seed=context.seed("clean"),
        place=f"day {context.day + 1}",
    )
    tomorrow = today.model_copy(update={"day": context.day + 1, "clean": clean})
    tomorrow.write(context.working / QUEUE_NAME)


def _uses_until_today(context: StageContext, today: ImageQueue) -> dict[str, Any]:
    columns: dict[str, Any] = as_columns(_today_rows(context, today), USES)
    if context.day == 0:
        return columns
    before = read_table(context.published("queue", day=context.day - 1) / USES_NAME, USES)
    return {name: [*before[name], *columns[name]] for name in USES.columns}


def _today_rows(context: StageContext, today: ImageQueue) -> list[dict[str, Any]]:
    """List the day's uses: clean images and the attacks on them are fitted, anchors and normalizers never."""
    items = read_table(context.published("plan") / "items.parquet", PLANNED_ITEMS)
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
    return [{"image_id": name, "day": context.day, "use": use, "fitted": fitted} for name, use, fitted in uses]
