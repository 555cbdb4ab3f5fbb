"""A study whose stages are replaced by small ones that write a line of text, and who listens to its loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from closedloop.artifacts.manifest import describe_files, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.study import STAGES, START_DAY, PoolDescription, StudyDocument, StudyPaths
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from closedloop.study.loop import Outcome, run_study
from closedloop.study.table import STAGE_TABLE, Stage, StageTable
from tests.unit.days import SMOKE
from tests.unit.study.sessions import STUDY_ID, write_schedule


@dataclass
class Listener:
    """A reporter that remembers."""

    begun: list[tuple[int, str, int]] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self, day: int, stage: str, attempt: int) -> ProgressCallback:
        self.begun.append((day, stage, attempt))
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float) -> None:
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
    listener: Listener = field(default_factory=Listener)

    def run(self, *, days: int | None = None) -> Outcome:
        """Run the loop; `ran` and `listener` are of this run alone."""
        self.ran, self.listener = [], Listener()
        day = tuple(self._fake(stage) for stage in self.table.day)
        table = StageTable(self._fake(self.table.start), day, report=lambda _paths: None)
        return run_study(self.paths, self.listener, days=days, table=table)

    def _fake(self, stage: Stage) -> Stage:
        return replace(stage, work=partial(self._work, stage))

    def _work(self, stage: Stage, context: StageContext) -> None:
        name = stage.name if context.day == START_DAY else f"{context.day} {stage.name}"
        self.ran.append(name)
        if name in self.at:
            self.at[name](context)
        if stage.name == "schedule" and not context.simulated:
            write_schedule(context.working, context.day)
        sections = {section: getattr(context.protocol, section).model_dump() for section in stage.sections}
        read = [sha256_file(path) for folder in stage.inputs(self.paths, context.day) for path in folder.glob("*.txt")]
        text = json.dumps([name, context.seed(), sections, sorted(read)])
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


def lab(root: Path, *, days: int = 2, simulated: bool = True) -> Lab:
    """Make a study of smoke.yaml with more days."""
    paths = StudyPaths(root)
    root.mkdir(parents=True, exist_ok=True)
    paths.protocol.write_text(SMOKE.read_text().replace("days: 1 ", f"days: {days} "))
    StudyDocument(
        simulated=simulated,
        study_id=STUDY_ID,
        subject="nobody",
        protocol_name="smoke",
        protocol_sha256=protocol_sha256(read_protocol(paths.protocol)),
        code_version="0",
        arrays=("array1",),
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


def bring_recording(paths: StudyPaths, day: int) -> None:
    folder = paths.folder("recording", day)
    folder.mkdir()
    (folder / "array1.nev").touch()
    (folder / "note.txt").write_text("a recording")
