"""The rows of the rig's journal: what happened in a session, an event a line.

What came with a later rig has a default that says so: the journals of older rigs stay readable.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from closedloop.artifacts.day.session import CodeTransport
from closedloop.artifacts.documents import Section

RejectionReason = Literal[
    "fixation_broken",
    "frames_dropped",
    "grey_frames_wrong",
    "window_lost",
    "device_error",
    "paused",
    "skipped",
    "session_stopped",
    "not_recorded",
]
"""Why a presentation counts for nothing and is shown again; in words in docs/operator_session.md.

No rig writes the last one: it follows from what the journal says of the recorder (`presented.unrecorded`)."""

TrialOutcome = Literal["completed", "broken", "ignored", "stopped"]
"""How a trial ended; stopped is what the rig or its operator did, the animal has no part in it."""

RecordingSeenBy = Literal["packets_and_file", "packets", "file", "operator", "nobody"]
"""What showed that a recorder records: what arrived from it, a file of it that grew, a person's word."""

CommandName = Literal["pause", "continue", "reward", "skip", "recalibrate", "shift", "quit"]
"""What an operator may ask of a running session, by a key or from another terminal."""


class LaunchOpened(Section):
    """The rig was launched: it started or resumed presenting."""

    event: Literal["segment_opened"] = "segment_opened"
    segment: int = Field(ge=0, description="number of this launch, from 0")
    session_id: str
    simulated: bool
    display: Literal["headless", "psychopy"]
    clock: Literal["virtual", "real"]
    refresh_hz: float = Field(gt=0, description="measured frame rate, frames per second")
    first_ordinal: int = Field(
        ge=0, description="ordinal of this launch's first presentation; voids older rows from there"
    )
    first_trial: int = Field(ge=0)
    time_s: float = Field(description="rig clock, seconds")
    utc: str | None = Field(description="wall clock, ISO 8601; null on a virtual clock")
    pacing: Literal["vblank", "timer"] | None = Field(
        default=None, description="who made a flip last a frame: the screen or a timer; null on a virtual clock"
    )
    gaze: str | None = Field(
        default=None,
        min_length=1,
        description="whose gaze held fixation: scripted, mouse, none, or the tracker's name; null by a rig of 0.1",
    )
    codes: CodeTransport | None = Field(
        default=None, description="how digital codes left: file is not at all; null by a rig of 0.1"
    )
    versions: dict[str, str] = Field(default={}, description="of the rig, of Python, and of PsychoPy where it was used")
    overrides: tuple[str, ...] = Field(default=(), description="checks of the rig that the operator overrode, by name")
    rig: str | None = Field(default=None, description="name of the rig, from its rig.yaml; null where it had none")
    rig_sha256: str | None = Field(default=None, description="of that rig.yaml, as it was read")
    reward: str | None = Field(default=None, min_length=1, description="what gives reward: a device's name, or none")
    recorder: str | None = Field(default=None, min_length=1, description="who records: a device's name, by_hand, none")
    renderer: str | None = Field(default=None, description="who draws: the graphics driver's name")
    gamma: str | None = Field(default=None, description="what the graphics card does to pixels")
    frame_counter: str | None = Field(default=None, description="what counts frames: oml, timer or virtual")
    boot_id: str | None = Field(default=None, description="of the computer: clocks compare within one")
    plan_sha256: str | None = Field(default=None, description="of the session folder's manifest: which plan is shown")
    is_rehearsal: bool = Field(default=False, description="a scripted monkey on the real rig: never data")
    is_training: bool = Field(
        default=False,
        exclude_if=lambda is_training: not is_training,
        description="an animal is taught to fixate, no study asks for it: never data",
    )


class TrialAsks(Section):
    """What a trial of a training asks of the animal; in a session, session.json says it of all."""

    hold_ms: float = Field(ge=0)
    fixation_window_deg: float = Field(gt=0, description="radius")
    reward_ms: float = Field(ge=0, description="where it is completed")


