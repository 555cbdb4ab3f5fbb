"""What is shown on a day before any attack is known: the image queue, and which image was used when (stage `queue`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class QueuedImage(Section):
    """A clean image to show."""

    image_id: str = Field(description="name in the pool")
    category: str


class SitePreference(Section):
    """The categories that a site prefers most and least by all days before, and fresh images of them."""

    site_index: int = Field(ge=0, description="output of the model")
    neuroid_id: str
    preferred: str = Field(description="category of the largest mean response")
    least: tuple[str, ...] = Field(description="categories of the smallest, the least one first")
    preferred_images: tuple[QueuedImage, ...] = Field(description="shown clean")
    least_images: tuple[QueuedImage, ...] = Field(description="shown clean, and attacked to raise the site")

    @property
    def images(self) -> tuple[QueuedImage, ...]:
        """All of them."""
        return (*self.preferred_images, *self.least_images)


class NotShown(Section):
    """What a day that ended early did not show."""

    day: int = Field(ge=0)
    n_presentations: int = Field(ge=0, description="planned and not accepted")
    n_images: int = Field(ge=0, description="clean images that were never shown, themselves or attacked")
    n_offered: int = Field(ge=0, description="these images that the next day shows in place of others")
    n_pairs: int = Field(ge=0, description="pairs of a changed and a clean image of which one was shown, or neither")


class ImageQueue(Document):
    """queue.json: the clean images of one day, balanced over categories, never used; normalizers, anchors stay."""

    kind: Literal["image_queue"] = "image_queue"
    day: int = Field(ge=0)
    clean: tuple[QueuedImage, ...]
    singles: tuple[QueuedImage, ...] = Field(
        default=(), exclude_if=operator.not_, description="fresh clean images that are shown once and never evaluated"
    )
    repeated: tuple[QueuedImage, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="fresh clean images that are attacked for a few sites and shown many times, never fitted",
    )
    plane: tuple[QueuedImage, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="fresh clean images in the middle of planes of images, one a site, never fitted",
    )
    preference: tuple[SitePreference, ...] = Field(
        default=(), exclude_if=operator.not_, description="a site's categories, where the protocol asks for them"
    )
    anchors: tuple[QueuedImage, ...]
    normalizers: tuple[QueuedImage, ...]
    not_shown: NotShown | None = Field(
        default=None, exclude_if=operator.not_, description="of the day before, where it ended early"
    )


USES = TableLayout(
    kind="use_ledger",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "day": Column("int32", "", "day of the use"),
        "use": Column(
            "string",
            "",
            "clean, single, repeated, plane, preference, anchor, normalizer, attack_base, probe_base, "
            "objective_base or interpolation_target",
        ),
        "fitted": Column("bool", "", "whether its responses entered a fit"),
    },
)
