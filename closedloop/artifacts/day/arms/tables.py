"""The tables of a day's arms: sealed by `synthesize`, measured by `evaluate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.day.objectives.tables import OBJECTIVE_EFFECTS, SEALED_OBJECTIVES
from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout


class SealedModels(Document):
    """arms.json: the models whose responses are sealed, in the order of arms.h5, each by the hash of its weights."""

    kind: Literal["sealed_models"] = "sealed_models"
    day: int = Field(ge=0)
    models: tuple[str, ...]
    sha256: tuple[str, ...] = Field(description="of the file that holds each model's weights as it was sealed")


ARM_ATTACKS = TableLayout(
    kind="arm_attacks",
    columns={
        "arm": Column("string", "", "who made it"),
        "model": Column("string", "", "whose responses it drove"),
        "image_index": Column("int32", "", "row of images.h5"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5"),
        "site_index": Column("int32", "", "site attacked"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "predicted_change": Column("float64", "z", "of the bytes, by the arm's own model"),
    },
)


ARM_ALLOCATION = TableLayout(
    kind="arm_allocation",
    columns={
        "arm": Column("string", "", "whose share it is"),
        "own_pairs": Column("int32", "", "pairs that it attacks by its own share"),
        "kept": Column("int32", "", "of these, what it keeps on every day"),
        "n_pairs": Column("int32", "", "pairs that it attacks on this day"),
        "share": Column("float64", "", "of all pairs that arms attack on this day"),
        "mean": Column(
            "float64", "sigma", "measured change in the sealed direction; NaN where no earlier day tells any"
        ),
        "difference": Column("float64", "sigma", "of it from the mean of all arms, on the same pairs"),
        "standard_error": Column("float64", "sigma", "of the difference, clustered by image"),
        "best": Column("float64", "", "chance that the arm is the best one"),
        "epsilon": Column("float64", "224-px L2", "of the attacks that decide: the largest"),
        "n_shared": Column("int32", "", "pairs of earlier days that all arms attacked and that count"),
        "n_sessions": Column("int32", "", "earlier sessions with such a pair"),
    },
)


ARM_PREDICTIONS = ArrayLayout(
    kind="sealed_predictions_of_models",
    datasets={"predicted": Dataset("float32", ("model", "stimulus", "site"), "z")},
)


ARM_EFFECTS = TableLayout(
    kind="arm_effects",
    columns={
        "arm": Column("string", "", "who made the image"),
        "model": Column("string", "", "whose responses it drove"),
        "image_index": Column("int32", "", "row of images.h5"),
        "image_id": Column("string", "", "clean image"),
        "neuroid_id": Column("string", "", "site attacked"),
        "site_index": Column("int32", "", "its output of the model"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "realised_epsilon": Column("float64", "224-px L2", "from the bytes"),
        "predicted_sign": Column("int32", "", "sealed, of the arm's own model"),
        "change": Column("float64", "sigma", "measured, attacked minus clean; NaN without a usable showing of both"),
        "first_half": Column("float64", "sigma", "the same of every second repetition; NaN without one of both"),
        "second_half": Column("float64", "sigma", "and of the others"),
        "true_change": Column("float64", "sigma", "of a simulated subject's hidden rates; else NaN"),
    },
)


ARM_FORETOLD = TableLayout(
    kind="arm_foretold",
    columns={
        "image_index": Column("int32", "", "row of images.h5"),
        "arm": Column("string", "", "who made the image"),
        "reviewer": Column("string", "", "model that foretells"),
        "foretold": Column("float64", "z", "its sealed change at the attacked site, attacked minus clean"),
    },
)


_NAMED_BY_ARM = {
    "objective": Column("string", "", "the arm, as in the protocol; with its epsilon where it has several"),
    "objective_kind": Column("string", "", "level, maximise, controversial or population"),
}

SEALED_ARM_OBJECTIVES = TableLayout(
    kind="sealed_arm_objectives", columns={**SEALED_OBJECTIVES.columns, **_NAMED_BY_ARM}
)


ARM_OBJECTIVE_EFFECTS = TableLayout(
    kind="arm_objective_effects", columns={**OBJECTIVE_EFFECTS.columns, **_NAMED_BY_ARM}
)
