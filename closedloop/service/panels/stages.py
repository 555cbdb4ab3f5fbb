"""Panel: where the study is. The stages of each day, how far the one that runs is, and what today still needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from closedloop.artifacts.gates.held import PERSON, Held
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block, BlockSequence, readable_sequence
from closedloop.artifacts.study import BROUGHT, STAGES, START, START_DAY, StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.service.panels import gates
from closedloop.service.reading.session.under_way import SessionUnderWay, session_under_way
from closedloop.service.reading.study_files import read_document, read_ledger, read_outdated, read_served_protocol
from closedloop.service.stage_words import STAGE_WORDS
from closedloop.study.ledger import StageRecord, of_sessions
from closedloop.study.outdated.told import Outdated, as_outdated, said_of_outdated
from closedloop.study.process.lock import LockHolder, holder_of, waiter_of
from closedloop.study.process.progress import StageProgress, progress_of
from closedloop.study.process.running import RunningStage, running_stage
from closedloop.study.process.state import StudyState, is_held_next
from closedloop.study.process.time_left import expected_s, seconds_of

NAME = "stages"
TITLE = "Stages"

CellState = Literal[
    "done", "running", "stands still", "stopped", "waiting", "being shown", "failed", "stale", "to come"
]


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
        How long it still takes, by its own pace or by earlier days; None where nobody can know.
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
    """The stages of a day, in their order.

    Attributes
    ----------
    left_s
        How long until a person is needed or the day ends; None where nothing runs, or one of its stages is unknown.
    block
        Which of the day's sessions.
    """

    day: int
    stages: tuple[StageCell, ...]
    left_s: float | None = None
    block: int = 1

    @property
    def label(self) -> str:
        """The day's name."""
        return "start" if self.day == START_DAY else Block(self.day, self.block).said

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left."""
        return all(stage.state == "done" for stage in self.stages)


@dataclass(frozen=True)
class Need:
    """What a study needs of a person.

    Attributes
    ----------
    kind
        Why it does not go on; shown: a session is under way, and nothing is needed but its end.
    place
        The day and the stage or the checkpoint.
    said
        What was found, or what is waited for.
    remedy
        What to do, where `said` does not say it.
    anchor
        Where on the page more of it stands; empty where nothing does.
    """

    kind: Literal["held", "waiting", "failed", "shown"]
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
    waiter
        Which process waits on it, and works on it whenever it can.
    today
        The day it is on; None before the first one.
    days
        The study's start and every day up to today.
    n_days
        How many the protocol has; None where it cannot be read.
    damaged
        What could not be read, a line each.
    outdated
        What the next run makes again, by what people decided since, in a line; empty where nothing.
    """

    subject: str
    simulated: bool
    protocol: str
    state: StudyState | Literal["unreadable", "being shown"]
    holder: str | None
    holder_since: str | None
    waiter: str | None
    today: DayStages | None
    days: tuple[DayStages, ...]
    n_days: int | None
    needs: tuple[Need, ...] = ()
    damaged: tuple[str, ...] = ()
    outdated: str = ""

    @property
    def words(self) -> dict[str, str]:
        """What each stage of today does."""
        stages = self.today.stages if self.today else ()
        return {one.name: STAGE_WORDS[one.name] for one in stages if one.name in STAGE_WORDS}


UNREADABLE = StagesPanel("?", False, "?", "unreadable", None, None, None, None, (), None)
"""Of a study that cannot even be looked at."""


def read(paths: StudyPaths) -> StagesPanel:
    """Return where a study is, from its ledger, notes, locks and gates."""
    return look(paths, now=time.time)


