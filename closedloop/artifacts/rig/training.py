"""training.yaml and day.json: how an animal is taught to fixate at the rig, before its first experiment.

A training is no study: nothing of it is data of an experiment, and no session folder comes to it from elsewhere.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Document, Section, validate
from closedloop.artifacts.protocol.numbers import Name, PositiveWaitMs, Seed, WaitMs, WindowDeg
from closedloop.artifacts.rig.calibrations import ValveVolume
from closedloop.errors import RigError
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml

HoldMs = Annotated[float, Field(ge=20, le=60_000)]
StepUp = Annotated[float, Field(gt=1, le=4)]
StepDown = Annotated[float, Field(ge=0.25, lt=1)]
Trials = Annotated[int, Field(ge=1, le=1_000)]

AfterHold = Literal["images", "dots", "nothing"]


class TrainingSettings(Section):
    """What the animal is asked for at first, how that grows, and what it gets for it."""

    format_version: Literal[1] = 1
    kind: Literal["training"] = "training"
    subject: Name = Field(min_length=1, description="whose training it is; no other animal is taught in its folder")
    start_hold_ms: HoldMs = Field(default=100.0, description="on the first day, from the eye's rest to the reward")
    shortest_hold_ms: HoldMs = Field(default=50.0, description="never less, however often the animal fails")
    longest_hold_ms: HoldMs = Field(default=1500.0, description="never more: what the experiment will ask for")
    start_window_deg: WindowDeg = Field(default=5.0, description="radius on the first day, and never more")
    smallest_window_deg: WindowDeg = Field(default=1.5, description="radius; never less: the tracker's own error")
    hold_step: StepUp = Field(default=1.1, description="the hold is multiplied by it at a step up, divided at one down")
    window_step: StepDown = Field(default=0.95, description="the window likewise")
    of_last: Trials = Field(default=10, description="so many trials since the last step are looked at")
    completed_for_step_up: Trials = Field(default=8, description="of them completed: a step up")
    missed_for_step_down: Trials = Field(default=6, description="of them broken or ignored: a step down")
    asleep_after: Trials = Field(
        default=5, description="ignored in a row: what is ignored from then on moves nothing, the animal is not at work"
    )
    steps_back_a_day: int = Field(
        default=1, ge=0, le=20, description="a new day begins so many steps before the last's end; a second run: none"
    )
    reward_ms: WaitMs = Field(default=80.0, description="the valve is open so long, and longer by reward_ms_a_second")
    reward_ms_a_second: WaitMs = Field(default=60.0, description="for each second of the hold")
    largest_reward_ms: WaitMs = Field(default=200.0, description="never more at once")
    acquire_timeout_ms: PositiveWaitMs = Field(default=3000.0, description="the point is up so long for an eye to come")
    grace_ms: WaitMs = Field(default=40.0, description="the eye may be outside of the window so long")
    intertrial_ms: WaitMs = 800.0
    misses_before_time_out: Trials = Field(default=5, description="broken or ignored in a row")
    time_out_ms: WaitMs = Field(default=3000.0, description="nothing is shown so long after them")
    shown: AfterHold = Field(default="nothing", description="after the hold, the reward behind it; nothing: the reward")
    presentations_per_trial: int = Field(default=1, ge=1, le=50, description="pictures after the hold")
    on_ms: PositiveWaitMs = Field(default=100.0, description="a picture is up so long, in whole frames")
    off_ms: WaitMs = Field(default=100.0, description="grey after it, in whole frames")
    picture_deg: float = Field(
        default=8.0, ge=0.1, le=90, description="side of a picture, about: in whole screen pixels"
    )
    dot_px: int = Field(default=10, ge=2, le=512, description="the fixation point's side, screen pixels")
    grey_level: int = Field(default=128, ge=0, le=255, description="of the background")
    seed: Seed = Field(default=1, description="of the pictures' order, of dots, and of a simulated animal")

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> TrainingSettings:
        if not self.shortest_hold_ms <= self.start_hold_ms <= self.longest_hold_ms:
            raise ValueError(
                "expected shortest_hold_ms, start_hold_ms, longest_hold_ms in this order, found "
                f"{self.shortest_hold_ms:g}, {self.start_hold_ms:g}, {self.longest_hold_ms:g}. Correct them"
            )
        if self.smallest_window_deg > self.start_window_deg:
            raise ValueError(
                f"smallest_window_deg: expected {self.start_window_deg:g} (start_window_deg) at most, found "
                f"{self.smallest_window_deg:g}. Correct one of the two"
            )
        if self.reward_ms > self.largest_reward_ms:
            raise ValueError(
                f"largest_reward_ms: expected {self.reward_ms:g} (reward_ms) at least, found "
                f"{self.largest_reward_ms:g}. Correct one of the two"
            )
        return self

    @model_validator(mode="after")
    def _steps_can_happen(self) -> TrainingSettings:
        for name in ("completed_for_step_up", "missed_for_step_down"):
            if getattr(self, name) > self.of_last:
                raise ValueError(
                    f"{name}: expected {self.of_last} (of_last) at most, found {getattr(self, name)}: no step would "
                    "ever come. Correct one of the two"
                )
        if self.completed_for_step_up + self.missed_for_step_down <= self.of_last:
            raise ValueError(
                f"expected completed_for_step_up and missed_for_step_down to add up to more than {self.of_last} "
                f"(of_last), found {self.completed_for_step_up} and {self.missed_for_step_down}: the same trials would "
                "ask for a step up and a step down. Raise one of the two"
            )
        return self


class TaughtLevel(Section):
    """How much is asked of an animal: a rung of the staircase."""

    hold_ms: HoldMs
    window_deg: WindowDeg


class TrainingDay(Document):
    """day.json: what a day of training began with; what came of it is in its journal."""

    kind: Literal["training_day"] = "training_day"
    subject: Name
    date: datetime.date
    settings: TrainingSettings = Field(description="training.yaml, as this day began with it")
    start: TaughtLevel = Field(description="what its first trial asked for")
    rewarded_before: int = Field(ge=0, description="trials completed on all days before: what a simulated animal knows")
    pictures: str | None = Field(description="the folder whose pictures were shown; null: none")
    valve: ValveVolume | None = Field(default=None, description="of rig.yaml on that day; null: nobody had weighed it")


def read_training(path: Path) -> TrainingSettings:
    """Read and check training.yaml.

    Raises
    ------
    RigError
        The file is missing, is no YAML, or describes no training.
    """
    missing = "expected the settings of a training, found none. `rig train` writes them into a new folder."
    content = read_limited(path, most_bytes=MOST_YAML_BYTES, missing=missing, error=RigError)
    remedy = "Correct the line; docs/training.md has a whole file."
    plain = parse_yaml(content, place=str(path), error=RigError, remedy=remedy)
    return validate(TrainingSettings, plain, place=str(path), error=RigError)
