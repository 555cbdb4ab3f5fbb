"""The loop around small stages that write a line of text: what it runs, what it leaves, where it stops."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.study import STAGES, START_DAY, StudyDocument
from closedloop.errors import DocumentError, ManifestError, SessionError, StudyError
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import Outcome
from tests.unit.messages import refused
from tests.unit.study.labs import Lab, bring_recording, from_stage, half_done, lab
from tests.unit.study.sessions import bring


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


@pytest.mark.parametrize("ends", ["lost", "damaged"])
def test_a_ledger_that_is_lost_is_written_again_from_the_folders(tmp_path: Path, ends: str) -> None:
    made = lab(tmp_path)
    made.run()
    with open_ledger(made.paths.ledger) as ledger:
        before = [(record.day, record.stage, record.state, record.input_hash) for record in ledger.records()]
    if ends == "damaged":
        made.paths.ledger.write_bytes(b"no ledger" * 1000)
        with refused(DocumentError, made.paths.ledger, "Move it aside"):
            made.run()
    made.paths.ledger.unlink()
    assert made.run() == Outcome(None, 1)
    assert made.ran == []
    with open_ledger(made.paths.ledger) as ledger:
        assert [(record.day, record.stage, record.state, record.input_hash) for record in ledger.records()] == before


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


def change_unseen(file: Path) -> bytes:
    """Change a byte of a file as a failing disk does: size and time stay. Return what it was."""
    before, status = file.read_bytes(), file.stat()
    file.write_bytes(before[:-1] + b"?")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    return before


@pytest.mark.parametrize(
    ("stage", "reads"), [("ingest", "recording"), ("refit", "synthesize"), ("schedule", "synthesize")]
)
def test_what_a_stage_reads_is_read_to_its_end_before_whatever_is_remembered_of_it(
    tmp_path: Path, stage: str, reads: str
) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    shutil.rmtree(made.paths.folder(stage, 0))
    file = made.paths.folder(reads, 0) / f"{reads}.txt"
    before = change_unseen(file)
    with refused(ManifestError, file, "found other bytes"):
        made.run()
    assert made.ran == []
    file.write_bytes(before)
    made.run()
    assert made.ran == [f"0 {stage}"]


def test_a_recording_is_sealed_as_it_is_now_and_not_as_it_was_looked_at(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    note = made.paths.folder("recording", 0) / "note.txt"
    with open_ledger(made.paths.ledger) as ledger:
        ledger.checked_sha256(note, made.paths.relative(note))
    change_unseen(note)
    made.run()
    assert read_manifest(note.parent).outputs["note.txt"].sha256 == sha256_file(note)


@pytest.mark.parametrize("stage", ["recording", "present", "evaluate"])
def test_a_file_that_no_manifest_names_is_refused_and_moved_out_the_study_goes_on(tmp_path: Path, stage: str) -> None:
    made = lab(tmp_path, days=1)
    made.run()
    folder = made.paths.folder(stage, 0)
    for name in (".DS_Store", "Thumbs.db", "._array1.nev"):  # of whoever looked into the folder
        (folder / name).write_text("a desktop's")
    made.run()
    (folder / "array1-late.nev").write_text("copied after the day was sealed")
    with refused(
        ManifestError, folder / "array1-late.nev", "expected only the files that manifest.json", "Move it out"
    ):
        made.run()
    (folder / "array1-late.nev").unlink()
    assert made.run() == Outcome(None, 0)
    assert made.ran == []


def test_no_half_written_file_of_a_killed_writer_is_published(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.at["0 ingest"] = lambda context: leave_half(context.working)
    made.run()
    assert {path.name for path in made.paths.folder("ingest", 0).iterdir()} == {"ingest.txt", "manifest.json"}


def leave_half(working: Path) -> None:
    (working / ".responses.h5.4711.tmp").write_text("half")


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
    assert set(read_manifest(made.paths.folder("recording", 0)).outputs) == {"array1.nev", "array1.ns6", "note.txt"}


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


@pytest.mark.parametrize(("stage", "name"), [("present", "journal.jsonl"), ("recording", "array1.nev")])
def test_what_was_brought_is_restored_and_nobody_is_told_to_remove_it(tmp_path: Path, stage: str, name: str) -> None:
    made = recorded(tmp_path)
    file = made.paths.folder(stage, 0) / name
    file.write_bytes(b"other")
    with refused(ManifestError, file, "found other bytes", "Restore it from a copy", "cannot be made again") as caught:
        made.run()
    assert "remove" not in str(caught.value)


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


def test_how_long_attacks_take_is_said_once_before_the_first_are_made(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.durations = {0: "day 0 takes an hour", 1: "day 1 takes two"}
    made.run()
    assert [line for line in made.listener.said if "takes" in line] == ["day 0 takes an hour"]
    made.tamper("plan", 1)
    made.run()
    assert [line for line in made.listener.said if "takes" in line] == ["day 1 takes two"]
