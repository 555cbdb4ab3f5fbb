"""What a study is made from and does not hold itself: every image of its folder and its base model, by content."""

from __future__ import annotations

import operator
from typing import Annotated, Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Count, ImageSide, Seed


class PoolDescription(Section):
    """Where clean images come from; enough to open the pool again."""

    kind: Literal["procedural", "imagenet_folder", "flat_folder"]
    folder: Annotated[str, Field(max_length=MOST_OF_PATH)] | None = None
    orientation: Literal["stored", "applied"] = Field(
        default="stored",
        exclude_if=lambda value: value == "stored",
        description="of a folder: applied where images are turned upright by their orientation tags; without it (in "
        "studies of versions before December 2026) they are shown as they are stored",
    )
    side_px: ImageSide
    seed: Seed | None = None
    n_categories: Count | None = None
    n_per_category: Count | None = None


class StudyInputs(Document):
    """inputs.json: written by init; in a study of an older version, when it first reads them again."""

    kind: Literal["study_inputs"] = "study_inputs"
    recorded: Literal["init", "later"] = Field(
        description="later: a study of a version before December 2026, nothing is known of the time before"
    )
    code_version: str
    pool: PoolDescription
    n_images: int = Field(ge=0, description="listed; 0 where images are computed")
    n_bytes: int = Field(ge=0, description="of all listed images")
    left_out: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="why an image of the folder is not listed, by name: `--skip-unreadable` went on without it",
    )
    base_model: str = Field(description="name of shipped weights or path of a file, as in study.json")
    base_model_sha256: str | None = Field(description="null where the file was gone when this was written")
    member_sha256: tuple[str | None, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="the same of the further members of the ensemble, in the protocol's order",
    )
    arm_model_sha256: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="the same of the networks under arms.models whose weights are a file, by their names",
    )
    reference: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="sha256 of the reference output that networks were compared with, by file: a copy lies beside this",
    )
    code: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="sha256 of the code of networks that are code, by factory: a file's copy lies beside this document",
    )


IMAGE_LIST = TableLayout(
    kind="image_list",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "sha256": Column("string", "", "of the file's bytes"),
        "n_bytes": Column("int64", "bytes", "the file's size"),
    },
)


ADDED_IMAGES = TableLayout(
    kind="added_images",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "sha256": Column("string", "", "of the file's bytes"),
        "n_bytes": Column("int64", "bytes", "the file's size"),
        "addition": Column("int32", "", "which line `add_images` of amendments.jsonl added it, by its number there"),
    },
)
