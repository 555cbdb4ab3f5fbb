"""What a day's objectives leave: predictions sealed before anything is shown, what was measured, and what it says."""

from __future__ import annotations

from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

_NAMED = {
    "image_index": Column("int32", "", "row of the day's images.h5"),
    "objective": Column("string", "", "name of the objective, as in the protocol"),
    "objective_kind": Column("string", "", "level, maximise, controversial, population or layer_displacement"),
    "image_id": Column("string", "", "clean image that it is compared with"),
    "site_index": Column("int32", "", "output of the model that it is made for; -1 where all are"),
    "target": Column("float64", "SD or percentile", "level as the protocol states it; NaN where there is none"),
    "realised_epsilon": Column("float64", "224-px L2", "norm of the change, computed from the bytes"),
}

SEALED_OBJECTIVES = TableLayout(
    kind="sealed_objectives",
    columns={
        **_NAMED,
        "target_sd": Column("float64", "predicted SD", "the same above the model's mean response; NaN likewise"),
        "predicted_mean": Column("float64", "z", "mean response of that site by the model over clean images"),
        "predicted_sd": Column("float64", "z", "and their SD"),
        "predicted_clean": Column("float64", "z", "model's response of that site to the clean image; for -1 the mean"),
        "predicted_made": Column("float64", "z", "and to the image that was made"),
        "other_clean": Column("float64", "z", "of controversial, the other member's to the clean image; NaN otherwise"),
        "other_made": Column("float64", "z", "and to the image that was made"),
        "is_reached": Column("bool", "", "of a level, whether the bytes answer within the tolerance, by the model"),
    },
)

OBJECTIVE_PREDICTIONS = ArrayLayout(
    kind="objective_predictions",
    datasets={
        "clean": Dataset("float32", ("image", "site"), "z"),
        "made": Dataset("float32", ("image", "site"), "z"),
    },
)

OBJECTIVE_EFFECTS = TableLayout(
    kind="objective_effects",
    columns={
        **_NAMED,
        "neuroid_id": Column("string", "", "site that it is made for; empty where all are"),
        "target_sd": Column("float64", "predicted SD", "as sealed"),
        "is_reached": Column("bool", "", "as sealed"),
        "n_repetitions": Column("int32", "", "usable showings of the image that was made"),
        "predicted_clean": Column("float64", "SD", "model's response, in SD of its own over clean images, clean image"),
        "predicted_made": Column("float64", "SD", "and the image that was made"),
        "clean": Column("float64", "SD", "measured response in SD over clean images, above their mean, clean image"),
        "made": Column("float64", "SD", "and the image that was made; of -1 the mean over sites"),
        "others": Column("float64", "SD", "measured change of the other sites, their mean; NaN of one made for all"),
        "pattern": Column("float64", "", "correlation over sites of the measured and the sealed change"),
        "true_clean": Column("float64", "SD", "as clean, of the hidden cortex without noise; NaN in a real experiment"),
        "true_made": Column("float64", "SD", "likewise"),
        "true_others": Column("float64", "SD", "likewise"),
    },
)

OBJECTIVE_ESTIMATES = TableLayout(
    kind="objective_estimates",
    columns={
        "objective": Column("string", "", "name of the objective, as in the protocol"),
        "objective_kind": Column("string", "", "level, maximise, controversial, population or layer_displacement"),
        "measure": Column(
            "string",
            "",
            "slope (measured SD a predicted SD of target), distance (from it), change, others, pattern",
        ),
        "n": Column("int32", "", "images that were made and have responses"),
        "n_images": Column("int32", "", "clean images among them, over which the interval is"),
        "n_reached": Column("int32", "", "of levels, those that the sealed model says are reached"),
        "value": Column("float64", "SD", "measured: mean over clean images; slopes are a pure number"),
        "low": Column("float64", "SD", "lower end of its 95 % interval over clean images; NaN of fewer than two"),
        "high": Column("float64", "SD", "upper end"),
        "predicted": Column("float64", "SD", "the same of the sealed predictions"),
        "true": Column("float64", "SD", "the same of the hidden cortex; NaN in a real experiment"),
    },
)
