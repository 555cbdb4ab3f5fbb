"""What `closedloop replay` found: days made again by today's code beside what is published, or other settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
from closedloop.artifacts.records.sequence import Block

NOT_COMPARED = "Gates are not asked again: what they found stands in the study, and is compared with nothing here."
"""What nobody shall take from a replay of which nothing differs: a gate is asked as a day goes on, and is no stage."""


class ReplayedValues(Section):
    """Values of one place in a file (a column, a dataset, a key) that are not those that are published."""

    file: str
    place: str = Field(description="column, dataset, tensor or key; empty where it is the file as a whole")
    n_different: int
    n_compared: int
    largest_absolute: float | None = Field(description="of the numbers; null where none can be subtracted")
    largest_relative: float | None = Field(description="of the same, as a part of the larger one of the two")
    example: str = Field(description="the first of them: where, what is published, what was made")


class ReplayedStage(Section):
    """A stage of a day that was made again."""

    day: int
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    stage: str
    published_by: str = Field(description="version of closedloop that published it")
    seconds: float
    refused: str = Field(default="", description="why it was not made, in one line; empty where it was")
    edited: tuple[str, ...] = Field(
        default=(), description="published files of it that are not what their manifest promises"
    )
    follows_from: tuple[str, ...] = Field(
        description="what it was made from and is another than what the published stage was made from, by path"
    )
    same_numbers: tuple[str, ...] = Field(description="files of other bytes that hold the same")
    differences: tuple[ReplayedValues, ...]

    @property
    def session(self) -> Block:
        """Which session."""
        return Block(self.day, self.block)

    @property
    def is_same(self) -> bool:
        """Whether every value is what is published."""
        return not self.refused and not self.edited and not self.differences


class ChangedFile(Section):
    """A file of the study that is not what the manifest beside it promises."""

    path: str
    found: str


class WhatIfColumn(Section):
    """One set of other settings."""

    name: str = Field(description="the settings, as they were given")
    folder: str = Field(description="of what was made with them, beside this file")
    settings: dict[str, str] = Field(description="protocol keys and their values, JSON")
    stages: tuple[str, ...] = Field(description="the stages that were made with them")


class WhatIfCell(Section):
    """A number; null where there is none."""

    value: float | None = None
    standard_error: float | None = None


class WhatIfRow(Section):
    """A measure of a day: as published, then with each set of settings."""

    day: int
    measure: str
    unit: str
    published: WhatIfCell
    cells: tuple[WhatIfCell, ...]


class WhatIfRefusal(Section):
    """A day that was not made with a set of settings."""

    day: int
    column: str
    why: str


class Replay(Document):
    """replay.json: what was asked for, and what was found so far."""

    kind: Literal["replay"] = "replay"
    study_id: str
    code_version: str = Field(description="closedloop that made the days again")
    days: tuple[int, ...]
    stages: tuple[str, ...] = Field(description="those that were to be made again; empty with other settings")
    finished: bool = Field(description="whether all was made")
    changed: tuple[ChangedFile, ...] = Field(
        default=(), description="files of the study that are not what their manifests promise"
    )
    replayed: tuple[ReplayedStage, ...] = ()
    columns: tuple[WhatIfColumn, ...] = ()
    rows: tuple[WhatIfRow, ...] = ()
    refusals: tuple[WhatIfRefusal, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether nothing differs from what is published."""
        return not self.changed and all(stage.is_same for stage in self.replayed)
