"""The documents of the study: what was asked, and the table of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.studies.recipe.recipes import Recipe


class RecipeStudy(Document):
    """settings.json: recipes of the loop compared on simulated subjects, what was asked."""

    kind: Literal["recipe_study"] = "recipe_study"
    code_version: str
    seed: int
    recipes: tuple[Recipe, ...]
    subjects: tuple[str, ...]
    n_days: int = Field(ge=2, description="days, the first of which is shown before anything is fitted")


RECIPE_DAYS = TableLayout(
    kind="recipe_days",
    columns={
        "recipe": Column("string", "", "its name"),
        "subject": Column("string", "", "its name; 'all' is every subject's pairs together"),
        "day": Column("int32", "", "on which the attacks are shown, by the models of the days before"),
        "epsilon": Column("float64", "", "L2 norm at 224 px; 0: the cosine of the gradients"),
        "attained": Column("float64", "", "true change over the white box's, means over pairs; or mean cosine"),
        "low": Column("float64", "", "95 % bootstrap interval, images and sites drawn"),
        "high": Column("float64", "", "its other end"),
        "true_change": Column("float64", "sd", "mean true change along the predicted way; NaN of the cosine"),
        "white_box": Column("float64", "sd", "mean change by the cortex's own gradient; NaN of the cosine"),
        "right_sign": Column("float64", "", "part of pairs that moved the predicted way"),
        "n_fitted": Column("int64", "", "presentations fitted so far"),
        "n_passes": Column("int64", "", "images that the last refit went through, all members: what it costs"),
    },
)
