"""The documents of the study: its settings, the sites with their preferences, and their rates over epsilon."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.studies.preferred_categories import CATEGORY_COLUMNS


class CategoryPreferenceStudy(Document):
    """settings.json: category preference under attack (Figure 2), of which days of which study."""

    kind: Literal["category_preference_study"] = "category_preference_study"
    code_version: str
    seed: int
    subject: str
    protocol: str
    days: tuple[int, ...] = Field(description="whose clean images say which categories a site prefers")
    attack_day: int | None = Field(description="whose attacks are shown, and whose scale all rates are on; null: none")
    attacks: Literal["least_preferred", "any_category", "none"] = Field(
        description="on images of the categories that a site likes least, on any but its preferred one, or none at all"
    )
    epsilons: tuple[float, ...] = Field(description="of these attacks, 224-px L2")
    n_sites: int
    n_categories: int
    n_images: int = Field(description="clean images")


SITE_PREFERENCES = TableLayout(
    kind="site_preferences",
    columns={
        "neuroid_id": Column("string", "", "site"),
        **CATEGORY_COLUMNS,
        "level": Column("string", "", "what is to be reached: fresh (images of the day of attacks) or cross_validated"),
        "level_hz": Column("float64", "Hz", "of that; NaN without one"),
        "level_low_hz": Column("float64", "Hz", "95 % interval over images"),
        "level_high_hz": Column("float64", "Hz", "its other end"),
        "epsilon_reached": Column("float64", "224-px L2", "where the site reaches it; infinite if never, NaN unknown"),
        "epsilon_low": Column("float64", "224-px L2", "95 % interval over images; infinite where never is part of it"),
        "epsilon_high": Column("float64", "224-px L2", "its other end"),
        "reached_share": Column("float64", "", "part of the resamples in which it does"),
        "n_attacked_images": Column("int32", "", "images that were attacked at every epsilon"),
        "clean_hz": Column("float64", "Hz", "rate to these images, clean"),
        "largest_hz": Column("float64", "Hz", "rate to them at the largest epsilon"),
    },
)

SITE_RATES = TableLayout(
    kind="site_rates_over_epsilon",
    columns={
        "neuroid_id": Column("string", "", "site"),
        "epsilon": Column("float64", "224-px L2", "0: clean"),
        "rate_hz": Column("float64", "Hz", "mean over the same images at every epsilon"),
        "low_hz": Column("float64", "Hz", "95 % interval over images, Student's t"),
        "high_hz": Column("float64", "Hz", "its other end"),
        "n_images": Column("int32", "", "images"),
    },
)
