"""How far the sites moved (stage `evaluate`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout

SENSITIVITY = TableLayout(
    kind="sensitivity",
    columns={
        "day": Column("int32", "", "recording day"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "estimate": Column(
            "string",
            "",
            "paper, cross_fitted, gaussian, linear, other_site, yesterday, sham, true, white_box, *_units",
        ),
        "truth": Column("bool", "", "computed from the hidden cortex or a network, without measurement noise"),
        "image_set": Column("string", "", "anchors, fresh or all: the attacked images it is computed on"),
        "site": Column("string", "", "neuroid_id or unit; empty for the mean over sites"),
        "mean": Column("float64", "sigma", "normalized sensitivity"),
        "standard_error": Column(
            "float64",
            "sigma",
            "of the mean, over image and site pairs; of an RMS near zero no scale for it: there the interval tells",
        ),
        "n_images": Column("int32", "", "different clean images"),
        "n_sites": Column("int32", "", "sites or units averaged"),
        "interval_low": Column(
            "float64",
            "sigma",
            "95 % interval of the mean by image; of an RMS that of the square, rooted",
            since="December 2026",
        ),
        "interval_high": Column(
            "float64", "sigma", "its upper end; not above zero: see interval_low", since="December 2026"
        ),
    },
)


PAIRS = TableLayout(
    kind="attack_pairs",
    columns={
        "stimulus_id": Column("string", "", "attacked or control stimulus"),
        "kind": Column("string", "", "attacked, repeated, preference, gaussian, linear, other_site, yesterday or sham"),
        "role": Column("string", "", "anchor, clean, repeated or preference"),
        "image_id": Column("string", "", "underlying clean image"),
        "neuroid_id": Column("string", "", "site"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of a sham"),
        "realised_epsilon": Column("float64", "224-px L2", "from the bytes"),
        "predicted_sign": Column(
            "int32", "", "sealed at synthesis, of yesterday's attacks the day before; 0 for other controls"
        ),
        "rate_clean_hz": Column("float64", "Hz", "mean over repetitions"),
        "rate_changed_hz": Column("float64", "Hz", "mean over repetitions of the attacked or control image"),
        "change": Column("float64", "sigma", "changed minus clean, normalized"),
        "true_change": Column("float64", "sigma", "from the hidden cortex; NaN in a real experiment"),
        "n_repetitions": Column("int32", "", "usable showings of the changed image"),
        "cross_fitted": Column(
            "float64",
            "sigma",
            "size of the change, its sign from one half of the repetitions; NaN with fewer than two of an image",
            since="December 2026",
        ),
        "square": Column(
            "float64",
            "sigma²",
            "its square with the noise's taken out, below zero where noise exceeds it; NaN likewise",
            since="December 2026",
        ),
    },
)


INTERVALS = TableLayout(
    kind="sensitivity_intervals",
    columns={
        "day": Column("int32", "", "recording day"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of a sham"),
        "estimate": Column("string", "", "paper, cross_fitted, gaussian, linear, other_site, yesterday, sham or true"),
        "truth": Column("bool", "", "computed from the hidden cortex, without measurement noise"),
        "image_set": Column("string", "", "anchors, or all attacked images where there are no anchors"),
        "site": Column("string", "", "neuroid_id; empty for the mean over sites"),
        "unit": Column("string", "", "sigma, sigma_corrected (the noise's variance taken out of it) or hz (absolute)"),
        "over": Column("string", "", "what is sampled: images_and_sites, or images with the sites held fixed"),
        "mean": Column("float64", "by `unit`", "sensitivity; of controls the RMS"),
        "standard_error": Column("float64", "by `unit`", "of the mean"),
        "interval_low": Column("float64", "by `unit`", "95 % interval; of an RMS that of the square, rooted"),
        "interval_high": Column("float64", "by `unit`", "its upper end"),
        "n_images": Column("int32", "", "different clean images"),
        "n_sites": Column("int32", "", "sites averaged"),
    },
)


SLOPES = TableLayout(
    kind="sensitivity_slopes",
    columns={
        "day": Column("int32", "", "recording day"),
        "of": Column("string", "", "site: its mean over images; image: its mean over the sites that it was made for"),
        "name": Column("string", "", "neuroid_id, or the clean image's name in the pool"),
        "slope": Column("float64", "sigma", "for a unit of epsilon: least squares through the signed changes"),
        "standard_error": Column("float64", "sigma", "over images; of an image by the noise of its repetitions"),
        "degrees": Column("int32", "", "of freedom"),
        "p": Column("float64", "", "two-sided, of no slope; NaN where the error is not known"),
        "p_corrected": Column("float64", "", "by Holm, over the day's sites, or over its images"),
    },
)


IMAGE_CURVES = TableLayout(
    kind="image_curves",
    columns={
        "day": Column("int32", "", "recording day"),
        "neuroid_id": Column("string", "", "site"),
        "image_id": Column("string", "", "clean image's name in the pool"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "sensitivity": Column("float64", "sigma", "of this image at this site: sealed sign times changed minus clean"),
        "standard_error": Column("float64", "sigma", "by the repetitions of both images"),
        "interval_low": Column("float64", "sigma", "95 % interval by the same"),
        "interval_high": Column("float64", "sigma", "its upper end"),
        "n_clean": Column("int32", "", "usable showings of the clean image"),
        "n_changed": Column("int32", "", "and of the attacked one"),
        "slope": Column("float64", "sigma", "of this image and site over its epsilons, for a unit of epsilon"),
        "slope_error": Column("float64", "sigma", "by the noise of the repetitions"),
        "degrees": Column("int32", "", "of freedom"),
        "p": Column("float64", "", "two-sided, of no slope; NaN where the error is not known"),
        "p_corrected": Column("float64", "", "by Holm, over the images of this site"),
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


class EpsilonEvaluation(Section):
    """How the attacks of one epsilon fared."""

    epsilon: float
    n_pairs: int
    sign_agreement_measured: float | None = Field(description="part of pairs whose measured change has the sealed sign")
    sign_agreement_true: float | None = Field(description="the same against the hidden cortex; simulation only")
    realised_epsilon_mean: float
    realised_epsilon_max: float
    mean_attacked_hz: float | None = Field(description="mean rate over the attacked images that were to raise it")
    predicted_change: float = Field(description="mean |predicted change|, z")


class AttainedFraction(Section):
    """What the day's attacks of one epsilon attained of the white-box bound, on the same pairs; simulation only."""

    epsilon: float
    image_set: Literal["anchors", "all"] = Field(description="the attacked images that were attacked again white-box")
    fraction: float | None = Field(description="true / white_box; null where nothing is known")
    interval_low: float | None = Field(
        description="95 % interval over images and sites; null where white_box is less than three standard errors"
    )
    interval_high: float | None = Field(description="its upper end")
    true: float | None = Field(description="mean change of the hidden cortex times the sealed sign, sigma")
    white_box: float | None = Field(description="mean |change| that the cortex's own gradient finds, sigma")
    n_pairs: int
    n_images: int
    n_sites: int


