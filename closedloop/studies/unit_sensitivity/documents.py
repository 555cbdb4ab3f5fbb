"""The documents of the study: its settings, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class StudiedNetwork(Section):
    """A network whose units were attacked."""

    name: str
    source: str = Field(description="shipped name or weight file")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the weight file")
    architecture: str
    layer: str
    side_px: int
    n_units: int = Field(description="units of the layer")
    n_silent: int = Field(description="units that never vary over the clean images; they are not measured")
    units: tuple[int, ...] = Field(description="units measured")


class StrengthenedSearch(Section):
    """The search of section 3.2; see closedloop.attacks.searches."""

    restarts: int = Field(ge=1)
    steps: int = Field(ge=1, description="gradients in each of the two balls")
    wide_fraction: float
    step_fraction: float
    factor: float
    patience: int
    floor: float
    annealings: int
    ladder: bool = Field(description="whether each epsilon starts from what the one before found")


class UnitSensitivityStudy(Document):
    """settings.json: how far single units can be moved (section 3.2), what was asked."""

    kind: Literal["unit_sensitivity_study"] = "unit_sensitivity_study"
    code_version: str
    seed: int
    networks: tuple[StudiedNetwork, ...]
    image_pools: tuple[dict[str, str | int], ...] = Field(description="one for each image side")
    n_clean: int = Field(description="clean images that SD and random pairs are computed over")
    images_per_unit: int
    epsilons: tuple[float, ...] = Field(description="L2, at 224 px")
    search: StrengthenedSearch


UNIT_CHANGES = TableLayout(
    kind="unit_changes",
    columns={
        "network": Column("string", "", "name of the network"),
        "unit": Column("int32", "", "channel of the layer"),
        "image_id": Column("string", "", "name in the pool"),
        "epsilon": Column("float64", "", "L2 norm at 224 px"),
        "response_clean": Column("float64", "", "activation on the clean image"),
        "change_up": Column("float64", "", "largest rise found, at least 0, in activations"),
        "change_down": Column("float64", "", "largest fall found, at most 0, in activations"),
        "change": Column("float64", "", "the larger of the two, with its sign"),
        "sd": Column("float64", "", "SD of the unit over clean images"),
        "sensitivity": Column("float64", "sd", "size of the change divided by the SD"),
        "random_pair": Column("float64", "sd", "mean absolute difference of two random clean images, this unit"),
        "n_gradients": Column("int64", "", "gradients taken, both directions and all starts"),
    },
)

UNIT_SENSITIVITY = TableLayout(
    kind="unit_sensitivity",
    columns={
        "network": Column("string", "", "name of the network"),
        "epsilon": Column("float64", "", "L2 norm at 224 px"),
        "mean": Column("float64", "sd", "normalized sensitivity, mean over units"),
        "sd_over_units": Column("float64", "sd", "its SD over units, the error bar of Figure 1A"),
        "low": Column("float64", "sd", "95 % bootstrap interval of the mean, units drawn with their images"),
        "high": Column("float64", "sd", "its other end"),
        "rises": Column("float64", "", "part of (unit, image) pairs that can be raised further than lowered"),
        "unmoved": Column("float64", "", "part of pairs that no search moved: silent, without a gradient"),
        "random_pair": Column("float64", "sd", "mean absolute difference of two random clean images, mean over units"),
        "n_units": Column("int32", "", "units"),
        "n_pairs": Column("int32", "", "(unit, image) pairs"),
        "n_gradients": Column("int64", "", "gradients taken for them"),
    },
)
