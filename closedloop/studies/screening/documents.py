"""The documents of the study: what was asked, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class ScreenedLayers(Section):
    """A network and the layers of it that were compared."""

    name: str
    kind: Literal["trained", "untrained", "pixels"]
    training_epsilon: float | None = Field(description="L2 at 224 px; null where its file does not say")
    architecture: str
    sha256: str = Field(description="of the weight file; empty where there is none")
    side_px: int
    layers: tuple[str, ...]


class ScreeningStudy(Document):
    """settings.json: layers of networks compared with IT (appendix 6.1, Figure 6), what was asked."""

    kind: Literal["screening_study"] = "screening_study"
    code_version: str
    seed: int
    networks: tuple[ScreenedLayers, ...]
    responses: str = Field(description="whose they are")
    n_images: int = Field(description="clean images that all sites answered twice or more")
    n_images_left_out: int
    n_sites: int
    n_sites_left_out: int
    n_presentations: int = Field(description="of the clean images")
    reliability_ceiling: float = Field(description="correlation that a perfect prediction would have, mean over sites")
    cka_ceiling: float | None = Field(description="alignment that noiseless sites would have with these responses")
    n_folds: int
    n_halvings: int = Field(description="of the images, for the intervals")
    transfer: Literal["simulated", "measured", "not shown", "not made"]
    epsilons: tuple[float, ...] = Field(description="of the layer-targeted perturbations, L2 at 224 px")
    n_attacked: int = Field(description="clean images that they were made of")
    n_shown_left_out: int = Field(
        default=0,
        description="layer-targeted images that lack two repetitions at a site that counts, or their clean ones",
    )
    n_shown_sites_left_out: int = Field(
        default=0, description="sites that most of the images shown have no response of"
    )
    repetitions: int = Field(description="of each of their images in the simulated session; 0 where none was simulated")
    search: str
    lattice_steps: int


SCREENING_CELLS = TableLayout(
    kind="screening_cells",
    columns={
        "criterion": Column("string", "", "cka, ridge, pls or transfer"),
        "epsilon": Column("float64", "", "of the perturbations, L2 at 224 px; 0 of the other criteria"),
        "network": Column("string", "", "name of the network"),
        "training_epsilon": Column("float64", "", "that it was trained against, L2 at 224 px; NaN where none is known"),
        "layer": Column("string", "", "its layer"),
        "value": Column("float64", "", "alignment; predictivity over the ceiling; RMS change of the sites, SDs"),
        "low": Column("float64", "", "95 % interval over images; below 0 of a transfer: of a mean square below zero"),
        "high": Column("float64", "", "its other end"),
        "correlation": Column(
            "float64", "", "of held-out predictions, mean over sites, not over the ceiling; else NaN"
        ),
        "best": Column("bool", "", "whether its value is the largest of those with an interval"),
        "alike_best": Column(
            "bool", "", "whether images cannot tell it from the best (95 %, all cells together); so without an interval"
        ),
        "n_images": Column("int32", "", "images that count for it"),
        "n_features": Column("int64", "", "features of the layer"),
    },
)

SCREENING_SITES = TableLayout(
    kind="screening_sites",
    columns={
        "site": Column("string", "", "its name"),
        "network": Column("string", "", "whose layer predicts best by ridge, of all that were compared"),
        "layer": Column("string", "", "that layer"),
        "correlation": Column("float64", "", "of held-out predictions by ridge with the site's mean responses"),
        "low": Column("float64", "", "95 % interval over images"),
        "high": Column("float64", "", "its other end"),
        "ceiling": Column("float64", "", "correlation that a perfect prediction would have; 0 of a site without one"),
        "explained": Column("float64", "", "part of the explainable variance; NaN where nothing can be explained"),
    },
)

SCREENING_NETWORKS = TableLayout(
    kind="screening_networks",
    columns={
        "criterion": Column("string", "", "cka, ridge, pls or transfer"),
        "epsilon": Column("float64", "", "of the perturbations, L2 at 224 px; 0 of the other criteria"),
        "rank": Column("int32", "", "1 is the highest"),
        "network": Column("string", "", "name of the network"),
        "layer": Column("string", "", "its best layer"),
        "value": Column("float64", "", "there; as in the table of cells"),
        "low": Column("float64", "", "95 % interval over images, the layer chosen by the other half of them"),
        "high": Column("float64", "", "its other end"),
        "below": Column("string", "", "the network of the next rank; empty of the last"),
        "difference": Column("float64", "", "to it; of a transfer, of the mean squares, SDs squared; NaN of the last"),
        "difference_low": Column("float64", "", "95 % interval over images"),
        "difference_high": Column("float64", "", "its other end"),
    },
)

TRANSFER_IMAGES = TableLayout(
    kind="transfer_images",
    columns={
        "image": Column("string", "", "its file"),
        "kind": Column("string", "", "clean or layer_targeted"),
        "clean_image": Column("string", "", "file of the clean image beneath"),
        "source_image": Column("string", "", "name of the clean image in the study or table"),
        "network": Column("string", "", "whose layer is moved; empty of a clean image"),
        "layer": Column("string", "", "which"),
        "epsilon": Column("float64", "", "L2 norm at 224 px"),
        "realised_epsilon": Column("float64", "", "L2 norm from the bytes, at 224 px"),
        "displacement": Column("float64", "", "distance of the layer's features, in its own unit"),
    },
)
