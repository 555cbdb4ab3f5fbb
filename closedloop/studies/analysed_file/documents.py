"""The documents of an analysis of a file: what was asked and found as a whole, and the sites."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.studies.preferred_categories import CATEGORY_COLUMNS


class MeanOverSites(Section):
    """A mean over the sites of a recording that have a value, with its 95 % interval over images."""

    mean: float | None = Field(description="null where no site has one")
    low: float | None = Field(description="null where there is no interval")
    high: float | None
    n_sites: int


class AnalysedRecording(Section):
    """A session that the file tells apart."""

    name: str
    n_presentations: int = Field(description="of clean images, that count")
    n_images: int = Field(description="clean")
    n_repeated_images: int = Field(description="of these, with two presentations or more")
    seed: int = Field(description="of the halves of the repetitions")
    reliability: MeanOverSites
    ceiling: MeanOverSites
    sigma: MeanOverSites


class AnalysedFile(Document):
    """settings.json: a file of responses, and what it says as a whole."""

    kind: Literal["analysed_file"] = "analysed_file"
    code_version: str
    seed: int
    source: str = Field(description="name of the file, without its folder")
    source_sha256: str
    format: str
    unit: str = Field(description="of the responses; empty where the file does not say")
    said: dict[str, str] = Field(description="what of the file gave what")
    n_sites: int
    n_images: int = Field(description="clean")
    n_categories: int = Field(description="of clean images; 0 where none is known")
    recordings: tuple[AnalysedRecording, ...]
    notices: tuple[str, ...] = Field(description="what the file does not allow, and what else is to be known")


ANALYSED_SITES = TableLayout(
    kind="analysed_sites",
    columns={
        "recording": Column("string", "", "session that the file tells apart"),
        "site": Column("string", "", "its name in the file"),
        "n_images": Column("int32", "", "fresh clean images with a response"),
        "n_presentations": Column("int32", "", "of these"),
        "reliability": Column("float64", "", "Spearman-Brown split half over repetitions; NaN where nothing repeats"),
        "reliability_low": Column("float64", "", "95 % interval over images"),
        "reliability_high": Column("float64", "", "its other end"),
        "ceiling": Column("float64", "", "correlation that a perfect model would reach: root of reliability, 0 below"),
        "ceiling_low": Column("float64", "", "95 % interval over images"),
        "ceiling_high": Column("float64", "", "its other end"),
        "mean": Column("float64", "of the responses", "mean over images"),
        "sigma": Column("float64", "of the responses", "SD over images' means, their noise included (the paper's)"),
        "sigma_low": Column("float64", "of the responses", "95 % interval over images"),
        "sigma_high": Column("float64", "of the responses", "its other end"),
        "sigma_corrected": Column("float64", "of the responses", "SD over images without the noise"),
        "random_pair": Column("float64", "of the responses", "mean absolute difference of two images"),
    },
)

ANALYSED_PREFERENCES = TableLayout(
    kind="analysed_preferences",
    columns={
        "site": Column("string", "", "its name in the file"),
        **{
            name.removesuffix("_hz") + ("_level" if name in ("preferred_hz", "least_hz") else ""): (
                Column(one.dtype, "of the responses", one.meaning) if one.unit else one
            )
            for name, one in CATEGORY_COLUMNS.items()
        },
    },
)
