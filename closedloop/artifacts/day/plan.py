"""The day plan: images, attacks and controls, and what they cost (stage `plan`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.day.queue import NotShown
from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class Budget(Section):
    """What a day costs."""

    n_presentations: int
    n_images: int
    hours: float = Field(description="with the expected broken trials")
    allowed_hours: float


class DayPlan(Document):
    """plan.json: what the day's tables (images.parquet, items.parquet) add up to."""

    kind: Literal["day_plan"] = "day_plan"
    day: int = Field(ge=0)
    budget: Budget
    n_clean: int
    n_anchors: int
    n_normalizers: int
    n_attacked: int
    n_controls: int
    n_singles: int = Field(
        default=0, exclude_if=operator.not_, description="fresh clean images that are shown once and never evaluated"
    )
    n_probes: int = Field(
        default=0, exclude_if=operator.not_, description="images shown once to teach the model, never evaluated"
    )
    n_population: int = Field(
        default=0, exclude_if=operator.not_, description="attacks on a decoder of all sites, and the noise beside them"
    )
    n_repeated: int = Field(
        default=0,
        exclude_if=operator.not_,
        description="attacks for a few sites on many images, shown many times; not among n_attacked",
    )
    n_objective: int = Field(
        default=0, exclude_if=operator.not_, description="images that are to attain an objective other than an attack"
    )
    n_plane: int = Field(
        default=0, exclude_if=operator.not_, description="images of planes around a clean one, for a few sites"
    )
    n_preference: int = Field(
        default=0, exclude_if=operator.not_, description="clean images shown for the sites' preferred categories"
    )
    n_raised: int = Field(
        default=0,
        exclude_if=operator.not_,
        description="attacks that are to raise sites on images of their least preferred categories",
    )
    n_arms: int = Field(
        default=0, exclude_if=operator.not_, description="attacks that the day's arms make; not among n_attacked"
    )
    n_evolving: int = Field(
        default=0, exclude_if=operator.not_, description="images that evolve by sites' own responses"
    )
    left_out: tuple[str, ...] = Field(
        default=(), exclude_if=operator.not_, description="sites that are attacked no longer, as people decided"
    )
    not_shown_before: NotShown | None = Field(
        default=None, exclude_if=operator.not_, description="of the day before, where it ended early"
    )


PLANNED_IMAGES = TableLayout(
    kind="planned_images",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "category": Column("string", "", "category in the pool"),
        "role": Column("string", "", "clean, single, repeated, plane, preference, anchor or normalizer"),
        "repetitions": Column("int32", "", "showings"),
    },
)


PLANNED_ITEMS = TableLayout(
    kind="planned_items",
    columns={
        "item_id": Column("string", "", "name of the item; its random start is seeded by it"),
        "kind": Column(
            "string",
            "",
            "attacked, repeated, preference, gaussian, linear, yesterday, sham, plane, objective, population, "
            "population_noise, arm, evolved, evolved_mean or evolved_natural",
        ),
        "image_id": Column("string", "", "the clean image that is changed; empty where none is"),
        "role": Column(
            "string", "", "anchor, clean, repeated, plane or preference: what the changed image is; evolution: none is"
        ),
        "other_image_id": Column("string", "", "target of a linear interpolation, else empty"),
        "site_index": Column("int32", "", "site that is attacked, or was yesterday; -1 for other kinds"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "repetitions": Column("int32", "", "showings"),
    },
)


PLANNED_PROBES = TableLayout(
    kind="planned_probes",
    columns={
        "item_id": Column("string", "", "name of the probe; its random start is seeded by it"),
        "image_id": Column("string", "", "the clean image that is changed"),
        "role": Column("string", "", "clean or single: the probe is fitted; anchor: it never is"),
        "site_index": Column("int32", "", "site at which members are to differ, or that is driven"),
        "first_member": Column("int32", "", "the two members that are to differ; -1 where the site is driven"),
        "second_member": Column("int32", "", "the other; -1 likewise"),
        "epsilon": Column("float64", "224-px L2", "budget"),
    },
)


PLANNED_ARMS = TableLayout(
    kind="planned_arms",
    columns={
        "item_id": Column("string", "", "of the table of items"),
        "arm": Column("string", "", "who makes it"),
    },
)
