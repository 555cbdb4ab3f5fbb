"""What went wrong in a disturbed study, what was decided, and which of its folders are the undisturbed ones."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS, DayNumber

ChaosKind = Literal[
    "killed_loop",
    "full_disk",
    "slow_copy",
    "truncated_copy",
    "killed_rig",
    "lost_codes",
    "doubled_codes",
    "recorder_pause",
    "clock_reset",
    "dead_electrode",
    "early_end",
    "skipped_day",
]
CHAOS_KINDS: tuple[ChaosKind, ...] = get_args(ChaosKind)


class ChaosEvent(Section):
    """One thing that goes wrong: as it was drawn, and as it went."""

    kind: ChaosKind
    day: DayNumber
    stage: str = Field(description="of which folder; empty where it is of none")
    amount: float = Field(description="how much, or how far into it: a part of the whole")
    happened: str = Field(default="", description="what was done; empty before")
    answers: tuple[str, ...] = Field(default=(), description="what the program said, a line each")
    decisions: tuple[str, ...] = Field(default=(), description="what was done about it: commands, copies")
    answered: bool = Field(default=False, description="whether the study went on after it")


class ChaosFolder(Section):
    """A published folder of a day (null: of the study's start) beside that of the undisturbed study."""

    day: DayNumber | None
    stage: str
    is_same: bool = Field(description="whether both hold the same files, byte for byte")
    because: tuple[str, ...] = Field(
        description="events of this folder, and folders that it was made from and that differ: any of them explains a "
        "difference"
    )
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda block: block == 1,
        description="which of the day's sessions",
    )

    @property
    def is_unexplained(self) -> bool:
        """Whether it differs, and nothing explains it."""
        return not self.is_same and not self.because


class ChaosNumber(Section):
    """A day's measured sensitivity at one epsilon, in both studies; null where a study has none."""

    day: DayNumber
    epsilon: float
    undisturbed: float | None
    undisturbed_error: float | None
    disturbed: float | None
    disturbed_error: float | None


class Chaos(Document):
    """chaos.json: all of it."""

    kind: Literal["chaos"] = "chaos"
    seed: int = Field(description="the events follow from it, and from the number of days")
    study_id: str
    code_version: str
    n_days: int
    events: tuple[ChaosEvent, ...]
    folders: tuple[ChaosFolder, ...] = ()
    numbers: tuple[ChaosNumber, ...] = ()
    faults: tuple[str, ...] = Field(default=(), description="what `closedloop verify` finds in the disturbed study")
    finished: bool = False

    @property
    def same_days(self) -> tuple[int, ...]:
        """The days of which every folder is the undisturbed one."""
        days = {one.day for one in self.folders if one.day is not None}
        return tuple(sorted(days - {one.day for one in self.folders if not one.is_same}))

    @property
    def is_well(self) -> bool:
        """Whether every event happened and was answered, and no difference is unexplained."""
        return (
            not self.faults
            and all(one.happened and one.answered for one in self.events)
            and not any(one.is_unexplained for one in self.folders)
        )
