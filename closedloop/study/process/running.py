"""The stage that is being made, how far it is, and whether anything still moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import START_DAY, StudyPaths
from closedloop.plain_text.printed import quoted
from closedloop.study.ledger import StageRecord
from closedloop.study.process.notes import read_note

STILL_S = 600.0  # a stage that says nothing for so long is said to stand still: attacks on a slow machine take minutes


@dataclass(frozen=True)
class RunningStage:
    """A stage that was begun and is not published.

    Attributes
    ----------
    state
        "moving"; "not moving": a process holds the study, but the stage has not gone on for `STILL_S`; "stopped": no
        process holds the study.
    done, total
        As the stage counts, in units of its own; None where it has said nothing.
    began, moved
        When it began, and when it last moved on, ISO 8601, UTC; None where it has said nothing.
    still_s
        Seconds since it last moved on.
    block
        Which of the day's sessions.
    """

    day: int
    stage: str
    state: Literal["moving", "not moving", "stopped"]
    done: int | None = None
    total: int | None = None
    began: str | None = None
    moved: str | None = None
    still_s: float | None = None
    block: int = 1

    def line(self, study: str) -> str:
        """Return what a person is told, in one line; `study` is its folder."""
        name = self.stage if self.day == START_DAY else f"{Block(self.day, self.block).said} {self.stage}"
        at = f" at {100 * self.done / self.total:.0f} %" if self.done and self.total else ""
        if self.state == "stopped":
            return f"{name} stopped{at} (no process holds the study): `closedloop run {quoted(study)}` resumes it"
        if self.state == "not moving":
            return (
                f"{name} has not moved for {(self.still_s or 0) / 60:.0f} min{f', it stands{at}' if at else ''}: see "
                "whether its process still works; stopped, `closedloop run` resumes it"
            )
        ago = "" if self.still_s is None else f", moved {_ago(self.still_s)}"
        return f"{name} is running{at}{ago}"


def running_stage(
    paths: StudyPaths, records: Sequence[StageRecord], *, is_held: bool, now: Callable[[], float] = time.time
) -> RunningStage | None:
    """Return the stage that was begun last and is not published; None where there is none.

    Parameters
    ----------
    paths
        The study.
    records
        The ledger's rows.
    is_held
        Whether a process holds the study.
    now
        The clock, seconds since 1970.
    """
    begun = [record for record in records if record.state == "running"]
    if not begun:
        return None
    day, stage, number = begun[-1].day, begun[-1].stage, begun[-1].block
    note = read_note(paths.at(Block(day, number)), day, stage)
    if note is None:
        return RunningStage(day, stage, "moving" if is_held else "stopped", block=number)
    still_s = max(now() - note.moved, 0.0)
    return RunningStage(
        day,
        stage,
        "stopped" if not is_held else "not moving" if still_s > STILL_S else "moving",
        done=note.done,
        total=note.total,
        began=_utc(note.began),
        moved=_utc(note.moved),
        still_s=round(still_s, 1),
        block=number,
    )


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s ago" if seconds < 100 else f"{seconds / 60:.0f} min ago"