class MapFit(Section):
    """Whether each site answers clean images as the sealed model says that this very site would."""

    r_own: float | None = Field(description="mean correlation of predictions with the responses of their own sites")
    r_other: float | None = Field(description="and with those of all other sites")
    p: float | None = Field(
        description="part of random orders of the sites in which they fit as well; null with fewer than six sites"
    )
    n_sites: int
    rings: bool = Field(description="whether that is more than one in a hundred: a wrong channel map, or no model")


class SignFit(Section):
    """Whether the sites moved as predicted, all epsilons together, each pair weighed by its predicted change."""

    mean: float | None = Field(description="of the signed changes, sigma")
    standard_error: float | None
    p: float | None = Field(description="one-sided, of signs that have nothing to do with the changes")
    rings: bool = Field(description="whether that is more than .01")


class Example(Section):
    """A clean image, its attack and the measured responses, for the report."""

    neuroid_id: str
    epsilon: float
    clean_index: int
    attacked_index: int
    category: str
    rate_clean_hz: float | None = Field(description="null where it was not recorded; so is the other")
    rate_attacked_hz: float | None


class RasterExample(Section):
    """One row group of Figure 2B: spike times of a site around one stimulus."""

    title: str
    neuroid_id: str
    epsilon: float = Field(description="0 for a clean image")
    image_index: int
    category: str
    spike_times_ms: tuple[tuple[float, ...], ...] = Field(description="by showing, relative to stimulus onset")


