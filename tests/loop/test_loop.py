"""The loop on real files: what it promises a user, by the command line as a user would."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.catalog import PAIRS, PLANNED_IMAGES
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, PROTOCOL, closedloop, command, dry_run, one_line_error, sensitivity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

StudyCopy = Callable[[], Path]


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_same_seed_twice_gives_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    assert dry_run(tmp_path / "again").returncode == 0
    assert sensitivity(tmp_path / "again") == sensitivity(undisturbed)


def test_another_subject_gives_another_result(undisturbed: Path, tmp_path: Path) -> None:
    assert dry_run(tmp_path / "other", "--subject", "another", "--days", "1").returncode == 0
    first_day = [row for row in sensitivity(undisturbed).splitlines()[1:] if row.startswith(b"0,")]
    assert sensitivity(tmp_path / "other").splitlines()[1:] != first_day


def test_a_finished_study_run_again_does_no_work(study_copy: StudyCopy) -> None:
    study = study_copy()
    before = {path: path.stat().st_mtime_ns for path in study.rglob("manifest.json")}
    assert closedloop("run", study).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in study.rglob("manifest.json")} == before


def test_days_can_be_run_one_by_one(undisturbed: Path, tmp_path: Path) -> None:
    assert dry_run(tmp_path / "study", "--days", "1").returncode == 0
    assert not (tmp_path / "study" / "day-01").exists()
    assert dry_run(tmp_path / "study").returncode == 0
    assert sensitivity(tmp_path / "study") == sensitivity(undisturbed)


def test_status_and_its_json_say_what_is_done(undisturbed: Path) -> None:
    text = closedloop("status", undisturbed).stdout
    assert "SIMULATED" in text
    assert "evaluate" in text
    found = json.loads(closedloop("status", undisturbed, "--json").stdout)
    assert {stage["state"] for stage in found["stages"]} == {"done"}
    assert len(found["stages"]) == 1 + 9 + 8


def test_every_document_of_a_dry_run_is_marked_as_simulated(undisturbed: Path) -> None:
    documents = [path for path in undisturbed.rglob("*.json") if path.name != "pixel_audit.json"]
    assert len(documents) > 30
    assert all(json.loads(path.read_text())["simulated"] is True for path in documents)


def test_a_second_loop_on_a_study_is_refused_by_name(study_copy: StudyCopy) -> None:
    study = study_copy()
    import shutil

    shutil.rmtree(study / "day-00" / "evaluate")
    with Child(command("run", study), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not (study / "day-00" / ".evaluate.partial").exists() and first.poll() is None:
            time.sleep(0.002)
        first.send_signal(signal.SIGSTOP)  # or it may have ended before the second one asks
        message = one_line_error(closedloop("run", study))
        first.send_signal(signal.SIGCONT)
        assert f":{first.pid}" in message
        assert "no other loop" in message
        assert first.wait() == 0


def test_ctrl_c_is_one_line_and_the_same_command_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    with Child(
        command("dry-run", study, "--protocol", PROTOCOL),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ignored where tests run in the background; no thread runs here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    ) as loop:
        while not (study / "day-00" / "plan").exists() and loop.poll() is None:  # published: it stays
            time.sleep(0.002)
        os.killpg(loop.pid, signal.SIGINT)
        _, errors = loop.communicate()
    assert loop.returncode == 130
    assert errors.strip().splitlines() == ["Stopped. Run the same command again to go on; nothing published is lost."]
    assert dry_run(study).returncode == 0
    assert sensitivity(study) == sensitivity(undisturbed)


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    limit = 300_000  # bytes a file: the session's images pass, the recording does not

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    full = subprocess.run(
        command("dry-run", study, "--protocol", PROTOCOL),
        check=False,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=no_large_files,
    )
    message = one_line_error(full)
    assert "disk full" in message
    assert "Free some space" in message
    assert dry_run(study).returncode == 0
    assert sensitivity(study) == sensitivity(undisturbed)


def test_a_changed_published_file_stops_the_loop_by_name(study_copy: StudyCopy) -> None:
    study = study_copy()
    damaged = study / "day-00" / "synthesize" / "images.h5"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(bytes(content))
    message = one_line_error(closedloop("run", study))
    assert str(damaged) in message
    assert "manifest.json" in message


def test_a_changed_protocol_makes_stages_stale_by_name(study_copy: StudyCopy) -> None:
    study = study_copy()
    text = (study / "protocol.yaml").read_text()
    (study / "protocol.yaml").write_text(text.replace("  epochs: 2", "  epochs: 1"))
    finished = closedloop("run", study)
    assert finished.returncode == 0, finished.stderr
    assert "day-00 refit is stale" in finished.stdout
    assert "day-01 synthesize is stale" in finished.stdout
    assert "day-00 ingest is stale" not in finished.stdout


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("  on_ms: 100.0", "  on_ms: 90.0", "presentation"),
        ("  epsilons: [2.5, 10.0]", "  epsilons: [0.0, 10.0]", "attack.epsilons"),
        ("  hours_per_day: 5.0", "  hours_per_day: 0.001", "hours_per_day"),
        ("  clean_per_day: 24", "  clean_per_dya: 24", "images.clean_per_dya"),
    ],
)
def test_an_impossible_protocol_is_refused_with_the_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    protocol = tmp_path / "wrong.yaml"
    text = PROTOCOL.read_text()
    assert old in text
    protocol.write_text(text.replace(old, new))
    message = one_line_error(closedloop("dry-run", tmp_path / "study", "--protocol", protocol))
    assert place in message
    assert not (tmp_path / "study").exists()


def test_a_study_of_a_newer_version_is_refused(study_copy: StudyCopy) -> None:
    study = study_copy()
    edit_json(study / "study.json", format_version=99)
    assert "newer closedloop" in one_line_error(closedloop("run", study))


def test_a_ledger_of_a_newer_version_is_refused(study_copy: StudyCopy) -> None:
    study = study_copy()
    with closing(sqlite3.connect(study / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA user_version=99")
    assert "Upgrade" in one_line_error(closedloop("run", study))


def test_a_recording_of_another_session_is_refused(study_copy: StudyCopy) -> None:
    study = study_copy()
    import shutil

    shutil.rmtree(study / "day-01" / "ingest")
    from closedloop.artifacts.manifest import Manifest, describe_files

    for name in ("array1.nev", "array1.ns6"):
        shutil.copy(study / "day-00" / "recording" / name, study / "day-01" / "recording" / name)
    folder = study / "day-01" / "recording"
    manifest = Manifest.read(folder / "manifest.json")
    manifest.model_copy(update={"outputs": describe_files(folder)}).write(folder / "manifest.json")
    message = one_line_error(closedloop("run", study))
    identity = StudyDocument.read(study / "study.json").study_id
    assert f"{identity}-day-01" in message
    assert f"{identity}-day-00" in message


def test_a_real_study_never_makes_anew_what_a_day_was_recorded_with(study_copy: StudyCopy) -> None:
    study = study_copy()
    before = {path: path.read_bytes() for path in study.rglob("manifest.json")}
    edit_json(study / "study.json", simulated=False)
    message = one_line_error(closedloop("run", study))
    assert message.startswith(f"{study / 'start'}: expected what day 0 was recorded with, found it stale")
    assert {path: path.read_bytes() for path in study.rglob("manifest.json")} == before


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    assert "no study.json" in one_line_error(closedloop("run", tmp_path))
    assert "no study.json" in one_line_error(closedloop("status", tmp_path))


def test_a_used_folder_is_not_taken_for_a_new_study(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "new or empty folder" in one_line_error(dry_run(tmp_path))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_simulated_subject_plays_a_second_session(undisturbed: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert dry_run(study, "--days", "1").returncode == 0
    sealed = (study / "day-00" / "evaluate" / "pairs.parquet").read_bytes()
    assert closedloop("add-block", study, "--day", "0", "--why", "it works on").returncode == 0
    finished = closedloop("run", study)
    assert finished.returncode == 0, finished.stderr
    assert re.search(r"day 0\.2  evaluate ", finished.stdout)
    assert "All 2 days are done." in finished.stdout
    at = {block: StudyPaths(study).at(block) for block in (Block(0), Block(0, 2))}
    images = {
        block: set(PLANNED_IMAGES.read(PLANNED_IMAGES.published(paths, 0))["image_id"]) for block, paths in at.items()
    }
    assert images[Block(0)] != images[Block(0, 2)]
    pairs = {block: PAIRS.read(PAIRS.published(paths, 0)) for block, paths in at.items()}
    assert len(pairs[Block(0, 2)]["change"]) > len(pairs[Block(0)]["change"])
    assert np.isfinite(pairs[Block(0, 2)]["true_change"]).all()  # the hidden truth of both
    assert (study / "day-00" / "evaluate" / "pairs.parquet").read_bytes() == sealed
    assert closedloop("verify", study).returncode == 0
    late = closedloop("add-block", study, "--day", "0", "--why", "too late")
    assert "day 1 was shown: day 0 is over" in one_line_error(late)
