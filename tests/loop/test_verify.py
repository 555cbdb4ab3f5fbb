"""`closedloop verify` on a finished study, and on one that was damaged in every way: a line each, code 1."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import IMAGE_LIST
from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.gates.report import CHECKPOINTS
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.study import GATES_FOLDER, StudyPaths
from closedloop.artifacts.tables import read_table, write_table
from closedloop.models.shipped import shipped_weights
from closedloop.study.verification.study import Verification, verify_study
from tests.loop.studies import PROTOCOL, closedloop
from tests.loop.test_images_and_models import photographs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

StudyCopy = Callable[[], Path]


def verified(study: Path) -> Verification:
    return verify_study(StudyPaths(study))


def flip(path: Path) -> None:
    """Change a byte as a failing disk does: size and time stay."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def seal_again(folder: Path) -> None:
    """Give a folder the manifest of what is in it now, as nobody but a test does."""
    path = folder / MANIFEST_NAME
    Manifest.read(path).model_copy(update={"outputs": describe_files(folder)}).write(path)


def test_a_finished_study_has_no_fault_and_everything_was_read(undisturbed: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = verify_study(StudyPaths(undisturbed), progress=lambda done, total: seen.append((done, total)))
    assert (found.faults, found.notes) == ((), ())
    listed = [path.parent / name for path in undisturbed.rglob(MANIFEST_NAME) for name in Manifest.read(path).outputs]
    pages = [path for path in (undisturbed / "report").iterdir() if path.name != "report.json"]
    gates = [path for folder in undisturbed.glob(f"day-*/{GATES_FOLDER}") for path in folder.iterdir()]
    assert len(gates) == len(CHECKPOINTS) * len(list(undisturbed.glob("day-*")))
    assert found.n_files == len(listed) + len(pages) + len(gates) + 1  # and the base model
    assert seen[-1][0] == found.n_bytes >= sum(path.stat().st_size for path in listed)


def test_the_command_prints_a_line_a_fault_and_its_code_says_whether_there_is_one(study_copy: StudyCopy) -> None:
    study = study_copy()
    whole = closedloop("verify", study)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.startswith(f"{study}: ")
    assert whole.stdout.endswith("no fault.\n")
    flip(study / "day-00" / "recording" / "array1.ns6")
    damaged = closedloop("verify", study)
    assert damaged.returncode == 1
    assert damaged.stdout.splitlines()[0].startswith(f"{study}/day-00/recording/array1.ns6: expected the bytes that")
    assert damaged.stdout.endswith("1 fault.\n")
    found = json.loads(closedloop("verify", study, "--json").stdout)
    assert [(fault["kind"], fault["message"]) for fault in found["faults"]] == [
        ("bytes", damaged.stdout.splitlines()[0])
    ]


def test_a_folder_that_is_no_study_is_one_line(tmp_path: Path) -> None:
    finished = closedloop("verify", tmp_path)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert len(finished.stderr.splitlines()) == 1


def test_a_study_that_nobody_may_write_is_read_and_stays_as_it_is(study_copy: StudyCopy) -> None:
    study = study_copy()
    paths = [study, *study.rglob("*")]
    for path in paths:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}
    try:
        assert verified(study).faults == ()
        assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [study, *study.rglob("*")]} == before
    finally:
        for path in paths:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o200)


def cut_journal(study: Path) -> None:
    """Take ten lines out of a journal and seal what is left: the manifest is right, the session is not."""
    path = study / "day-00" / "present" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20] + lines[30:]))
    seal_again(path.parent)


def exchange_documents(study: Path) -> None:
    shutil.copy(study / "day-00" / "plan" / "plan.json", study / "day-00" / "refit" / "fit.json")
    seal_again(study / "day-00" / "refit")


def of_a_real_study(study: Path) -> None:
    path = study / "day-01" / "evaluate" / "evaluation.json"
    path.write_text(path.read_text().replace('"simulated": true', '"simulated": false'))
    seal_again(path.parent)


def another_picture(study: Path) -> None:
    path = study / "day-01" / "synthesize" / "stimuli.parquet"
    rows = read_table(path, STIMULI)
    anchors = (rows["kind"] == "clean") & (rows["role"] == "anchor")
    rows["stimulus_id"][anchors.nonzero()[0][0]] = "0" * 64
    write_table(path, STIMULI, rows, simulated=True)
    seal_again(path.parent)


def exchange_manifests(study: Path) -> None:
    shutil.copy(study / "day-00" / "plan" / "manifest.json", study / "day-00" / "queue")


def of_another_run(study: Path) -> None:
    (study / "day-00" / "ingest" / "x.txt").write_text("of another run")
    seal_again(study / "day-00" / "ingest")


def break_ledger(study: Path) -> None:
    path = study / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192))


