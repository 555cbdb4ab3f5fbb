"""Planes of images: what is sealed of them (stage `synthesize`), and what was found on them (stage `evaluate`)."""

from __future__ import annotations

from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

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


PLANE_CURVATURES = TableLayout(
    kind="plane_curvatures",
    columns={
        "plane": Column("int32", "", "of the day's session"),
        "neuroid_id": Column("string", "", "site"),
        "image_id": Column("string", "", "clean image in the middle"),
        "extent": Column(
            "float64", "224-px L2", "from the middle to the middle of a side: the scale of all that follows"
        ),
        "n_images": Column("int32", "", "with a usable showing"),
        "n_presentations": Column("int32", "", "usable ones"),
        "slope": Column("float64", "sigma", "for a unit of epsilon along the model's gradient"),
        "slope_error": Column("float64", "sigma", "its standard error"),
        "tilt": Column(
            "float64", "sigma", "and along the second direction, 0 where the site's gradient is the model's"
        ),
        "tilt_error": Column("float64", "sigma", "its standard error"),
        "edge": Column("float64", "sigma", "bend across, c extent^2 / 2: what it adds in the middle of a side"),
        "edge_error": Column("float64", "sigma", "its standard error"),
        "edge_low": Column("float64", "sigma", "95 % interval (Student's t)"),
        "edge_high": Column("float64", "sigma", "its upper end"),
        "p": Column("float64", "", "two-sided, of no bend"),
        "curvature": Column("float64", "1/epsilon", "-c / |g|: above zero forwards along the gradient"),
        "curvature_low": Column("float64", "1/epsilon", "95 % interval (Fieller); -inf where the slope is not sure"),
        "curvature_high": Column("float64", "1/epsilon", "its upper end; inf likewise"),
        "explained": Column("float64", "", "part of the variance over images, without noise, that is quadratic"),
        "predicted_edge": Column("float64", "z", "as sealed"),
        "predicted_curvature": Column("float64", "1/epsilon", "as sealed"),
        "true_edge": Column("float64", "sigma", "of a simulated subject's hidden rates; else NaN"),
        "true_curvature": Column("float64", "1/epsilon", "likewise"),
    },
)
