"""The lines of a session's journal: what happened, an event a line, whoever showed it.

Of a person they hold the subject's code and nothing else: no name, no address, no name of the browser. Of the machine
they hold what decides whether the pixels and the frames were right.
"""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from closedloop.artifacts.discrimination.experiment import ExperimentId, StimulusId
from closedloop.artifacts.documents import Section

SubjectCode = Annotated[str, Field(pattern="^[A-Z]{0,3}[0-9]{1,4}$")]
"""A subject's code: up to three capitals and up to four digits: no room for a name, an address or a date of birth.

Capitals alone, for s01 and S01 would be two people in one file where a disk does not tell letters apart by their case.
"""

SUBJECT_PATTERN = str(TypeAdapter(SubjectCode).json_schema()["pattern"])
FrontEnd = Literal["browser", "psychopy", "headless", "simulated"]
Milliseconds = Annotated[float, Field(ge=0, le=1e9)]
Frames = Annotated[int, Field(ge=0, le=100_000)]
ScreenPixels = Annotated[int, Field(ge=0, le=1_000_000)]
LineNumber = Annotated[int, Field(ge=0, le=1_000_000, description="number of this line, from 0")]
LaunchNumber = Annotated[int, Field(ge=1, le=10_000, description="from 1")]
TrialNumber = Annotated[int, Field(ge=0, le=100_000)]


class SessionLaunched(Section):
    """The session was begun, or gone on with after a reload, a kill or a break."""

    event: Literal["launched"] = "launched"
    line: LineNumber
    experiment_id: ExperimentId
    subject: SubjectCode
    session: int = Field(ge=1, le=9_999)
    simulated: bool
    launch: LaunchNumber
    front_end: FrontEnd
    date: datetime.date | None = Field(description="UTC; null of a simulated observer")
    code_version: str = Field(max_length=40)
    refresh_hz: float = Field(ge=1, le=1_000, description="measured frame rate")
    image_frames: int = Field(ge=1, le=10_000, description="frames that either image is to be up")
    gap_frames: int = Field(ge=1, le=10_000)
    device_pixel_ratio: float = Field(gt=0, le=16, description="screen pixels a pixel of the page")
    image_px: int = Field(ge=1, le=32_768, description="side of the image, screen pixels")
    image_scale: int = Field(ge=1, le=64, description="screen pixels an image pixel")
    surface_px: tuple[ScreenPixels, ScreenPixels] = Field(
        description="width and height of what is drawn on, screen pixels"
    )
    images_compared: int = Field(
        ge=0, le=100_000, description="images that were drawn and read back, equal in every byte"
    )
    consented: bool = Field(description="whether the laboratory's text was shown and agreed to")


class PairBegun(Section):
    """Its first image is about to be shown: what is begun and not answered was seen, and is shown again."""

    event: Literal["begun"] = "begun"
    line: LineNumber
    launch: LaunchNumber
    trial: TrialNumber


class PairAnswered(Section):
    """A trial was shown whole, and answered or not."""

    event: Literal["trial"] = "trial"
    line: LineNumber
    launch: LaunchNumber
    trial: TrialNumber
    first: StimulusId
    second: StimulusId
    answer: Literal["same", "different"] | None = Field(description="null: the time was over")
    reaction_ms: Milliseconds | None = Field(description="from the end of the second image to the key")
    n_frames: tuple[Frames, Frames, Frames] = Field(description="frames counted: first image, grey, second image")
    frame_ms: tuple[Milliseconds, ...] = Field(
        max_length=100_000, description="when each frame began, since the launch; the last one is the grey at the end"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> PairAnswered:
        if (self.answer is None) != (self.reaction_ms is None):
            raise ValueError("expected a reaction time with an answer and none without, found otherwise. Restore it")
        if any(later < earlier for earlier, later in pairwise(self.frame_ms)):
            raise ValueError("expected frame_ms to grow, found one before its predecessor. Restore it")
        return self


class SessionFinished(Section):
    """Every trial was shown and answered, or its time was over."""

    event: Literal["finished"] = "finished"
    line: LineNumber
    launch: LaunchNumber


AnswerRow = Annotated[
    SessionLaunched | PairBegun | PairAnswered | SessionFinished,
    Field(discriminator="event"),
]
ANSWER_ROW: TypeAdapter[AnswerRow] = TypeAdapter(AnswerRow)