class PreferredCategory(Section):
    """A site's response to fresh images of the category that it preferred on the days before."""

    neuroid_id: str
    category: str
    least: tuple[str, ...] = Field(description="its least preferred categories, whose images are attacked")
    image_index: tuple[int, ...] = Field(description="the fresh images, rows of images.h5")
    mean_hz: float | None = Field(description="over these images, which did not choose the category: not biased by it")
    interval_low_hz: float | None = Field(description="95 % interval over images, Student's t; null of a single image")
    interval_high_hz: float | None = Field(description="its upper end")
    n_images: int = Field(ge=0, description="that were recorded")


class ProbeEvaluation(Section):
    """How right the day's sealed model was on the day's probes: off the clean images that it was fitted to."""

    n: int = Field(ge=0, description="probes of the day")
    n_fitted: int = Field(ge=0, description="those that are fitted afterwards; the others never are")
    epsilon: float
    r_predicted: dict[str, float | None] = Field(
        description="by neuroid_id: the sealed model against the responses to the probes, over all of them"
    )
    r_of_members: tuple[float | None, ...] = Field(
        default=(), exclude_if=operator.not_, description="the same of each member of an ensemble, mean over sites"
    )


class EvaluationReport(Document):
    """evaluation.json: the day's numbers that are not rows of sensitivity.parquet."""

    kind: Literal["evaluation"] = "evaluation"
    day: int
    n_sites: int
    n_attacked: int
    left_out: dict[str, int] = Field(
        default={},
        exclude_if=operator.not_,
        description="what people left out of the evaluation, by its words: responses of a site to a presentation that "
        "it took",
    )
    epsilons: tuple[EpsilonEvaluation, ...]
    attained: tuple[AttainedFraction, ...] = Field(
        default=(), exclude_if=operator.not_, description="of the white-box bound, by epsilon; simulation only"
    )
    sigma_hz: dict[str, float | None] = Field(
        description="by neuroid_id: SD over clean images, measurement noise included (the paper's); null without any"
    )
    z_sd_hz: dict[str, float | None] = Field(
        default={},
        exclude_if=operator.not_,
        description="by neuroid_id: SD over the images by which days are put on one scale, the unit of what models "
        "foretell; of a day with arms or planes",
    )
    sigma_corrected_hz: dict[str, float | None] = Field(
        description="the same with the noise's variance, as repetitions of an image tell it, taken out; null where "
        "nothing is left"
    )
    r_predicted: dict[str, float | None] = Field(
        description="by neuroid_id: the day's sealed model against the responses to clean images it never saw"
    )
    probes: ProbeEvaluation | None = Field(default=None, exclude_if=operator.not_, description="of a day with probes")
    reliability: dict[str, float | None]
    preferred_hz: dict[str, float | None] = Field(
        description="mean response to the most preferred category: the largest of many noisy means, biased upward"
    )
    preferred_cross_validated_hz: dict[str, float | None] = Field(
        default={},
        exclude_if=operator.not_,
        description="the same without that bias: one half of each category's images chooses, the other is averaged; "
        "null where no two categories have two images each",
    )
    preference: tuple[PreferredCategory, ...] = Field(
        default=(), exclude_if=operator.not_, description="of a day that shows images for it"
    )
    random_pair: float | None = Field(
        default=None,
        description="mean |difference| between two random clean images, sigma, mean over sites (Figure 1A)",
    )
    map_fit: MapFit | None = Field(
        default=None, exclude_if=operator.not_, description="null before December 2026, as the next"
    )
    sign_fit: SignFit | None = Field(default=None, exclude_if=operator.not_, description="null without attacks")
    examples: tuple[Example, ...]
    rasters: tuple[RasterExample, ...]
