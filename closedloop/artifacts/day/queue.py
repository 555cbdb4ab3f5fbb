"""What is shown on a day before any attack is known: the image queue, and which image was used when (stage `queue`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class QueuedImage(Section):
    """A clean image to show."""

    image_id: str = Field(description="name in the pool")
    category: str


class ImageQueue(Document):
    """queue.json: the clean images of one day, balanced over categories, never used; normalizers, anchors stay."""

    kind: Literal["image_queue"] = "image_queue"
    day: int = Field(ge=0)
    clean: tuple[QueuedImage, ...]
    anchors: tuple[QueuedImage, ...]
    normalizers: tuple[QueuedImage, ...]


USES = TableLayout(
    kind="use_ledger",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "day": Column("int32", "", "day of the use"),
        "use": Column("string", "", "clean, anchor, normalizer, attack_base or interpolation_target"),
        "fitted": Column("bool", "", "whether its responses entered a fit"),
    },
)