def look(paths: StudyPaths, *, now: Callable[[], float]) -> StagesPanel:
    """Return where a study is.

    Parameters
    ----------
    paths
        The study.
    now
        The clock, seconds since 1970.
    """
    damaged: list[str] = []
    document, protocol = _study(paths, damaged), _protocol(paths, damaged)
    sequence = readable_sequence(paths.root)
    holder, waiter = _process(holder_of, paths, damaged), _process(waiter_of, paths, damaged)
    outdated = _outdated(paths, damaged) if holder is None else ()  # a loop comes to them by itself
    records = as_outdated(of_sessions(_ledger(paths, damaged), sequence), outdated)
    running = running_stage(paths, records, is_held=holder is not None, now=now)
    simulated = document is not None and document.simulated
    n_days = protocol.days if protocol else None
    progress = progress_of(paths, records, running, n_days=n_days, simulated=simulated, now=now)
    days = _days(records, running, progress, sequence=sequence, n_days=n_days, simulated=simulated)
    held_by = gates.read(paths).held_by
    is_held = n_days is not None and is_held_next(paths.keeping(sequence), n_days, held_by)
    state: StudyState | Literal["unreadable", "being shown"]
    state = _state(records, running, to_do=None if n_days is None else sequence.blocks(n_days), is_held=is_held)
    needs = (*(map(_hold, held_by) if is_held else ()), *_said(records, is_held=is_held))
    shown = session_under_way(paths) if state == "waiting" else None
    if shown and days and any(_is_shown(need, shown) for need in needs):
        needs = tuple(_shown(need, shown) if _is_shown(need, shown) else need for need in needs)
        if shown.doing != "stopped":
            state, days = "being shown", tuple(_with_session(day, shown) for day in days)
    return StagesPanel(
        subject=document.subject if document else "?",
        simulated=simulated,
        protocol=document.protocol_name if document else "?",
        state=state if document else "unreadable",
        holder=holder.name if holder else None,
        holder_since=holder.since if holder else None,
        waiter=waiter.name if waiter else None,
        today=days[-1] if days else None,
        days=days,
        n_days=n_days,
        needs=needs,
        damaged=tuple(damaged),
        outdated=said_of_outdated(paths.root, outdated),
    )


def _study(paths: StudyPaths, damaged: list[str]) -> StudyDocument | None:
    try:
        return read_document(paths.study)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _protocol(paths: StudyPaths, damaged: list[str]) -> Protocol | None:
    try:
        return read_served_protocol(paths.protocol)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _ledger(paths: StudyPaths, damaged: list[str]) -> tuple[StageRecord, ...]:
    if not paths.ledger.exists():
        return ()
    try:
        return read_ledger(paths.ledger)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return ()


def _outdated(paths: StudyPaths, damaged: list[str]) -> tuple[Outdated, ...]:
    try:
        return read_outdated(paths.root)
    except (ClosedLoopError, OSError) as error:
        if str(error) not in damaged:
            damaged.append(str(error))
        return ()


def _process(of: Callable[[Path], LockHolder | None], paths: StudyPaths, damaged: list[str]) -> LockHolder | None:
    try:
        return of(paths.root)
    except (ClosedLoopError, OSError, ValueError) as error:
        damaged.append(str(error))
        return None


def _state(
    records: Sequence[StageRecord], running: RunningStage | None, *, to_do: Sequence[Block] | None, is_held: bool
) -> StudyState:
    """Return the state; a loop that waits or is held may be there for hours, and is not said to run."""
    states = {record.state for record in records}
    done = (record for record in records if record.stage == "evaluate" and record.state == "done")
    finished = {(record.day, record.block) for record in done}
    if running:
        return "stopped" if running.state == "stopped" else "running"
    if "failed" in states:
        return "failed"
    if is_held:
        return "held"
    if "waiting" in states:
        return "waiting"
    if to_do is not None and finished.issuperset(to_do) and "stale" not in states:
        return "done"
    return "stopped" if records else "new"


def _hold(held: Held) -> Need:
    if held.gate == PERSON:
        return Need("held", "by a person", held.found, anchor=gates.NAME)
    return Need(
        "held",
        f"{Block(held.day, held.block).said} {held.checkpoint}, {held.gate.replace('_', ' ')}",
        f"expected {held.expected}, found {held.found}",
        held.remedy,
        gates.anchor(Block(held.day, held.block), held.checkpoint, held.gate),
    )


