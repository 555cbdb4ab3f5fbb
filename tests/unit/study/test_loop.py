"""The loop around small stages that write a line of text: what it runs, what it leaves, where it stops."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL, REPORT
from closedloop.artifacts.manifest import describe_files, read_manifest
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.study import STAGES, START_DAY, PoolDescription, StudyDocument, StudyPaths
from closedloop.errors import ManifestError, SessionError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import Outcome, run_study
from closedloop.study.table import STAGE_TABLE, Stage, StageTable
from tests.unit.days import SMOKE
from tests.unit.messages import refused
from tests.unit.study.sessions import STUDY_ID, bring, session_document

LATER = 4_000_000_000  # a page newer than anything: the loop draws no report of the lines


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
        table = StageTable(self._fake(self.table.start), tuple(self._fake(stage) for stage in self.table.day))
        return run_study(self.paths, self.listener, days=days, table=table)

    def _fake(self, stage: Stage) -> Stage:
        return replace(stage, work=partial(self._work, stage))

    def _work(self, stage: Stage, context: StageContext) -> None:
        name = stage.name if context.day == START_DAY else f"{context.day} {stage.name}"
        self.ran.append(name)
        if name in self.at:
            self.at[name](context)
        if stage.name == "schedule" and not context.simulated:
            session_document(context.day).write(context.working / "session.json")
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
    paths.report.mkdir(parents=True)
    (paths.report / REPORT.name).touch()
    os.utime(paths.report / REPORT.name, (LATER, LATER))
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


def test_stages_run_in_their_order_and_the_last_day_queues_nothing(tmp_path: Path) -> None:
    made = lab(tmp_path)
    assert made.run() == Outcome(None, 1)
    assert made.ran == ["start", *(f"0 {name}" for name in STAGES), *(f"1 {name}" for name in STAGES[:-1])]
    assert [day for day, _, _ in made.listener.begun] == [START_DAY, *[0] * 9, *[1] * 8]
    assert made.listener.ended == [(day, stage) for day, stage, _ in made.listener.begun]


def test_a_finished_study_does_no_work_and_more_days_go_on_from_it(tmp_path: Path) -> None:
    made = lab(tmp_path, days=3)
    assert made.run(days=1) == Outcome(None, 0)
    assert made.run(days=1) == Outcome(None, 0)
    assert made.ran == []
    made.run()
    assert made.ran == from_stage("queue", 0, until=3)


def test_a_manifest_says_what_was_read_and_written(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run(days=1)
    manifest = read_manifest(made.paths.folder("synthesize", 0))
    assert (manifest.stage, manifest.day, manifest.simulated) == ("synthesize", 0, True)
    assert set(manifest.outputs) == {"synthesize.txt"}
    assert set(manifest.inputs) == {"day-00/plan/plan.txt", "start/start.txt"}
    assert manifest.inputs["start/start.txt"] == read_manifest(made.paths.start).outputs["start.txt"].sha256
    assert read_manifest(made.paths.start).day is None


def fail(error: BaseException) -> Callable[[StageContext], None]:
    def work(_context: StageContext) -> None:
        raise error

    return work


def test_after_an_error_the_same_command_goes_on_with_a_second_attempt(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.at["0 ingest"] = fail(SessionError("the disk of the recorder is missing"))
    with pytest.raises(SessionError, match="recorder is missing"):
        made.run()
    assert not made.paths.folder("ingest", 0).exists()
    with open_ledger(made.paths.ledger) as ledger:
        last = ledger.records()[-1]
    assert (last.stage, last.state, last.error) == ("ingest", "failed", "the disk of the recorder is missing")
    made.at.clear()
    assert made.run() == Outcome(None, 1)
    assert made.ran == from_stage("ingest", 0, until=2)
    assert made.listener.begun[0] == (0, "ingest", 2)
    assert {attempt for _, _, attempt in made.listener.begun[1:]} == {1}


def half_done(context: StageContext) -> None:
    """Leave some work behind and end as a killed process would: nothing after this line runs."""
    context.scratch.mkdir()
    (context.scratch / "shard").write_text("half")
    raise KeyboardInterrupt


def test_a_killed_stage_finds_its_own_work_again_and_publishes_none_of_it(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.at["0 refit"] = half_done
    with pytest.raises(KeyboardInterrupt):
        made.run()
    found: list[str] = []
    made.at["0 refit"] = lambda context: found.append((context.scratch / "shard").read_text())
    made.run()
    assert found == ["half"]
    assert made.ran[0] == "0 refit"
    assert sorted(path.name for path in made.paths.folder("refit", 0).iterdir()) == ["manifest.json", "refit.txt"]
    assert not made.paths.working("refit", 0).exists()


def test_half_done_work_of_other_inputs_is_thrown_away(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.at["0 refit"] = half_done
    with pytest.raises(KeyboardInterrupt):
        made.run()
    made.edit_protocol("epochs: 2 ", "epochs: 3 ")
    found: list[bool] = []
    made.at["0 refit"] = lambda context: found.append(context.scratch.exists())
    made.run()
    assert found == [False]


def test_a_section_makes_the_stage_stale_that_declares_it_and_then_whoever_reads_its_files(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run()
    made.edit_protocol("epochs: 2 ", "epochs: 3 ")
    made.run()
    assert made.ran == ["0 refit", *from_stage("synthesize", 1, until=2)]
    assert made.listener.said[:2] == [
        "day-00 refit is stale (the protocol or the study changed); it runs again, and so does what follows from it.",
        "day-01 synthesize is stale (day-00/refit/refit.txt changed); it runs again, and so does what follows from it.",
    ]


def test_a_stage_run_again_with_the_same_result_makes_nothing_stale(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run()
    before = (made.paths.folder("refit", 0) / "refit.txt").read_bytes()
    (made.paths.folder("refit", 0) / "manifest.json").unlink()
    made.run()
    assert made.ran == ["0 refit"]
    assert (made.paths.folder("refit", 0) / "refit.txt").read_bytes() == before


def test_what_no_stage_declares_makes_none_stale(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run()
    made.edit_protocol("name: smoke", "name: renamed")
    made.edit_protocol("epochs: 2 ", "epochs: 2  # measured ")
    made.run()
    assert (made.ran, made.listener.said) == ([], [])


def test_another_seed_is_another_experiment(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run()
    made.edit_protocol("seed: 2022 ", "seed: 2023 ")
    made.run()
    assert made.ran == ["start", *from_stage("plan", 0, until=2)]


@pytest.mark.parametrize("damage", ["byte", "gone"])
def test_a_published_file_that_is_not_what_its_manifest_promises_stops_the_loop(tmp_path: Path, damage: str) -> None:
    made = lab(tmp_path)
    made.run()
    file = made.paths.folder("ingest", 0) / "ingest.txt"
    content = file.read_bytes()
    file.unlink()
    if damage == "byte":
        file.write_bytes(content[:-1] + b"?")
    with refused(ManifestError, file, "found other bytes" if damage == "byte" else "found no file", "Restore"):
        made.run()
    assert made.ran == []


def test_a_stage_cannot_look_at_a_section_that_would_not_make_it_stale(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.at["0 plan"] = lambda context: print(context.protocol.recording)  # noqa: T201 - it never comes to that
    with pytest.raises(AttributeError, match=r"stage plan: protocol\.recording .* study/table\.py"):
        made.run()


def test_a_stage_cannot_read_a_folder_that_would_not_make_it_stale(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.at["0 queue"] = lambda context: print(context.read(JOURNAL))  # noqa: T201 - it never comes to that
    with pytest.raises(AttributeError, match=r"stage queue: day-00/present/journal\.jsonl .* study/table\.py"):
        made.run()


def older_version(table: StageTable) -> StageTable:
    """The table of a version that did not know which sections some of its stages read."""
    day = tuple(
        replace(stage, sections=tuple(name for name in stage.sections if name not in stage.undeclared), undeclared=())
        for stage in table.day
    )
    return replace(table, day=day)


def test_a_study_of_a_version_that_declared_fewer_sections_stands_as_it_is(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.table = older_version(STAGE_TABLE)
    made.run()
    made.table = STAGE_TABLE
    assert made.run() == Outcome(None, 1)
    assert (made.ran, made.listener.said) == ([], [])


def test_and_is_stale_where_it_may_have_read_what_changed(tmp_path: Path) -> None:
    """`fit.ridge` decides refit alone; of an older schedule nobody knows what it read, so that it runs again."""
    made = lab(tmp_path)
    made.table = older_version(STAGE_TABLE)
    made.run(days=1)
    made.table = STAGE_TABLE
    made.edit_protocol("ridge: 0.1 ", "ridge: 0.2 ")
    made.run(days=1)
    assert made.ran == ["0 schedule", *(f"0 {name}" for name in STAGES[3:8])]


def test_a_study_of_this_version_is_not_stale_by_the_same_change(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run(days=1)
    made.edit_protocol("ridge: 0.1 ", "ridge: 0.2 ")
    made.run(days=1)
    assert made.ran == ["0 refit"]


def bring_recording(paths: StudyPaths, day: int) -> None:
    folder = paths.folder("recording", day)
    folder.mkdir()
    (folder / "array1.nev").touch()
    (folder / "note.txt").write_text("a recording")


def test_a_real_study_waits_for_the_session_and_then_for_its_recording(tmp_path: Path) -> None:
    made = lab(tmp_path, simulated=False)
    waiting = made.run()
    assert made.ran == ["start", "0 plan", "0 synthesize", "0 schedule"]
    assert (waiting.day, str(waiting.waiting_for)[:31]) == (0, "day 0: the session is ready. Re")
    assert made.run() == waiting
    bring(made.paths, 0)
    waiting = made.run()
    assert str(waiting.waiting_for).startswith("day 0: copy the session's .nev")
    assert made.ran == []
    bring_recording(made.paths, 0)
    waiting = made.run()
    assert made.ran == [*from_stage("ingest", 0, until=2)[:4], "1 plan", "1 synthesize", "1 schedule"]
    assert str(waiting.waiting_for).startswith("day 1: the session is ready")
    assert set(read_manifest(made.paths.folder("recording", 0)).outputs) == {"array1.nev", "note.txt"}


def recorded(root: Path) -> Lab:
    """A real study whose day 0 is done."""
    made = lab(root, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    assert made.run() == Outcome(None, 0)
    return made


@pytest.mark.parametrize(
    ("stage", "reads"),
    [("plan", "start"), ("synthesize", "plan"), ("schedule", "synthesize"), ("present", "schedule")],
)
def test_what_a_day_was_recorded_with_is_never_made_again(tmp_path: Path, stage: str, reads: str) -> None:
    made = recorded(tmp_path)
    made.tamper(reads, START_DAY if reads == "start" else 0)
    before = read_manifest(made.paths.folder(stage, 0))
    with refused(StudyError, made.paths.folder(stage, 0), "expected what day 0 was recorded with", "txt changed"):
        made.run()
    assert made.ran == []
    assert read_manifest(made.paths.folder(stage, 0)) == before


def test_nor_is_the_start_that_day_0_was_recorded_with(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    study = StudyDocument.read(made.paths.study)
    study.model_copy(update={"base_model": "another"}).write(made.paths.study)
    with refused(StudyError, made.paths.start, "expected what day 0 was recorded with", "study changed"):
        made.run()
    assert made.ran == []


def test_what_is_made_of_a_recording_may_be_made_again(tmp_path: Path) -> None:
    made = recorded(tmp_path)
    made.tamper("recording", 0)
    made.run()
    assert made.ran == ["0 ingest", "0 refit", "0 evaluate"]


def half_done_by_an_older_version(made: Lab, stage: str) -> list[bool]:
    """Kill a stage in the version that declared fewer sections; return whether this one finds its work again."""
    made.table = older_version(STAGE_TABLE)
    made.at[f"0 {stage}"] = half_done
    with pytest.raises(KeyboardInterrupt):
        made.run()
    found: list[bool] = []
    made.at[f"0 {stage}"] = lambda context: found.append(context.scratch.exists())
    made.table = STAGE_TABLE
    made.run()
    return found


@pytest.mark.parametrize("stage", ["refit", "evaluate"])
def test_half_done_work_of_an_older_version_is_kept_in_a_real_study(tmp_path: Path, stage: str) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    assert half_done_by_an_older_version(made, stage) == [True]


@pytest.mark.parametrize("stage", ["refit", "evaluate"])
def test_in_a_simulated_study_it_begins_again_since_the_protocol_may_have_changed(tmp_path: Path, stage: str) -> None:
    assert half_done_by_an_older_version(lab(tmp_path, days=1), stage) == [False]


def test_before_a_recording_a_real_study_makes_again_what_is_stale(tmp_path: Path) -> None:
    made = lab(tmp_path, simulated=False)
    made.run()
    made.tamper("plan", 0)
    made.run()
    assert made.ran == ["0 synthesize", "0 schedule"]


def test_a_simulated_day_is_recorded_again(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    made.tamper("plan", 0)
    made.run()
    assert made.ran == from_stage("synthesize", 0, until=1)