class TrialBegun(Section):
    """A fixation point is about to go on: written before the flip that sends the trial's digital code.

    A number that has this row and no trial_started was cut by the end of the rig: neither is ever used again.
    """

    event: Literal["trial_begun"] = "trial_begun"
    trial: int = Field(ge=0)
    code: int = Field(ge=1, le=65535)
    time_s: float = Field(description="rig clock when it was written, before the fixation point goes on")
    asks: TrialAsks | None = Field(
        default=None, exclude_if=lambda asks: asks is None, description="in a training: what it asks of the animal"
    )
    recorded_until_s: float | None = Field(
        default=None,
        exclude_if=lambda until_s: until_s is None,
        description="rig clock up to which the recorder is known to have recorded; not there where nobody can know",
    )


class TrialStarted(Section):
    """A fixation point went on."""

    event: Literal["trial_started"] = "trial_started"
    trial: int = Field(ge=0)
    code: int = Field(ge=1, le=65535)
    time_s: float


class PresentationBegun(Section):
    """An image is about to be shown: written before the flip that sends its digital code.

    An ordinal that has this row and no presentation was cut by the end of the rig: its code may be in the recording,
    so that neither is ever used again.
    """

    event: Literal["presentation_begun"] = "presentation_begun"
    ordinal: int = Field(ge=0, description="count of presentations begun in this session")
    trial: int = Field(ge=0)
    position: int = Field(ge=0, description="place within the trial")
    presentation_index: int = Field(ge=0, description="row of presentations.parquet")
    code: int = Field(ge=1, le=65535)
    time_s: float = Field(description="rig clock when it was written, before the image appears")


class Presentation(Section):
    """One image was shown once, to its end or to the break of fixation."""

    event: Literal["presentation"] = "presentation"
    ordinal: int = Field(ge=0, description="count of presentations begun in this session")
    trial: int = Field(ge=0)
    position: int = Field(ge=0, description="place within the trial")
    presentation_index: int = Field(ge=0, description="row of presentations.parquet")
    image_index: int = Field(ge=0, description="row of images.npy")
    stimulus_id: str
    repetition: int = Field(ge=0)
    code: int = Field(ge=1, le=65535)
    onset_s: float = Field(description="rig clock at the flip that put the image on")
    offset_s: float = Field(description="rig clock at the flip that took it off")
    planned_on_frames: int = Field(ge=1)
    on_frames: int = Field(ge=0, description="frames the image was really up, counted by flips")
    planned_off_frames: int = Field(ge=0)
    grey_frames: int | None = Field(
        default=None, ge=0, description="frames of grey between it and the image before it; null for a trial's first"
    )
    outcome: Literal["accepted", "rejected"]
    reason: RejectionReason | None = None

    @property
    def counted_when_shown(self) -> bool:
        """Whether the rig accepted it as it went off, whatever was found out later: the order went on from that."""
        return self.outcome == "accepted" or self.reason == "not_recorded"


class TrialEnded(Section):
    """A trial was finished, broken or ignored."""

    event: Literal["trial_ended"] = "trial_ended"
    trial: int = Field(ge=0)
    outcome: TrialOutcome
    reward_ms: float = Field(ge=0, description="time the valve is known to have been open; 0 without a valve")
    time_s: float


class RewardNoted(Section):
    """A reward on its way: what was meant, what the device was told, what it confirmed."""

    event: Literal["reward"] = "reward"
    state: Literal["intended", "given", "acknowledged", "failed"]
    trial: int | None = Field(ge=0, description="null for one that the operator gave")
    duration_ms: float = Field(gt=0)
    time_s: float


class Paused(Section):
    """Nothing is shown until the session is continued; what was on the screen was rejected."""

    event: Literal["paused"] = "paused"
    by: Literal["operator", "display", "gaze", "device"]
    why: str = Field(description="in words, as the operator was told")
    time_s: float


class Continued(Section):
    """The session goes on after a pause."""

    event: Literal["continued"] = "continued"
    time_s: float


