"""What `closedloop attack` leaves: a stimulus set for people without a loop, and what made it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.day.stimuli import AUDIT_COLUMNS
from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout

ATTACK_SET = TableLayout(
    kind="attack_set",
    columns={
        "stimulus_id": Column("string", "", "content hash of the bytes"),
        "image_index": Column("int32", "", "row of images.h5"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5"),
        "kind": Column("string", "", "clean or attacked"),
        "image_id": Column("string", "", "file of the clean image, within the folder that was given"),
        "file": Column("string", "", "PNG with the same bytes"),
        "output_index": Column("int32", "", "attacked output of the model; -1 for clean images"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 for clean images"),
        "direction": Column("int32", "", "+1 drives the output up, -1 down; 0 for clean images"),
        "predicted_clean": Column(
            "float64", "", "model's response of the output to the clean image; NaN for clean rows"
        ),
        "predicted_attacked": Column("float64", "", "and to the attacked bytes"),
        "n_gradients": Column("int64", "", "gradients of the model taken for it"),
        **AUDIT_COLUMNS,
    },
)


class AttackedModel(Section):
    """The model whose outputs were driven."""

    source: str = Field(description="file, or name of shipped weights")
    sha256: str
    kind: Literal["site_model", "units"] = Field(description="recorded sites, or units of a layer averaged over space")
    architecture: str
    layer: str
    n_outputs: int
    side_px: int = Field(description="side of the images it takes")


class AttackSetDocument(Document):
    """attack.json: what made the folder; written last, so that a folder with it is whole."""

    kind: Literal["attack_set"] = "attack_set"
    request_sha256: str = Field(description="of all that decides the bytes: model, images, outputs, settings, seed")
    model: AttackedModel
    n_images: int
    outputs: tuple[int, ...]
    epsilons: tuple[float, ...] = Field(description="L2 norms on a 224 x 224 x 3 image in [0, 1] pixels")
    directions: tuple[int, ...] = Field(description="searched; of two the larger predicted change was kept")
    method: str = Field(description="search, gradient, ball and lattice, with every setting")
    seed: int
    n_attacks: int
    n_gradients: int
    versions: dict[str, str]
    files: dict[str, str] = Field(description="sha256 of the files of this folder that are no pictures")
