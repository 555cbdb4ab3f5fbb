"""Where a study stands, in a word for programs, and the stage that comes next: from its folders, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from closedloop.artifacts.gates.held import Held, session_to_show
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.study import BROUGHT, STAGES, START, START_DAY, StudyPaths
from closedloop.study.ledger import StageRecord

StudyState = Literal["new", "running", "waiting", "held", "stopped", "failed", "done"]


@dataclass(frozen=True)
class NextStage:
    """The first stage of the loop's order that is not published; the study's start is of day -1."""

    day: int
    stage: str
    block: int = 1


def next_stage(paths: StudyPaths, n_days: int) -> NextStage | None:
    """Return the stage that comes next; None where every day is done."""
    if not (paths.start / MANIFEST_NAME).is_file():
        return NextStage(START_DAY, START)
    for block, stage in paths.sequence.due(n_days, STAGES):
        if not (paths.at(block).folder(stage, block.day) / MANIFEST_NAME).is_file():
            return NextStage(block.day, stage, block.number)
    return None


def state_of(
    records: Sequence[StageRecord], *, is_running: bool, is_done: bool, held_by: Sequence[Held], waiting_for: str | None
) -> StudyState:
    """Return a study's state.

    Parameters
    ----------
    records
        The ledger's rows.
    is_running
        Whether a loop works on it.
    is_done
        Whether every day is.
    held_by
        What holds the session that is to be shown next.
    waiting_for
        What a person has to do.
    """
    if is_running:
        return "running"
    if is_done:
        return "done"
    states = {record.state for record in records}
    if "failed" in states:
        return "failed"
    if waiting_for:
        return "waiting"
    if held_by:
        return "held"
    return "stopped" if records else "new"


def is_held_next(paths: StudyPaths, n_days: int, held_by: Sequence[Held]) -> bool:
    """Return whether what holds is what a study comes to next: the day before has been brought, if there is one.

    Parameters
    ----------
    paths
        The study.
    n_days
        How many days it has.
    held_by
        What holds the session that is to be shown next.
    """
    block = session_to_show(paths, n_days)
    if not held_by or block is None:
        return False
    before = paths.sequence.before(block)
    folders = [paths.at(before).folder(stage, before.day) for stage in BROUGHT] if before.day != START_DAY else []
    return all((folder / MANIFEST_NAME).is_file() for folder in folders)
