"""Responses that were recorded elsewhere, as a study keeps them; they are called imported everywhere."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import ArrayLayout, Dataset

LEFT_OUT: Final = "left out"
MISSING: Final = "missing"
SET_ASIDE: Final = "set aside"
ONSETS: Final = "onsets"
"""What `ImportedResponses.mapping` says besides where things came from."""


class ImportedSite(Section):
    """A column of the table."""

    site_index: int = Field(ge=0, description="output of the model, in the order of the file")
    name: str = Field(description="as the file has it")
    neuroid_id: str = Field(
        description="identity across days: array and electrode, as the first recording must have it"
    )
    reliability: float | None = Field(
        description="Spearman-Brown split half of the imported repetitions; null where there are none"
    )
    sigma: float | None = Field(
        description="SD over the images' mean responses, in the file's own unit, the noise of the mean included"
    )
    mean: float | None = Field(description="over the images' mean responses, likewise")


class ImportedResponses(Document):
    """imported.json: where imported responses come from. Nothing of them was recorded by this study."""

    kind: Literal["imported_responses"] = "imported_responses"
    source: str = Field(description="name of the file, without its folder")
    source_sha256: str
    format: Literal["csv", "parquet", "hdf5", "brain-score", "recording"]
    mapping: dict[str, str] = Field(description="which dataset, column or file gave what; what is left out and missing")
    code_version: str
    n_images: int = Field(ge=2)
    n_presentations: int = Field(ge=2, description="rows of the file: of averages one an image")
    are_averages: bool = Field(
        description="whether no image has a second row: then noise and reliability of the sites are unknown"
    )
    images: str = Field(description="where the pictures came from")
    sites: tuple[ImportedSite, ...] = Field(min_length=1)


IMPORTED_RATES = ArrayLayout(
    kind="imported_rates",
    datasets={
        "responses": Dataset("float64", ("presentation", "site"), "in the file's own unit; NaN where there is none"),
        "image_index": Dataset("int64", ("presentation",), "row of imported-images.h5"),
    },
)


IMPORTED_IMAGES = ArrayLayout(
    kind="imported_images",
    datasets={"images": Dataset("uint8", ("image", "row", "column", "colour"), "of the side that the model takes")},
)
