"""What the gates of a checkpoint found: day-NN/gates/preflight.json, intake.json, review.json.

No stage and nothing depends on these files: they follow from published folders and can be written again at any time.
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS, DayNumber
from closedloop.artifacts.study import GATES_FOLDER, StudyPaths

GateLevel = Literal["PASS", "WARN", "HOLD"]

Checkpoint = Literal["preflight", "intake", "review"]
"""When gates are asked: before a session is shown, when it is ingested, when it is evaluated."""

CHECKPOINTS: tuple[Checkpoint, ...] = get_args(Checkpoint)


class GateFinding(Section):
    """What one gate found."""

    gate: str = Field(pattern=r"^[a-z0-9_]+$", description="its name, which is also its section in protocol.gates")
    level: GateLevel
    expected: str = Field(min_length=1)
    found: str = Field(min_length=1, description="an approval is of these words: it is void when they change")
    remedy: str = Field(description="what to do; empty where the gate passes")
    values: dict[str, float | None] = Field(default={}, description="the numbers that decided, by name")
    is_of_this_machine: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="whether it is of the machine as it was, beside the published files",
    )


class GateReport(Document):
    """What the gates of a checkpoint found on a day."""

    kind: Literal["gate_report"] = "gate_report"
    day: DayNumber
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    checkpoint: Checkpoint
    made_from: dict[str, str] = Field(
        description="sha256 of each file that was read, by its path in the study; the bytes in a folder whose size was "
        "asked; sha256 of the protocol, and of its section gates with all defaults; sha256 of what people left out of "
        "it, if anything"
    )
    findings: tuple[GateFinding, ...]

    @property
    def holding(self) -> tuple[GateFinding, ...]:
        """The findings that hold, approved or not."""
        return tuple(finding for finding in self.findings if finding.level == "HOLD")


def gate_report_path(paths: StudyPaths, day: int, checkpoint: Checkpoint) -> Path:
    """Return where a day's report of a checkpoint lies, or will.

    Parameters
    ----------
    paths
        The study.
    day, checkpoint
        Which.
    """
    return paths.day(day).root / GATES_FOLDER / f"{checkpoint}.json"
