"""The documents of the study: what was analysed, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout


class ImageSensitivityStudy(Document):
    """settings.json: which images of which study were analysed."""

    kind: Literal["image_sensitivity_study"] = "image_sensitivity_study"
    code_version: str
    subject: str
    protocol: str
    day: int = Field(ge=0)
    shown: Literal["repeated", "attacked"] = Field(
        description="repeated: images that a few sites share, shown many times (section image_sensitivity of the "
        "protocol); attacked: each site's own images of an ordinary day"
    )
    epsilons: tuple[float, ...]
    n_shams: int = Field(ge=0, description="simulated experiments without any effect")
    seed: int


SITE_SLOPES = TableLayout(
    kind="image_sensitivity_sites",
    columns={
        "neuroid_id": Column("string", "", "site"),
        "n_images": Column("int32", "", "images with a slope"),
        "n_clean": Column("int32", "", "usable showings of a clean image, median"),
        "n_changed": Column("int32", "", "and of an attacked one"),
        "slope": Column("float64", "sigma", "mean over images, for a unit of epsilon"),
        "standard_error": Column("float64", "sigma", "over images"),
        "p": Column("float64", "", "two-sided, of no slope"),
        "p_corrected": Column("float64", "", "by Holm, over the sites"),
        "n_above": Column("int32", "", "images with a slope above zero, sure or not"),
        "n_tested": Column("int32", "", "images whose slope has an error"),
        "n_positive": Column("int32", "", "those with a significantly positive slope (p < .05)"),
        "n_positive_corrected": Column("int32", "", "after Holm's correction over the site's images"),
        "spread": Column(
            "float64", "sigma", "SD of the true slopes over images: without their noise; below zero: none"
        ),
        "spread_low": Column("float64", "sigma", "95 % interval, images drawn"),
        "spread_high": Column("float64", "sigma", "its other end"),
        "spread_share": Column("float64", "", "part of the slopes' variance that is not noise"),
    },
)

SHAM_ALARMS = TableLayout(
    kind="image_sensitivity_shams",
    columns={
        "noise": Column(
            "string",
            "",
            "counts: drawn with each site's ratio of variance to mean; repetitions: the study's own, about one mean",
        ),
        "of": Column("string", "", "image: a test of an image at a site; site: of a site's mean over its images"),
        "test": Column("string", "", "any: p < .05; positive: and above zero; corrected: any positive one after Holm"),
        "n": Column("int64", "", "tests without any effect; of corrected, families of them"),
        "alarms": Column("int64", "", "those that ring"),
        "rate": Column("float64", "", "part that rings"),
        "low": Column("float64", "", "95 % interval of the rate (Wilson)"),
        "high": Column("float64", "", "its other end"),
    },
)

TRUE_SLOPES = TableLayout(
    kind="image_sensitivity_truth",
    columns={
        "neuroid_id": Column("string", "", "site"),
        "slope": Column("float64", "sigma", "mean over images of the hidden cortex's own slope, by the sealed sign"),
        "spread": Column("float64", "sigma", "SD over images of the same"),
        "n_positive": Column("int32", "", "images whose hidden slope is above zero"),
        "n_images": Column("int32", "", "images"),
        "r": Column("float64", "", "correlation over images of the measured slopes with the hidden ones"),
    },
)