def write(study: Path, name: str, text: str = "x") -> None:
    (study / name).write_text(text)


DAMAGES: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("byte of a recording", lambda s: flip(s / "day-01/recording/array1.nev"), "bytes", "found other bytes"),
    ("byte of a model", lambda s: flip(s / "start/model.safetensors"), "bytes", "found other bytes"),
    ("byte of images", lambda s: flip(s / "day-00/synthesize/images.h5"), "bytes", "found other bytes"),
    ("file gone", lambda s: (s / "day-00/ingest/sites.json").unlink(), "bytes", "found no file"),
    ("manifest gone", lambda s: (s / "day-00/plan/manifest.json").unlink(), "bytes", "expected a manifest.json"),
    ("manifest cut", lambda s: write(s, "day-00/plan/manifest.json", '{"kind"'), "document", "expected JSON"),
    ("manifest of another", exchange_manifests, "document", "that of plan"),
    ("late file", lambda s: write(s, "day-00/recording/array1-002.nev"), "unlisted", "found one more"),
    ("a killed writer's", lambda s: write(s, "day-00/ingest/.responses.h5.4711.tmp"), "leftover", "nothing hidden"),
    ("journal without ten lines", cut_journal, "journal", "journal.jsonl"),
    ("documents exchanged", exchange_documents, "document", "fit.json"),
    ("mark of a real study", of_a_real_study, "document", "found real data"),
    ("another run's input", of_another_run, "inputs", "stale (day-00/ingest/x.txt"),
    ("a folder gone", lambda s: shutil.rmtree(s / "day-00/synthesize"), "inputs", "the folders that it was made from"),
    ("another picture under an anchor's name", another_picture, "images", "found another under its name"),
    ("sensitivity.csv edited", lambda s: write(s, "report/sensitivity.csv"), "report", "closedloop report"),
    ("a page gone", lambda s: (s / "report/day-00.html").unlink(), "report", "found no file"),
    ("amendments", lambda s: write(s, "amendments.jsonl", '{"kind":"x"}\n'), "document", "amendments.jsonl, line 1"),
    ("ledger", break_ledger, "document", "SQLite ledger"),
    ("list of inputs edited", lambda s: flip(s / "inputs/inputs.json"), "bytes", "found other bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "kind", "words"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_every_damage_is_a_line_that_says_where(
    study_copy: StudyCopy, damage: Callable[[Path], object], kind: str, words: str
) -> None:
    study = study_copy()
    damage(study)
    faults = verified(study).faults
    assert any(fault.kind == kind and words in fault.message for fault in faults), faults
    assert all("\n" not in fault.message for fault in faults)
    assert all(fault.message.startswith((str(study), "day-")) for fault in faults)


def test_what_is_no_fault_is_a_note(study_copy: StudyCopy) -> None:
    study = study_copy()
    (study / "notes.txt").write_text("the laboratory's")
    (study / "day-00" / ".plan.retired").mkdir()
    (study / "day-01" / ".queue.partial").mkdir()
    found = verified(study)
    assert found.faults == ()
    assert [note.partition(": ")[2] for note in found.notes] == [
        "left by a loop that was stopped; `closedloop run` removes it.",
        "half-done work; `closedloop run` goes on with it.",
        "none of the study's; it is not read.",
    ]


def test_images_and_base_model_are_read_and_their_names_compared(tmp_path: Path) -> None:
    """A real study whose first session is ready."""
    images = photographs(tmp_path / "photographs", n_patches=16)
    weights = Path(shutil.copy(shipped_weights("small_resnet_robust"), tmp_path / "base.safetensors"))
    study = tmp_path / "study"
    arguments = ("--protocol", PROTOCOL, "--subject", "m", "--images", images, "--base-model", weights)
    finished = closedloop("init", study, *arguments)
    assert finished.returncode == 0, finished.stderr
    assert verified(study).faults == ()
    queue = json.loads((study / "start" / "queue.json").read_text())
    drawn = {image["image_id"] for role in ("anchors", "normalizers", "clean") for image in queue[role]}
    listed = list(IMAGE_LIST.read(IMAGE_LIST.published(StudyPaths(study), 0))["image_id"])
    spare = next(name for name in listed if name not in drawn)
    anchor = queue["anchors"][0]["image_id"]
    flip(images / anchor)
    flip(weights)
    (images / spare).rename(images / "astronaut" / "new.png")
    found = verified(study)
    assert [fault.kind for fault in found.faults] == ["images", "base model"]
    assert found.faults[0].message.startswith(f"{images / anchor}: expected the bytes that were listed, found others")
    assert found.faults[1].message.startswith(f"{weights}: expected the base model that the study began with")
    assert any("1 were renamed" in note for note in found.notes)
    (images / anchor).unlink()
    assert any(f"{anchor}: expected an image that was drawn" in fault.message for fault in verified(study).faults)
