"""A study whose stages are replaced by small ones that write a line of text, and who listens to its loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import Presentation, TrialStarted
from closedloop.artifacts.gates.report import Checkpoint, GateFinding, GateReport
from closedloop.artifacts.manifest import MANIFEST_NAME, describe_files, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256, read_protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import STAGES, START_DAY, StudyDocument, StudyPaths
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from closedloop.study.completeness.looks import Patience
from closedloop.study.gates.checkpoints import GateKeeper
from closedloop.study.loop import Outcome, run_study
from closedloop.study.table import STAGE_TABLE, Stage, StageTable
from tests.unit.days import SMOKE
from tests.unit.study.sessions import STUDY_ID, write_schedule

_RECORDED_S = 6.0  # the sessions of these tests are over by then


def _nobody(_paths: StudyPaths, _study: StudyDocument, _protocol: Protocol, *, day: int, n_days: int) -> None:
    """Look ahead in a study whose stages are replaced: nothing can be foreseen of them."""


@dataclass
class Listener:
    """A reporter that remembers."""

    begun: list[tuple[int, str, int]] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:
        self.begun.append((day, stage, attempt))
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        assert seconds >= 0
        self.ended.append((day, stage))

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Lab:
    """A study, and its stages replaced by one that writes what it was given; `at` lets something happen in one."""

    paths: StudyPaths
    at: dict[str, Callable[[StageContext], None]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    table: StageTable = STAGE_TABLE
    patience: Patience = field(default_factory=lambda: Patience(settle_s=0))
    listener: Listener = field(default_factory=Listener)
    durations: dict[int, str] = field(default_factory=dict)
    finds: dict[tuple[int, Checkpoint], tuple[GateFinding, ...]] = field(default_factory=dict)
    asked: list[tuple[int, Checkpoint]] = field(default_factory=list)

    def run(self, *, days: int | None = None) -> Outcome:
        """Run the loop; `ran` and `listener` are of this run alone."""
        self.ran, self.listener, self.asked = [], Listener(), []
        return run_study(self.paths, self.listener, days=days, table=self.small_table, patience=self.patience)

    @property
    def small_table(self) -> StageTable:
        """The stages, each replaced."""
        day = tuple(self._fake(stage) for stage in self.table.day)
        return StageTable(
            self._fake(self.table.start),
            day,
            report=lambda _paths, _outdated: None,
            foresee=_nobody,
            say_wait=lambda _paths, _study, _protocol, *, day: "",
            say_duration=lambda _paths, _protocol, _workers, *, day: self.durations.get(day, ""),
            gates=self.gates,
        )

    @property
    def gates(self) -> GateKeeper:
        """Who finds what the test says: the real gates read documents that these stages do not write."""
        return GateKeeper(self._evaluate_gates, lambda _report, _paths, _protocol, *, asks_machine: False)

    def _evaluate_gates(
        self, paths: StudyPaths, study: StudyDocument, protocol: Protocol, day: int, checkpoint: Checkpoint
    ) -> GateReport:
        self.asked.append((day, checkpoint))
        return GateReport(
            simulated=study.simulated,
            day=day,
            block=paths.block(day).number,
            checkpoint=checkpoint,
            made_from={"protocol": protocol.name},
            findings=self.finds.get((day, checkpoint), ()),
        )

    def _fake(self, stage: Stage) -> Stage:
        return replace(stage, work=partial(self._work, stage))

    def _work(self, stage: Stage, context: StageContext) -> None:
        name = stage.name if context.day == START_DAY else f"{context.block.seed_name} {stage.name}"
        self.ran.append(name)
        if name in self.at:
            self.at[name](context)
        if stage.name == "schedule" and not context.simulated:
            write_schedule(context.working, context.day, block=context.block.number)
        known = {section: getattr(context.protocol, section) for section in stage.sections}
        sections = {section: one.model_dump() if isinstance(one, BaseModel) else one for section, one in known.items()}
        folders = stage.inputs(context.paths, context.day)
        read = [sha256_file(path) for folder in folders for path in folder.glob("*.*") if path.name != MANIFEST_NAME]
        told = [dict(context.decided)] if context.decided else []
        text = json.dumps([name, context.seed(), sections, sorted(read), *told])
        (context.working / f"{stage.name}.txt").write_text(text)

    def edit_protocol(self, old: str, new: str) -> None:
        text = self.paths.protocol.read_text()
        assert old in text
        self.paths.protocol.write_text(text.replace(old, new))

    def tamper(self, stage: str, day: int) -> None:
        """Change a published file and its manifest with it, as a stage that ran again elsewhere would."""
        folder = self.paths.folder(stage, day)
        with next(folder.glob("*.txt")).open("a") as file:
            file.write("other")
        manifest = read_manifest(folder)
        manifest.model_copy(update={"outputs": describe_files(folder)}).write(folder / "manifest.json")


def lab(root: Path, *, days: int = 2, simulated: bool = True, rounds: int = 1) -> Lab:
    """Make a study of smoke.yaml with more days, each after day 0 cut into rounds."""
    paths = StudyPaths(root)
    root.mkdir(parents=True, exist_ok=True)
    cut = f"rounds: {rounds}\n" if rounds > 1 else ""
    paths.protocol.write_text(SMOKE.read_text().replace("days: 1 ", f"days: {days} ") + cut)
    StudyDocument(
        simulated=simulated,
        study_id=STUDY_ID,
        subject="nobody",
        protocol_name="smoke",
        protocol_sha256=protocol_sha256(read_protocol(paths.protocol)),
        code_version="0",
        arrays=("array1",),
        rounds=rounds,
        pool=PoolDescription(kind="procedural", side_px=32, seed=1, n_categories=4, n_per_category=4),
        base_model="small_resnet_robust",
    ).write(paths.study)
    return Lab(paths)


def from_stage(stage: str, day: int, *, until: int) -> list[str]:
    """Name everything from a stage of a day to the evaluation of the last day before `until`."""
    names = [f"{of} {name}" for of in range(until) for name in STAGES if (of, name) != (until - 1, "queue")]
    return names[names.index(f"{day} {stage}") :]


def half_done(context: StageContext) -> None:
    """Leave some work behind and end as a killed process would: nothing after this line runs."""
    context.scratch.mkdir()
    (context.scratch / "shard").write_text("half")
    raise KeyboardInterrupt


def bring_recording(paths: StudyPaths, day: int, *, comment: str = "") -> None:
    """Write what a recorder leaves that was started before the rig and stopped after it."""
    rows = read_journal(JOURNAL.published(paths, day)).rows
    shown = [row for row in rows if isinstance(row, Presentation | TrialStarted)]
    codes = [(row.onset_s if isinstance(row, Presentation) else row.time_s, row.code) for row in shown]
    folder = paths.folder("recording", day)
    folder.mkdir()
    write_nev(
        folder / "array1.nev",
        [NevElectrode(1, "elec1")],
        specification="2.3",
        batches=[
            NevBatch(
                spike_tick=np.array([1, _ticks(_RECORDED_S)]),
                spike_electrode=np.array([1, 1]),
                code_tick=np.array([_ticks(time_s) for time_s, _ in codes]),
                code_value=np.array([code for _, code in codes]),
                **({"comment_tick": np.array([3]), "comment_text": (comment,)} if comment else {}),  # type: ignore[arg-type]
            )
        ],
        start=datetime(2024, 5, 6, tzinfo=UTC),
        application="Central 7.6.1",
    )
    write_nsx(
        folder / "array1.ns6",
        [NsxChannel(1, "elec1")],
        rate_hz=30_000,
        specification="2.3",
        chunks=[(0, np.ones((_ticks(_RECORDED_S), 1), np.int16))],
        start=datetime(2024, 5, 6, tzinfo=UTC),
    )
    (folder / "note.txt").write_text("a recording")


def _ticks(time_s: float) -> int:
    """Return the recorder's ticks at a time of the rig's clock: it was started a second earlier."""
    return round((time_s + 1) * 30_000)
