"""Panel: where the study is. The stages of each day, how far the one that runs is, and what today still needs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.artifacts.gates.held import PERSON, Held
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import BROUGHT, STAGES, START, START_DAY, StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.service.panels import gates
from closedloop.service.unchanged import while_unchanged
from closedloop.study.ledger import StageRecord, read_records
from closedloop.study.process.lock import LockHolder, holder_of
from closedloop.study.process.running import RunningStage, running_stage
from closedloop.study.process.state import StudyState, is_held_next

NAME = "stages"
TITLE = "Stages"

CellState = Literal["done", "running", "stands still", "stopped", "waiting", "failed", "stale", "to come"]


@dataclass(frozen=True)
class StageCell:
    """A stage of a day.

    Attributes
    ----------
    seconds
        How long it took, once done.
    part
        How far it is, 0 to 1, where it says so.
    left_s
        How long it will still take: from how far it is, or from what it took on earlier days; None where neither says.
    moved
        When the stage that runs last moved on, ISO 8601, UTC.
    said
        What it waits for, or why it failed.
    """

    name: str
    state: CellState
    seconds: float | None = None
    part: float | None = None
    left_s: float | None = None
    moved: str | None = None
    said: str = ""


@dataclass(frozen=True)
class DayStages:
    """The stages of a day, in their order."""

    day: int
    stages: tuple[StageCell, ...]

    @property
    def label(self) -> str:
        """The day's name."""
        return "start" if self.day == START_DAY else f"day {self.day}"

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left."""
        return all(stage.state == "done" for stage in self.stages)

    @property
    def left_s(self) -> float | None:
        """What its remaining stages take, as far as earlier days tell; None where they tell nothing."""
        known = [stage.left_s for stage in self.stages if stage.left_s is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class Need:
    """What a study needs of a person.

    Attributes
    ----------
    kind
        Why it does not go on.
    place
        The day and the stage or the checkpoint.
    said
        What was found, or what is waited for.
    remedy
        What to do, where `said` does not say it.
    anchor
        Where on the page more of it stands; empty where nothing does.
    """

    kind: Literal["held", "waiting", "failed"]
    place: str
    said: str
    remedy: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class StagesPanel:
    """Where a study is.

    Attributes
    ----------
    state
        In one word: what the overview and the page's head say.
    needs
        What the study needs of a person now: the first of them is what it stands at.
    holder, holder_since
        Which process works on it, and since when (ISO 8601, UTC).
    today
        The day it is on; None before the first one.
    days
        The study's start and every day up to today.
    n_days
        How many the protocol has; None where it cannot be read.
    damaged
        What could not be read, a line each.
    """

    subject: str
    simulated: bool
    protocol: str
    state: StudyState | Literal["unreadable"]
    holder: str | None
    holder_since: str | None
    today: DayStages | None
    days: tuple[DayStages, ...]
    n_days: int | None
    needs: tuple[Need, ...] = ()
    damaged: tuple[str, ...] = ()


def read(paths: StudyPaths) -> StagesPanel:
    """Return where a study is, from its ledger, notes and lock."""
    damaged: list[str] = []
    document = _study(paths, damaged)
    protocol = _protocol(paths, damaged)
    records = _ledger(paths, damaged)
    holder = _holder(paths, damaged)
    running = running_stage(paths, records, is_held=holder is not None)
    n_days = protocol.days if protocol else None
    days = _days(records, running, n_days=n_days, simulated=document is not None and document.simulated)
    held_by = gates.read(paths).held_by
    is_held = n_days is not None and is_held_next(paths, n_days, held_by)
    state = _state(records, running, n_days=n_days, is_held=is_held)
    return StagesPanel(
        subject=document.subject if document else "?",
        simulated=document is not None and document.simulated,
        protocol=document.protocol_name if document else "?",
        state=state if document else "unreadable",
        holder=holder.name if holder else None,
        holder_since=holder.since if holder else None,
        today=days[-1] if days else None,
        days=days,
        n_days=n_days,
        needs=(*(map(_hold, held_by) if is_held else ()), *_said(records, is_held=is_held)),
        damaged=tuple(damaged),
    )


@while_unchanged()
def _read_document(path: Path) -> StudyDocument:
    return StudyDocument.read(path)


@while_unchanged()
def _read_protocol(path: Path) -> Protocol:
    return read_protocol(path)


def _with_log(ledger: Path) -> tuple[Path, ...]:
    return ledger, ledger.with_name(f"{ledger.name}-wal")


@while_unchanged(files=_with_log)
def _read_ledger(path: Path) -> tuple[StageRecord, ...]:
    return read_records(path)


def _study(paths: StudyPaths, damaged: list[str]) -> StudyDocument | None:
    try:
        return _read_document(paths.study)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _protocol(paths: StudyPaths, damaged: list[str]) -> Protocol | None:
    try:
        return _read_protocol(paths.protocol)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _ledger(paths: StudyPaths, damaged: list[str]) -> tuple[StageRecord, ...]:
    if not paths.ledger.exists():
        return ()
    try:
        return _read_ledger(paths.ledger)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return ()


def _holder(paths: StudyPaths, damaged: list[str]) -> LockHolder | None:
    try:
        return holder_of(paths.root)
    except (ClosedLoopError, OSError, ValueError) as error:
        damaged.append(str(error))
        return None


def _state(
    records: Sequence[StageRecord], running: RunningStage | None, *, n_days: int | None, is_held: bool
) -> StudyState:
    """Return the state; a loop that waits or is held may be there for hours, and is not said to run."""
    states = {record.state for record in records}
    finished = sum(record.stage == "evaluate" and record.state == "done" for record in records)
    if running:
        return "stopped" if running.state == "stopped" else "running"
    if "failed" in states:
        return "failed"
    if is_held:
        return "held"
    if "waiting" in states:
        return "waiting"
    if n_days is not None and finished >= n_days:
        return "done"
    return "stopped" if records else "new"


def _hold(held: Held) -> Need:
    if held.gate == PERSON:
        return Need("held", "by a person", held.found, anchor=gates.NAME)
    return Need(
        "held",
        f"day {held.day} {held.checkpoint}, {held.gate.replace('_', ' ')}",
        f"expected {held.expected}, found {held.found}",
        held.remedy,
        gates.anchor(held.day, held.checkpoint, held.gate),
    )


def _said(records: Sequence[StageRecord], *, is_held: bool) -> Iterator[Need]:
    """Yield what the loop said when it stopped; what a held study would wait for comes later."""
    for record in records:
        place = record.stage if record.day == START_DAY else f"day {record.day} {record.stage}"
        if record.state == "failed":
            yield Need("failed", place, record.error or "")
        if record.state == "waiting" and not is_held:
            yield Need("waiting", place, record.error or "")


def _days(
    records: Sequence[StageRecord], running: RunningStage | None, *, n_days: int | None, simulated: bool
) -> tuple[DayStages, ...]:
    by_day: dict[int, dict[str, StageRecord]] = {}
    for record in records:
        by_day.setdefault(record.day, {})[record.stage] = record
    return tuple(
        DayStages(
            day,
            tuple(
                _cell(stage, of_day.get(stage), running, left_s=_usual(records, day, stage, simulated=simulated))
                for stage in _stages(day, n_days)
            ),
        )
        for day, of_day in sorted(by_day.items())
    )


def _stages(day: int, n_days: int | None) -> tuple[str, ...]:
    if day == START_DAY:
        return (START,)
    return STAGES[:-1] if day + 1 == n_days else STAGES  # the last day queues nothing


def _usual(records: Sequence[StageRecord], day: int, stage: str, *, simulated: bool) -> float | None:
    """Return what a stage took on earlier days, their median; nobody knows when a person brings files."""
    if stage in BROUGHT and not simulated:
        return None
    took = [
        record.seconds
        for record in records
        if record.stage == stage and record.day < day and record.state == "done" and record.seconds is not None
    ]
    return statistics.median(took) if took else None


def _cell(name: str, record: StageRecord | None, running: RunningStage | None, *, left_s: float | None) -> StageCell:
    if record is None:
        return StageCell(name, "to come", left_s=left_s)
    if record.state == "running":
        return _running_cell(name, record, running, left_s=left_s)
    if record.state == "done":
        return StageCell(name, "done", seconds=record.seconds)
    return StageCell(name, record.state, left_s=left_s, said=record.error or "")


def _running_cell(name: str, record: StageRecord, running: RunningStage | None, *, left_s: float | None) -> StageCell:
    if running is None or (running.day, running.stage) != (record.day, record.stage):
        return StageCell(name, "stopped", left_s=left_s)
    part = min(running.done / running.total, 1.0) if running.done is not None and running.total else None
    states: dict[str, CellState] = {"moving": "running", "not moving": "stands still", "stopped": "stopped"}
    if left_s is not None and part is not None:
        left_s *= 1 - part
    return StageCell(name, states[running.state], part=part, left_s=left_s, moved=running.moved)
