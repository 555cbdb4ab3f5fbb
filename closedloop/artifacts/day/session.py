"""The session folder that travels to the rig: what to show, how, and the seal over it.

::

    SESSION/  session.json  presentations.parquet  images.npy  manifest.json
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.protocol.numbers import (
    MOST_SESSIONS,
    Count,
    DayNumber,
    FramesOfGrey,
    FramesShown,
    GazeSamples,
    ImageScale,
    Name,
    PixelCm,
    PositiveWaitMs,
    PresentationsOfTrial,
    RefreshRate,
    ScreenPatch,
    ScreenSide,
    Seed,
    Seldom,
    VisualAngle,
    WaitMs,
    WindowDeg,
)

MOST_PRESENTATIONS = 1_000_000
"""Of a session: ten images a second for more than a day."""

CodeTransport = Literal["file", "parallel", "serial", "microcontroller", "comment"]


class CodeSettings(Section):
    """Digital codes sent to the recorder. Eight bits: a parallel port has no more (the strobe is a line of its own).

    A presentation's code is ``first_presentation + ordinal % n_presentation``, a trial's
    ``first_trial + trial % n_trial``: an ordinal, never an image's identity. Alignment unwraps them.
    """

    transport: CodeTransport = Field(default="file", description="decides nothing: a rig's own description does")
    first_presentation: int = Field(default=1, ge=1, le=255)
    n_presentation: int = Field(default=199, ge=16, le=254)
    first_trial: int = Field(default=200, ge=1, le=255)
    n_trial: int = Field(default=50, ge=2, le=254)

    @model_validator(mode="after")
    def _ranges_fit(self) -> CodeSettings:
        presentation = range(self.first_presentation, self.first_presentation + self.n_presentation)
        trial = range(self.first_trial, self.first_trial + self.n_trial)
        if max(presentation[-1], trial[-1]) > 255:
            raise ValueError("expected codes of eight bits, found one above 255. Lower n_presentation or n_trial")
        if set(presentation) & set(trial):
            raise ValueError("expected separate codes for trials and presentations, found an overlap. Move first_trial")
        return self

    def presentation(self, ordinal: int) -> int:
        """Return the digital code of the presentation with this ordinal."""
        return self.first_presentation + ordinal % self.n_presentation

    def trial(self, trial: int) -> int:
        """Return the digital code of the trial with this number."""
        return self.first_trial + trial % self.n_trial


class ScreenSettings(Section):
    """The screen and the image on it."""

    refresh_hz: RefreshRate = Field(description="frames per second")
    width_px: ScreenSide
    height_px: ScreenSide
    cm_per_px: PixelCm
    image_scale: ImageScale = Field(description="whole screen pixels an image pixel: nothing is interpolated")
    visual_angle_deg: VisualAngle = Field(description="image side")
    grey_level: int = Field(ge=0, le=255, description="uint8 level of background and mask")
    full_screen: bool = True
    screen: int = Field(default=0, ge=0, le=1_000)
    photodiode_px: ScreenPatch = Field(default=32, description="side of the photodiode patch in a corner; 0 for none")


class TrialSettings(Section):
    """The RSVP trial: acquire, hold, on / off x n, reward, interval."""

    on_frames: FramesShown
    off_frames: FramesOfGrey
    presentations_per_trial: PresentationsOfTrial
    acquire_timeout_ms: PositiveWaitMs
    hold_ms: WaitMs
    fixation_window_deg: WindowDeg = Field(description="radius")
    saccade_boxcar_samples: GazeSamples = Field(description="gaze samples averaged before a break counts")
    gaze_grace_ms: WaitMs | None = Field(
        default=None, description="how long the eye may be outside of the window; null: as long as half of the boxcar"
    )
    intertrial_ms: WaitMs
    reward_ms: WaitMs
    misses_before_time_out: Count
    time_out_ms: WaitMs
    fixation_dot_px: ScreenPatch


class ScriptedMonkey(Section):
    """The monkey of a simulated session; its behaviour is a function of seed and trial number alone."""

    seed: Seed
    ignore_probability: Seldom
    leave_early_probability: Seldom


class TwinSettings(Section):
    """How far apart an image and what was made from it are shown: the second of two alike is seen with other eyes."""

    least_presentations: int = Field(
        ge=0,
        le=MOST_PRESENTATIONS,
        description="fewest presentations from a changed image to its clean one, as planned",
    )
    clean_of_image: tuple[Annotated[int, Field(ge=0, le=MOST_PRESENTATIONS)], ...] = Field(
        max_length=MOST_PRESENTATIONS,
        description="for each row of images.npy the row of the clean image it was made from; its own where it is clean",
    )


class SessionDocument(Document):
    """session.json: everything the rig needs to know besides the order and the pixels."""

    kind: Literal["session"] = "session"
    session_id: Name
    study_id: Name
    subject: Name
    day: DayNumber
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    seed: Seed = Field(description="decides where a rejected presentation is requeued")
    n_presentations: int = Field(ge=1, le=MOST_PRESENTATIONS)
    n_images: Count
    image_side_px: int = Field(ge=1, le=32_768)
    screen: ScreenSettings
    trial: TrialSettings
    codes: CodeSettings
    monkey: ScriptedMonkey | None = Field(description="set in simulated sessions only")
    twins: TwinSettings | None = Field(
        default=None, description="what a requeued presentation keeps apart; null where no image has a twin, and by 0.1"
    )

    @model_validator(mode="after")
    def _monkey_is_simulated(self) -> SessionDocument:
        if (self.monkey is not None) != self.simulated:
            raise ValueError("expected a scripted monkey exactly in a simulated session. Rebuild the session folder")
        return self

    @model_validator(mode="after")
    def _each_image_has_its_clean_one(self) -> SessionDocument:
        if self.twins is not None and len(self.twins.clean_of_image) != self.n_images:
            raise ValueError(
                f"twins.clean_of_image: expected {self.n_images} images, found {len(self.twins.clean_of_image)}. "
                "Rebuild the session folder"
            )
        return self


class PixelAudit(Document):
    """pixel_audit.json: images read back as they were shown and compared with their bytes, pixel for pixel."""

    kind: Literal["pixel_audit"] = "pixel_audit"
    session_id: str
    read_back: Literal["screen", "back_buffer"] = Field(
        default="back_buffer", description="from the screen, the fixation dot on top, or from the buffer before it"
    )
    image_scale: int = Field(ge=1, description="screen pixels an image pixel")
    n_images: int = Field(ge=0, description="distinct images compared")
    n_pixels: int = Field(ge=0, description="screen pixels compared")
    n_mismatched: int = Field(ge=0, description="screen pixels that differed in any channel")
    stimulus_ids: tuple[str, ...] = Field(description="the images compared, in the order shown")


PRESENTATIONS = TableLayout(
    kind="planned_presentations",
    columns={
        "presentation_index": Column("int32", "", "row number; the order to be shown in"),
        "stimulus_id": Column("string", "", "content hash of the pixels"),
        "image_index": Column("int32", "", "row of images.npy"),
        "repetition": Column("int32", "", "which showing of this stimulus, from 0"),
    },
)