class Commanded(Section):
    """The operator asked for something."""

    event: Literal["commanded"] = "commanded"
    command: CommandName
    origin: Literal["key", "terminal"]
    time_s: float


class DriftChecked(Section):
    """Where the eye rested, on average, as the animal held fixation in its last completed trials."""

    event: Literal["drift_checked"] = "drift_checked"
    x_deg: float = Field(description="to the right of the fixation point")
    y_deg: float = Field(description="above it")
    n_trials: int = Field(ge=1, description="completed trials that it is the mean of")
    is_large: bool = Field(
        description="more than half a degree, or than a quarter of the window's radius, and than three standard errors"
    )
    time_s: float

    @property
    def words(self) -> str:
        """What was found, for the operator."""
        by = f"{self.x_deg:+.2f} deg to the right and {self.y_deg:+.2f} deg up"
        return f"gaze has drifted by {by} ({self.n_trials} trials)"


class GazeShifted(Section):
    """The operator had the map of gaze moved: what is said of gaze in this launch has so much added from here on."""

    event: Literal["gaze_shifted"] = "gaze_shifted"
    x_deg: float = Field(description="to the right")
    y_deg: float = Field(description="up")
    n_trials: int = Field(ge=1, description="completed trials that the drift was the mean of")
    time_s: float


class TimeOut(Section):
    """Too many misses in a row: a pause."""

    event: Literal["time_out"] = "time_out"
    misses: int
    duration_s: float
    time_s: float


class RecordingNoted(Section):
    """A recording was begun or ended: each has a file of its own."""

    event: Literal["recording"] = "recording"
    state: Literal["started", "stopped", "lost"] = Field(description="lost: the device went, nobody saw a stop")
    file: str = Field(description="its name without an ending, as it was asked for; as it was seen where it differs")
    launch: int = Field(ge=0, description="number of the rig's launch")
    part: int = Field(ge=1, description="number of the recording within the launch")
    seen_by: RecordingSeenBy = Field(description="what showed it: nobody is a doubt that the operator was told of")
    time_s: float = Field(description="rig clock when it was seen")
    unrecorded_from_s: float | None = Field(
        default=None,
        exclude_if=lambda from_s: from_s is None,
        description="of one that was lost, or ended before all was seen recorded: rig clock since when nothing is "
        "known to have been recorded; what was accepted after that, or less than .5 s before, is rejected and shown "
        "again. Not there where nobody can know",
    )


class ClockCompared(Section):
    """A device's clock was read beside the rig's, between trials."""

    event: Literal["clock_compared"] = "clock_compared"
    device: str = Field(min_length=1)
    rig_s: float = Field(description="the rig's clock in the middle of the question, seconds")
    device_s: float = Field(description="the device's at that time, seconds")
    uncertainty_s: float = Field(ge=0, description="the two belong together as well as that")
    time_s: float = Field(description="rig clock when the answer was written down")


class SessionEnded(Section):
    """Everything planned was accepted, or the operator stopped."""

    event: Literal["session_ended"] = "session_ended"
    outcome: Literal["complete", "stopped"]
    n_remaining: int = Field(ge=0, description="planned presentations not accepted")
    n_twins_too_near: int | None = Field(
        default=None, ge=0, description="accepted closer to a twin than planned, for want of others; null by older rigs"
    )
    stopped_by: str | None = Field(
        default=None,
        exclude_if=lambda by: by is None,
        description="who or what stopped it, in words; not there where it is complete, and by older rigs",
    )
    time_s: float


JournalRow = Annotated[
    LaunchOpened
    | TrialBegun
    | TrialStarted
    | PresentationBegun
    | Presentation
    | TrialEnded
    | RewardNoted
    | Paused
    | Continued
    | Commanded
    | TimeOut
    | RecordingNoted
    | ClockCompared
    | DriftChecked
    | GazeShifted
    | SessionEnded,
    Field(discriminator="event"),
]
ROW: TypeAdapter[JournalRow] = TypeAdapter(JournalRow)
