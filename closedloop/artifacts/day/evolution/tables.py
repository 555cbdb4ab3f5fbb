"""What evolving images leave: which was made how, the code they are made in, what was measured, what it says."""

from __future__ import annotations

from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

_NAMED = {
    "image_index": Column("int32", "", "row of the session's images.h5"),
    "kind": Column("string", "", "evolved, evolved_mean or evolved_natural"),
    "site_index": Column("int32", "", "output of the model by which the site is known; the image is made for it"),
    "generation": Column("int32", "", "of the site, from 0; of the two compared images the one whose mean is shown"),
    "image_id": Column("string", "", "of a natural image its name in the pool; else empty"),
}

EVOLVED_IMAGES = TableLayout(
    kind="evolved_images",
    columns={
        **_NAMED,
        "natural_mean": Column("float64", "spikes", "site's mean response to the natural images of the days before"),
        "natural_sd": Column("float64", "spikes", "and the SD of their means over repetitions, noise included"),
        "natural_best": Column("float64", "spikes", "of a natural image the mean by which it was chosen; else NaN"),
        "n_told": Column("int32", "", "generations of the site that the search had learned from"),
        "step_size": Column("float64", "", "SD of the distribution, in SD of natural images along each component"),
    },
)

EVOLVED_CODES = ArrayLayout(
    kind="evolved_codes", datasets={"codes": Dataset("float64", ("image", "component"), "natural SD")}
)

IMAGE_CODE = ArrayLayout(
    kind="image_code",
    datasets={
        "mean": Dataset("float32", ("row", "column", "colour"), "pixel value in [0, 1]"),
        "components": Dataset("float32", ("component", "row", "column", "colour"), ""),
        "scale": Dataset("float32", ("component",), "L2 norm of pixels in [0, 1]"),
    },
)

EVOLUTION_EFFECTS = TableLayout(
    kind="evolution_effects",
    columns={
        **_NAMED,
        "neuroid_id": Column("string", "", "the site; empty where its electrode is no longer recorded"),
        "natural_mean_hz": Column("float64", "Hz", "site's mean response to the natural images of the days before"),
        "natural_sd_hz": Column("float64", "Hz", "and the SD of their means over repetitions, noise included"),
        "n_repetitions": Column("int32", "", "usable showings"),
        "response_hz": Column("float64", "Hz", "mean over them, in the response window; NaN without any"),
        "error_hz": Column("float64", "Hz", "its standard error; NaN of fewer than two"),
        "true_hz": Column("float64", "Hz", "of the hidden cortex without noise; NaN in a real experiment"),
    },
)

EVOLUTION_GAINS = TableLayout(
    kind="evolution_gains",
    columns={
        "neuroid_id": Column("string", "", "the site; empty: the mean over all"),
        "n_sites": Column("int32", "", "sites: 1, or all that have both images"),
        "mean_image": Column(
            "float64", "natural SD", "response to the image at the distribution's mean, above that to natural images"
        ),
        "natural_image": Column("float64", "natural SD", "to the natural image that was chosen by the counts before"),
        "difference": Column("float64", "natural SD", "the first minus the second"),
        "low": Column("float64", "natural SD", "lower end of its 95 % interval, over showings; of all over sites"),
        "high": Column("float64", "natural SD", "upper end"),
        "p": Column("float64", "", "two-sided, of no difference"),
        "p_corrected": Column("float64", "", "corrected for the number of sites (Holm); of all the same as p"),
        "true_difference": Column("float64", "natural SD", "of the hidden cortex; NaN in a real experiment"),
    },
)
