"""What `closedloop model export` leaves: a model of recorded sites that opens without closedloop."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section

Number = int | float


class ExportedSite(Section):
    """An output of the model."""

    site_index: int = Field(description="output of the model, from 0")
    neuroid_id: str | None = Field(description="identity across days; null where only the model's file was given")
    electrode_id: int | None = Field(description="the recorder's number; null where nobody knows")
    processor: int | None = Field(description="of the recorder; likewise")
    label: str = Field(description="the electrode's name in the recorder's files; empty where nobody knows")
    row: int | None = Field(description="place on the array by its map; null without one")
    column: int | None
    reliability: float | None = Field(description="Spearman-Brown split half on the day of the fit; null where unknown")
    mean_hz: float | None = Field(
        description="of the images by which the day of the fit was put on the scale of all days: a prediction of 0; "
        "null where there is no recording"
    )
    sd_hz: float | None = Field(description="likewise: rate = mean_hz + sd_hz x prediction, on that day")
    scale_day: int | None = Field(
        default=None,
        description="day that mean_hz and sd_hz are of, where the day of the fit is left out; null: that one",
    )


class ExportedLayout(Section):
    """How the layer's features lie."""

    kind: Literal["nchw", "nhwc", "ntokens", "nc"]
    prefix_tokens: int
    grid: tuple[int, int] | None


class ExportedPixels(Section):
    """What pixels in [0, 1] go through before the network: minus mean, over SD, order of colours, size."""

    mean: tuple[float, float, float] = Field(description="of red, green and blue")
    std: tuple[float, float, float]
    colours: Literal["rgb", "bgr"] = Field(description="order that the network sees")
    side_px: int | None = Field(description="side that images are resized to, bilinear without aliases; null: none")


class ExportedNetwork(Section):
    """The network under the readout."""

    source: Literal["own", "torchvision", "timm", "module"]
    name: str = Field(description="of the architecture; of code, file.py:function or package.module:function")
    options: dict[str, bool | Number | str | tuple[Number, ...]] = Field(description="arguments of who builds it")
    structure: dict[str, Any] | None = Field(
        default=None, description="of ours: torch's modules by name, up to the layer; names are torchvision's"
    )
    code: str | None = Field(default=None, description="file of this folder that is run, where the network is code")


class ExportedMember(Section):
    """One member of the model."""

    architecture: str
    layer: str = Field(description="whose output is read out")
    readout: Literal["factorised", "full", "average", "class_token"] = Field(
        description="z = gain x sum(weights x features) + offset; factorised: channel x spatial weights"
    )
    preprocessing: ExportedPixels
    layout: ExportedLayout
    network: ExportedNetwork
    weights: str = Field(description="file of this folder; keys network.* and readout.*")


class ExportedStudy(Section):
    """The study that fitted the model."""

    study_id: str
    subject: str
    protocol_name: str
    protocol_sha256: str
    day: int = Field(description="recording day after which it was fitted, from 0")
    block: int = Field(description="which of the day's sessions, from 1")
    fitted_utc: str | None = Field(description="when; null where nobody knows")
    n_fitted_images: int


class BaseWeights(Section):
    """Weights that the network had before it was fitted."""

    source: str = Field(description="name of shipped weights, file, random or included; unknown of a model alone")
    sha256: str | None
    licence: str = Field(description="as it was given, or who may know it")


class ExportedModelDocument(Document):
    """model.json: what the folder holds; written last, so that a folder with it is whole."""

    kind: Literal["exported_model"] = "exported_model"
    closedloop_version: str
    request_sha256: str = Field(description="of all that decides the folder's bytes")
    model_sha256: str = Field(description="of the model's file, which has all members")
    member: int | None = Field(description="which member of it was exported; null: all, whose mean is the prediction")
    study: ExportedStudy | None = Field(description="null where only the model's file was given")
    side_px: int = Field(description="side of the images it takes")
    inputs: str
    outputs: str
    sites: tuple[ExportedSite, ...]
    members: tuple[ExportedMember, ...] = Field(min_length=1)
    base_weights: tuple[BaseWeights, ...]
    reference_images: str = Field(description="what the reference images are, and that they are free")
    n_reference_images: int
    tolerance: float = Field(
        description="largest difference from a reference prediction, in SD of the response, over it where it is > 1"
    )
    versions: dict[str, str]
    files: dict[str, str] = Field(description="sha256 of every other file of the folder")
    content_sha256: str | None = Field(
        default=None, description="of this file's own content, sorted and without this key; null before December 2026"
    )
