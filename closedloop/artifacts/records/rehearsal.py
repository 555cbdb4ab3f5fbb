"""What a rehearsal of a study is of, and what came of it: rehearsal.json, in the copy that was made for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Name

SomeText = Annotated[str, Field(min_length=1)]
RehearsalResult = Literal["tried", "not tried", "wrong"]


class ChangedValue(Section):
    """A value of the protocol that is another in the copy."""

    key: SomeText
    before: str = Field(description="in the study's protocol, as JSON")
    after: str = Field(description="in the copy's")
    why: SomeText


class RehearsedPart(Section):
    """A part of the day, and whether it was tried."""

    part: SomeText
    result: RehearsalResult
    said: SomeText = Field(description="what was found, in a line; of what is wrong, with what to do")


class RehearsedStage(Section):
    """How long a stage took."""

    day: int = Field(ge=0)
    stage: SomeText
    seconds: float = Field(ge=0)
    whole_day_seconds: float | None = Field(
        description="at most about so long with the study's own numbers, by the count that its work grows with; null "
        "where nothing follows from it"
    )


class Rehearsal(Document):
    """rehearsal.json: the study that is rehearsed, how, and what came of it."""

    kind: Literal["rehearsal"] = "rehearsal"
    study: str = Field(max_length=MOST_OF_PATH, description="folder of the study that is rehearsed")
    study_id: Name = Field(description="its, not the copy's")
    protocol_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the study's protocol when it was copied")
    days: int = Field(ge=1)
    changes: tuple[ChangedValue, ...] = Field(description="what is another in the copy's protocol")
    parts: tuple[RehearsedPart, ...] = Field(default=(), description="empty until the days are closed")
    stages: tuple[RehearsedStage, ...] = ()
