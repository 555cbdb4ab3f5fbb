"""The stimulus set: every image of a day with what is sealed about it (stage `synthesize`)."""

from __future__ import annotations

from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

STIMULI = TableLayout(
    kind="stimulus_set",
    columns={
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "image_index": Column("int32", "", "row of images.h5 and of the session's images.npy"),
        "kind": Column(
            "string",
            "",
            "clean, attacked, repeated, preference, probe, gaussian, linear, yesterday, sham, plane, objective, "
            "population, population_noise, arm, evolved, evolved_mean or evolved_natural",
        ),
        "role": Column(
            "string",
            "",
            "clean, single, repeated, plane, preference, anchor or normalizer: what the underlying image is; "
            "evolution: none lies beneath",
        ),
        "image_id": Column("string", "", "underlying image's name in the pool; empty of images that evolved"),
        "category": Column("string", "", "underlying image's category; likewise"),
        "item_id": Column("string", "", "planned item; empty for clean images"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5; its own where none lies beneath"),
        "site_index": Column("int32", "", "site attacked, yesterday's too, or that a probe is for; -1 elsewhere"),
        "epsilon": Column(
            "float64",
            "224-px L2",
            "budget, of a plane the distance wanted, of an objective what its ball allows; 0 of clean images, shams",
        ),
        "realised_epsilon": Column("float64", "224-px L2", "norm computed from the bytes"),
        "predicted_clean": Column("float64", "z", "model t's response of the site to the clean bytes; NaN elsewhere"),
        "predicted_attacked": Column("float64", "z", "and to the attacked bytes"),
        "predicted_sign": Column(
            "int32",
            "",
            "sealed sign of attacked minus clean, of yesterday's attacks yesterday's seal; 0 without a prediction",
        ),
        "repetitions": Column("int32", "", "showings"),
    },
)


AUDIT_COLUMNS = {
    "realised_epsilon": Column("float64", "224-px L2", "norm of the change, from the bytes"),
    "n_changed": Column("int32", "", "values (a colour of a pixel each) that differ from the clean image"),
    "n_clipped": Column("int32", "", "values at black or white that were not there in the clean image"),
    "largest_change": Column("int32", "grey level", "largest change of a value"),
    "luminance_clean": Column("float64", "", "mean brightness of the clean image, pixel values in [0, 1], BT.709"),
    "luminance_shift": Column("float64", "", "mean brightness of the changed image minus that"),
    "contrast_clean": Column("float64", "", "RMS contrast of the clean image: SD of its brightness over pixels"),
    "contrast_shift": Column("float64", "", "RMS contrast of the changed image minus that"),
    "predicted_change_float": Column(
        "float64", "z", "predicted change where the float search ended, before whole levels"
    ),
    "predicted_change": Column("float64", "z", "and of the bytes; both NaN where nothing is predicted"),
    "rounding_loss": Column(
        "float64", "z", "size of the larger of the two minus that of the second; below 0 before December 2026"
    ),
    "lattice_bound": Column("float64", "", "part of the first that whole levels allow to first order; NaN without one"),
}


STIMULUS_AUDIT = TableLayout(
    kind="stimulus_audit",
    columns={
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "image_index": Column("int32", "", "row of images.h5"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5"),
        "kind": Column(
            "string",
            "",
            "attacked, repeated, preference, probe, gaussian, linear, yesterday, sham, plane, objective, "
            "population, population_noise or arm",
        ),
        "category": Column("string", "", "underlying image's category"),
        "site_index": Column("int32", "", "attacked site, of yesterday's attacks too; -1 for other kinds"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        **AUDIT_COLUMNS,
    },
)


STIMULUS_IMAGES = ArrayLayout(
    kind="stimulus_images",
    datasets={"images": Dataset("uint8", ("image", "height", "width", "channel"), "grey level")},
)


PREDICTIONS = ArrayLayout(
    kind="sealed_predictions",
    datasets={"predicted": Dataset("float32", ("clean image", "site"), "z")},
)


MEMBER_PREDICTIONS = ArrayLayout(
    kind="sealed_predictions_of_members",
    datasets={"predicted": Dataset("float32", ("member", "stimulus", "site"), "z")},
)


PLANES = TableLayout(
    kind="planes",
    columns={
        "plane": Column("int32", "", "row of plane_axes.h5"),
        "site_index": Column("int32", "", "site whose plane it is"),
        "image_id": Column("string", "", "clean image in its middle"),
        "clean_index": Column("int32", "", "row of it in images.h5"),
        "extent": Column("float64", "224-px L2", "from the middle to the middle of a side"),
        "scale": Column("float64", "224-px L2", "at which the model was asked for the second direction"),
        "steepness": Column("float64", "z", "of the model's response there, for a unit of epsilon along the gradient"),
        "curvature_at_scale": Column(
            "float64", "1/epsilon", "of the model's surface of equal response along the second direction, at the scale"
        ),
        "predicted_edge": Column(
            "float64", "z", "bend over the plane as the model has it: c extent^2 / 2, c the second derivative across"
        ),
        "predicted_curvature": Column(
            "float64", "1/epsilon", "-c / |g| of the quadratic surface nearest to the model's responses over the plane"
        ),
    },
)


PLANE_PLACES = TableLayout(
    kind="plane_places",
    columns={
        "plane": Column("int32", "", "row of plane_axes.h5"),
        "image_index": Column("int32", "", "row of images.h5; of the clean image in the middle, too"),
        "along": Column("float64", "224-px L2", "wanted place on the gradient's direction"),
        "across": Column("float64", "224-px L2", "and on the second direction"),
        "shown_along": Column("float64", "224-px L2", "place by the bytes"),
        "shown_across": Column("float64", "224-px L2", "likewise"),
        "off_plane": Column("float64", "224-px L2", "distance from the plane, by rounding, black and white"),
    },
)


PLANE_AXES = ArrayLayout(
    kind="plane_axes",
    datasets={
        "gradient": Dataset("float32", ("plane", "height", "width", "channel"), "length 1"),
        "principal": Dataset("float32", ("plane", "height", "width", "channel"), "length 1"),
    },
)
