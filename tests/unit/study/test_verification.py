"""Reading a whole study, on one whose stages write a line of text: bytes, strangers, what follows from what."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import REPORT_RECORD
from closedloop.artifacts.gates.report import GateFinding, GateReport, gate_report_path
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.pages import PagesRecord
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.brought import replace_recording
from closedloop.errors import ManifestError, StudyError
from closedloop.models.shipped import shipped_weights
from closedloop.storage import sha256_file
from closedloop.study.amending.exclusions import Things, exclude
from closedloop.study.amending.sessions import add_block, skip_day
from closedloop.study.inputs import record_inputs
from closedloop.study.ledger import owner_name
from closedloop.study.loop import read_identity
from closedloop.study.steps import Steps
from closedloop.study.table import STAGE_TABLE
from closedloop.study.verification.findings import Findings
from closedloop.study.verification.study import Verification, verify_study
from closedloop.study.verification.surroundings import check_base_model
from tests.unit.messages import refused
from tests.unit.study.amending.decided_labs import scheduled
from tests.unit.study.labs import Lab, lab
from tests.unit.study.sessions import bring


def done(root: Path, *, simulated: bool = True) -> Lab:
    made = lab(root, days=1, simulated=simulated)
    made.run()
    return made


def verified(made: Lab) -> Verification:
    """Read the study whole, with the gates that its loop asked."""
    return verify_study(made.paths, table=replace(STAGE_TABLE, gates=made.gates))


def faults(made: Lab) -> list[tuple[str, str]]:
    """Return (kind, message), without those about the documents that these stages do not write."""
    found = verified(made).faults
    no_documents = ("names no such file", "summary.json", "session.json", "journal.jsonl")
    return [(one.kind, one.message) for one in found if not any(words in one.message for words in no_documents)]


def test_a_study_as_it_was_published_is_whole(tmp_path: Path) -> None:
    made = done(tmp_path)
    assert faults(made) == []
    found = verified(made)
    assert isinstance(found, Verification)
    assert found.n_files == 14  # a file a stage, inputs.json, the base model, three reports of gates


def test_a_byte_that_changed_behind_size_and_time_is_found_without_the_ledger(tmp_path: Path) -> None:
    made = done(tmp_path)
    path = made.paths.folder("recording", 0) / "recording.txt"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    made.run()  # it has nothing to do, and remembers
    assert made.ran == []
    ((kind, message),) = faults(made)
    assert (kind, message.partition(":")[0]) == ("bytes", str(path))
    made.paths.ledger.unlink()
    assert faults(made) == [(kind, message)]


def test_a_late_file_a_hidden_one_and_a_folder_without_a_manifest_are_named(tmp_path: Path) -> None:
    made = done(tmp_path)
    late = made.paths.folder("recording", 0) / "late.nev"
    hidden = made.paths.folder("ingest", 0) / ".responses.h5.1.tmp"
    late.touch()
    hidden.touch()
    (made.paths.folder("recording", 0) / ".DS_Store").touch()
    (made.paths.folder("evaluate", 0) / "manifest.json").unlink()
    assert [(kind, message.partition(": ")[0]) for kind, message in faults(made)] == [
        ("unlisted", str(late)),
        ("leftover", str(hidden)),
        ("bytes", str(made.paths.folder("evaluate", 0))),
    ]


def test_what_is_stale_or_has_lost_what_it_was_made_from_is_named(tmp_path: Path) -> None:
    made = done(tmp_path)
    made.tamper("plan", 0)
    assert ("inputs", "day-00/plan/plan.txt changed") in [
        (k, m.partition("(")[2].partition(")")[0]) for k, m in faults(made)
    ]
    shutil.rmtree(made.paths.folder("plan", 0))
    ((kind, message),) = faults(made)
    assert kind == "inputs"
    assert message.startswith(f"{made.paths.folder('synthesize', 0)}: expected the folders that it was made from")


def test_a_real_study_whose_protocol_was_edited_is_named(tmp_path: Path) -> None:
    made = done(tmp_path, simulated=False)
    made.edit_protocol("epochs: 2 ", "epochs: 3 ")
    assert [message.partition(":")[0] for kind, message in faults(made) if kind == "study"] == [
        str(made.paths.protocol)
    ]


def test_a_session_that_is_not_sealed_yet_and_a_study_without_a_list_are_notes(tmp_path: Path) -> None:
    made = done(tmp_path, simulated=False)
    bring(made.paths, 0)
    shutil.rmtree(made.paths.inputs)
    notes = verified(made).notes
    assert faults(made) == []
    assert [note.partition(": ")[2][:12] for note in notes] == ["not sealed y", "no list of i"]


def test_nothing_is_written(tmp_path: Path) -> None:
    made = done(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    verified(made)
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path, "no study.json"):
        verify_study(StudyPaths(tmp_path))


@pytest.mark.parametrize("name", ["ledger.sqlite", "amendments.jsonl"])
def test_what_is_kept_beside_the_folders_is_read(tmp_path: Path, name: str) -> None:
    made = done(tmp_path)
    (tmp_path / name).write_bytes(b"no such file" * 400)
    ((kind, message),) = faults(made)
    assert kind == "document"
    assert message.startswith(f"{tmp_path / name}")


def test_a_file_that_several_looks_need_is_said_once(tmp_path: Path) -> None:
    """The decisions of people are read for themselves, and for every session and recording that they are about."""
    made = done(tmp_path, simulated=False)
    bring(made.paths, 0)
    made.paths.amendments.write_text("[" * 100)
    assert len([message for _kind, message in faults(made) if message.startswith(str(made.paths.amendments))]) == 1


def edit(folder: Path, **changed: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


EDITS: dict[str, tuple[dict[str, object], str]] = {
    "seed": ({"seed": 7}, "seed 7 for "),
    "protocol": ({"protocol_sha256": "0" * 64}, "a protocol_sha256 that is not the study's"),
    "inputs": ({"inputs": {"day-00/plan/plan.txt": "0" * 64}}, "(day-00/plan/plan.txt"),
    "day": ({"day": 3}, "day 3"),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_manifest_is_named_and_the_loop_does_not_go_on_from_it(tmp_path: Path, case: str) -> None:
    made = lab(tmp_path, days=2, simulated=False)
    made.run()
    folder = made.paths.folder("synthesize", 0)
    changed, said = EDITS[case]
    edit(folder, **changed)
    ((kind, message),) = faults(made)
    assert (kind, message.partition(": ")[0]) == ("document", str(folder / "manifest.json"))
    assert said in message
    with refused(ManifestError, folder / "manifest.json", said, "Restore it from a copy"):
        made.run()


def test_the_manifest_of_the_list_of_images_is_compared_with_the_study(tmp_path: Path) -> None:
    made = done(tmp_path, simulated=False)
    edits: dict[str, object] = {"seed": 7, "input_hash": "0", "inputs": {"a": "b"}}
    for name, value in edits.items():
        before = (made.paths.inputs / "manifest.json").read_bytes()
        edit(made.paths.inputs, **{name: value})
        ((_, message),) = faults(made)
        assert name in message.partition(", found ")[2]
        (made.paths.inputs / "manifest.json").write_bytes(before)


def test_a_simulated_study_whose_protocol_changed_where_nothing_sees_it_is_a_note(tmp_path: Path) -> None:
    made = done(tmp_path)
    edit(made.paths.folder("plan", 0), protocol_sha256="0" * 64)
    assert faults(made) == []
    assert "another protocol" in verified(made).notes[0]


def test_a_study_whose_stages_declared_fewer_sections_stands_and_an_edit_of_it_is_seen(tmp_path: Path) -> None:
    made = done(tmp_path, simulated=False)
    study, protocol = read_identity(made.paths)
    steps = Steps(made.paths, study, protocol, STAGE_TABLE)
    stage = next(stage for stage in STAGE_TABLE.day if stage.undeclared)
    older = steps.step(stage, FIRST)
    edit(older.folder, input_hash=older.older_input_hash)
    assert faults(made) == []
    edit(older.folder, seed=7)
    assert len(faults(made)) == 1


def test_pages_drawn_from_other_files_than_are_there_are_named(tmp_path: Path) -> None:
    made = done(tmp_path)
    drawn_from = {"study.json": sha256_file(made.paths.study), "protocol.yaml": "0" * 64}
    made.paths.report.mkdir()
    record = PagesRecord(simulated=True, code_version="0", drawn_from=drawn_from, files={})
    record.write(REPORT_RECORD.published(made.paths, 0))
    ((kind, message),) = faults(made)
    assert kind == "report"
    assert "drawn from protocol.yaml as it is, found other bytes there" in message


def test_an_index_of_the_ledger_that_has_lost_a_row_is_found(tmp_path: Path) -> None:
    made = done(tmp_path)
    with closing(sqlite3.connect(made.paths.ledger, isolation_level=None)) as ledger:
        ledger.execute("PRAGMA writable_schema=ON")
        ledger.execute("CREATE INDEX spare ON stages(owner)")
        (page,) = ledger.execute("SELECT rootpage FROM sqlite_master WHERE name='spare'").fetchone()
        (n_bytes,) = ledger.execute("PRAGMA page_size").fetchone()
    content = bytearray(made.paths.ledger.read_bytes())
    cells = content.index(owner_name().encode(), (page - 1) * n_bytes)
    content[cells] ^= 1
    made.paths.ledger.write_bytes(content)
    ((kind, message),) = faults(made)
    assert kind == "document"
    assert message.startswith(f"{made.paths.ledger}: expected the study's SQLite ledger")


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({"findings": ()}, "hours"),
        ({"made_from": {}}, "made_from"),
        ({"day": 7}, "day"),
    ],
)
def test_what_gates_found_is_computed_again(tmp_path: Path, change: dict[str, object], other: str) -> None:
    made = lab(tmp_path, days=1)
    made.finds[0, "intake"] = (GateFinding(gate="hours", level="PASS", expected="few", found="few", remedy=""),)
    made.run()
    assert faults(made) == []
    place = gate_report_path(made.paths, 0, "intake")
    GateReport.read(place).model_copy(update=change).write(place)
    ((kind, message),) = faults(made)
    assert kind == "gates"
    assert message.startswith(f"{place}: expected what the gates find in the published files, found another {other}. ")
    made.run()
    assert faults(made) == []


def test_a_report_of_before_a_decision_is_no_fault(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    made.finds[0, "intake"] = (GateFinding(gate="hours", level="PASS", expected="few", found="few", remedy=""),)
    made.run()
    place = gate_report_path(made.paths, 0, "intake")
    report = GateReport.read(place)
    report.model_copy(update={"made_from": report.made_from | {"left out": "a" * 64}, "findings": ()}).write(place)
    assert faults(made) == []
    assert any(note.startswith(f"{place}: made before it was decided") for note in verified(made).notes)


def test_what_a_gate_asked_the_machine_is_not_computed_again(tmp_path: Path) -> None:
    made = lab(tmp_path, days=1)
    disk = GateFinding(gate="disk", level="PASS", expected="room", found="room", remedy="", is_of_this_machine=True)
    made.finds[0, "preflight"] = (disk,)
    made.run()
    made.finds[0, "preflight"] = (disk.model_copy(update={"level": "HOLD", "found": "none", "remedy": "Make room."}),)
    assert faults(made) == []


def test_a_damaged_report_of_gates_and_a_file_beside_it_are_named(tmp_path: Path) -> None:
    made = done(tmp_path)
    place = gate_report_path(made.paths, 0, "review")
    place.write_text("{")
    (place.parent / "notes.txt").touch()
    ((kind, message),) = faults(made)
    assert (kind, message.partition(": ")[0]) == ("gates", str(place))
    assert f"{place.parent / 'notes.txt'}: none of the study's; it is not read." in verified(made).notes


def test_what_a_decision_has_made_again_is_noted_until_the_loop_ran(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    study, protocol = read_identity(made.paths)
    ours = [fault for fault in faults(made) if fault[0] == "inputs"]
    assert ours == []
    add_block(made.paths, study, protocol, day=0, by="ada", why="it works on")
    exclude(made.paths, study, protocol, Things(day=0, parts=("fit",)), by="ada", why="noise", keep_attacking=False)
    assert [fault for fault in faults(made) if fault[0] in ("inputs", "gates")] == []
    plan, refit = made.paths.folder("plan", 1), made.paths.folder("refit", 0)
    notes = verified(made).notes
    for folder, line in ((plan, 1), (refit, 2)):
        assert any(note.startswith(f"{folder}: made before line {line} of") for note in notes)
    made.tamper("start", -1)  # of another file nobody decided anything
    assert any(str(made.paths.folder("plan", 0)) in message for kind, message in faults(made) if kind == "inputs")


def test_what_was_made_from_a_recording_that_was_replaced_is_noted_until_the_loop_ran(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "study", day=1)
    good = Path(shutil.copytree(made.paths.folder("recording", 0), tmp_path / "good"))
    (good / MANIFEST_NAME).unlink()
    with (good / "array1.ns6").open("ab") as file:
        file.write(bytes(8))
    replace_recording(made.paths.root, day=0, source=good, why="cut", who=None, as_it_is=True, settle_s=0)
    assert [fault for fault in faults(made) if fault[0] in ("inputs", "gates")] == []
    ingest = made.paths.folder("ingest", 0)
    assert any(
        note.startswith(f"{ingest}: made from a recording that was replaced since") for note in verified(made).notes
    )


def test_what_was_planned_of_a_session_that_nobody_has_is_no_fault_when_it_no_longer_follows(tmp_path: Path) -> None:
    made = scheduled(tmp_path, day=1)
    study, protocol = read_identity(made.paths)
    skip_day(made.paths, study, day=1, by="ada", why="ill")
    made.run()
    wanted = Things(day=0, parts=("fit",))
    exclude(made.paths, study, protocol, wanted, by="ada", why="noise", keep_attacking=False)
    made.run()
    assert [fault for fault in faults(made) if fault[0] in ("inputs", "gates")] == []
    stale = made.paths.folder("synthesize", 1)
    assert any(note.startswith(f"{stale}: of a session that was skipped") for note in verified(made).notes)


def test_a_member_of_the_ensemble_that_is_another_file_now_is_a_fault(tmp_path: Path) -> None:
    weights = tmp_path / "member.safetensors"
    shutil.copy(shipped_weights("small_resnet_vanilla"), weights)
    made = lab(tmp_path / "study")
    member = f"{{architecture: small_resnet, layer: layer3.0, weights: {weights}}}"
    made.edit_protocol("attack:\n", f"ensemble: [{member}]\nattack:\n")
    study, protocol = StudyDocument.read(made.paths.study), read_protocol(made.paths.protocol)
    shutil.rmtree(made.paths.inputs, ignore_errors=True)
    record_inputs(made.paths, study, protocol, recorded="init", reading=None)
    whole = Findings(lambda _done, _total: None, 0)
    check_base_model(whole, made.paths, study)
    assert whole.faults == []
    weights.write_bytes(weights.read_bytes() + b"more")
    found = Findings(lambda _done, _total: None, 0)
    check_base_model(found, made.paths, study)
    (fault,) = found.faults
    assert fault.message.startswith(f"{weights}: expected the base model that the study began with, found other bytes.")