def _said(records: Sequence[StageRecord], *, is_held: bool) -> Iterator[Need]:
    """Yield what the loop said when it stopped; what a held study would wait for comes later."""
    for record in records:
        block = Block(record.day, record.block)
        place = record.stage if record.day == START_DAY else f"{block.said} {record.stage}"
        if record.state == "failed":
            yield Need("failed", place, _without(block, record.error))
        if record.state == "waiting" and not is_held:
            yield Need("waiting", place, _without(block, record.error))


def _is_shown(need: Need, shown: SessionUnderWay) -> bool:
    return need.kind == "waiting" and need.place == f"{shown.session.said} present"


def _shown(need: Need, shown: SessionUnderWay) -> Need:
    kind: Literal["waiting", "shown"] = "waiting" if shown.doing == "stopped" else "shown"
    return replace(need, kind=kind, said=shown.line, anchor="session")


def _with_session(day: DayStages, shown: SessionUnderWay) -> DayStages:
    """Return a session that is being shown, with how far it is."""
    if (day.day, day.block) != shown.session:
        return day
    return replace(
        day,
        stages=tuple(
            replace(one, state="being shown", part=shown.part) if one.name == "present" else one for one in day.stages
        ),
    )


def _without(block: Block, said: str | None) -> str:
    """Return what a loop said without the day it begins with: the page says the day before it."""
    return (said or "").removeprefix(f"{block.said}: ")


def _days(
    records: Sequence[StageRecord],
    running: RunningStage | None,
    progress: StageProgress | None,
    *,
    sequence: BlockSequence,
    n_days: int | None,
    simulated: bool,
) -> tuple[DayStages, ...]:
    by_day: dict[Block, dict[str, StageRecord]] = {}
    for record in records:
        by_day.setdefault(Block(record.day, record.block), {})[record.stage] = record
    taken = seconds_of(records)
    days = []
    for block, of_day in sorted(by_day.items()):
        day = block.day
        at_work = progress if progress and (progress.day, progress.block) == block else None
        is_last = n_days is not None and sequence.after(block, n_days) is None
        is_over = day != START_DAY and block not in sequence.of_day(day)
        cells = tuple(
            _cell(
                of_day.get(stage) or stage,
                running if at_work and at_work.stage == stage else None,
                left_s=_left_s(at_work, taken, day, stage, simulated=simulated),
            )
            for stage in _stages(day, is_last=is_last)
            if stage in of_day or not is_over
        )
        days.append(DayStages(day, cells, at_work.day_time_left_s if at_work else None, block.number))
    return tuple(days)


def _stages(day: int, *, is_last: bool) -> tuple[str, ...]:
    if day == START_DAY:
        return (START,)
    return STAGES[:-1] if is_last else STAGES  # the last session queues nothing


def _left_s(
    progress: StageProgress | None, taken: Mapping[tuple[int, str], float], day: int, stage: str, *, simulated: bool
) -> float | None:
    """Return how long a stage takes that is not done; nobody knows it of what a person does."""
    if progress and progress.stage == stage:
        return progress.time_left_s
    return None if stage in BROUGHT and not simulated else expected_s(taken, day=day, stage=stage)


def _cell(record: StageRecord | str, running: RunningStage | None, *, left_s: float | None) -> StageCell:
    if isinstance(record, str):
        return StageCell(record, "to come", left_s=left_s)
    if record.state == "running":
        return _running_cell(record.stage, running, left_s=left_s)
    if record.state == "done":
        return StageCell(record.stage, "done", seconds=record.seconds)
    return StageCell(record.stage, record.state, left_s=left_s, said=record.error or "")


def _running_cell(name: str, running: RunningStage | None, *, left_s: float | None) -> StageCell:
    if running is None:
        return StageCell(name, "stopped", left_s=left_s)
    part = min(running.done / running.total, 1.0) if running.done is not None and running.total else None
    states: dict[str, CellState] = {"moving": "running", "not moving": "stands still", "stopped": "stopped"}
    return StageCell(name, states[running.state], part=part, left_s=left_s, moved=running.moved)
