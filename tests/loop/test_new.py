"""`closedloop new` as somebody at a terminal uses it: from an empty folder to the first session."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.metadata import StudyMetadata
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.study.create import Request, create_study
from tests.equipment.person import Person
from tests.loop.real_study import write_photographs
from tests.loop.studies import ENVIRONMENT, PROTOCOL, WAITING, closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RIG = """\
name: rig-2
subject_screen: {screen: 0, width_px: 1024, height_px: 768, refresh_hz: 85, width_cm: 40, distance_cm: 57}
photodiode: {corner: lower_left, side_px: 40}
codes: {transport: none}
gaze: {source: scripted}
reward: {device: none}
recorder: {kind: none}
"""
UNTIL_FILES = (
    ("Protocol to start from", str(PROTOCOL)),
    ("Name of the animal", "nelson"),
    ("Its species", "rhesus"),
    ("Its sex", "m"),
    ("Its date of birth", "2018-05-21"),
    ("Recorder:", ""),
    ("Arrays:", "left=LEFT*, right=RIGHT*"),
    ("Region of each", "aIT, pIT"),
    ("Hemisphere of each", "right"),
)
AFTER = (
    ("Base model:", ""),
    ("Recording days", "2"),
    ("Hours of a session", ""),
    ("Experimenters:", "Curie, Marie; Hubel, David"),
    ("Institution", "Example University"),
    ("Laboratory", "back"),
    ("Institution", ""),
    ("Laboratory", ""),
)
OF_DESCRIPTION = ("rig", "timing", "layout", "duration", "pixel-size", "distance", "photodiode")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody made a study by answering: interrupted once, gone back once, wrong once."""
    folder = tmp_path_factory.mktemp("laboratory")
    write_photographs(folder / "photographs")
    (folder / "rig.yaml").write_text(RIG)
    first = somebody(folder)
    for question, answer in UNTIL_FILES:
        first.answer(question, f"{answer}\n")
    first.wait_for("Files of each recording")
    os.kill(first.process.pid, signal.SIGINT)
    first.wait_for("Answers are kept in")
    assert first.end() == 130
    assert not (folder / "study").exists()
    second = somebody(folder)
    second.answer("Files of each recording", "ns2\n")
    second.answer("rig's description (", "rig.yaml\n")
    second.answer("Folder of clean", "photograph\n")  # misspelt
    second.answer("Folder of clean", "photographs\n")
    for question, answer in AFTER:
        second.answer(question, f"{answer}\n")
    second.answer("Make the study", "yes\n")
    second.wait_for("Rehearse it before the animal is there", within_s=400)
    assert second.end() == 0, second.read
    (folder / "said.txt").write_text(second.read)
    return folder


def somebody(folder: Path) -> Person:
    return Person("new", "study", module="closedloop.cli", environment=ENVIRONMENT, cwd=folder)


def test_the_first_session_is_there_and_waits_for_the_animal(laboratory: Path) -> None:
    session = SessionDocument.read(laboratory / "study" / "day-00" / "schedule" / "session.json")
    assert (session.simulated, session.subject, session.monkey) == (False, "nelson", None)
    assert closedloop("run", laboratory / "study").returncode == WAITING
    said = (laboratory / "said.txt").read_text()
    assert "photograph: no such image folder" in said
    assert "Going on with what was answered before" in said
    assert not list(laboratory.glob("*.answers.yaml"))


def test_archives_find_what_they_ask_for(laboratory: Path) -> None:
    metadata = StudyMetadata.read(laboratory / "study" / "metadata.json")
    animal = metadata.animal
    assert (animal.species, animal.sex, str(animal.date_of_birth)) == ("Macaca mulatta", "M", "2018-05-21")
    arrays = [(one.name, one.region, one.hemisphere) for one in metadata.arrays]
    assert arrays == [("left", "aIT", "right"), ("right", "pIT", "right")]
    assert metadata.experimenter == ("Curie, Marie", "Hubel, David")
    study = StudyDocument.read(laboratory / "study" / "study.json")
    assert study.arrays == ("left", "right")
    assert study.nsx == (".ns2",)


def test_the_protocol_fits_the_rig_by_its_own_check(laboratory: Path) -> None:
    session = laboratory / "study" / "day-00" / "schedule"
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "rig",
            "check",
            session,
            "--rig",
            laboratory / "rig.yaml",
            "--display",
            "headless",
            "--json",
        ],
        check=False,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    found = {one["name"]: one["status"] for one in json.loads(checked.stdout)}
    assert {found[name] for name in OF_DESCRIPTION if name != "timing"} == {"PASS"}
    assert found["timing"] == "WARN"  # 9 frames at 85 Hz are no whole milliseconds
    protocol = read_protocol(laboratory / "study" / "protocol.yaml")
    assert (protocol.presentation.on_frames, protocol.presentation.refresh_hz) == (8, 85)
    changed = set((laboratory / "study" / "protocol.yaml").read_text().splitlines()) - set(
        PROTOCOL.read_text().splitlines()
    )
    assert changed
    assert all("# closedloop new: as answered" in line for line in changed)


def test_the_checklist_has_the_budget_and_commands_that_a_shell_takes(laboratory: Path) -> None:
    lines = (laboratory / "study" / "checklist.md").read_text().splitlines()
    assert any(line.startswith("- 18 attacks a day: ") and line.endswith("measured on day 0") for line in lines)
    commands = [shlex.split(line) for line in lines if line.strip().startswith(("closedloop ", "rig "))]
    assert {tuple(words[:2]) for words in commands} >= {
        ("closedloop", "rehearse"),
        ("closedloop", "run"),
        ("closedloop", "verify"),
        ("rig", "check"),
        ("rig", "present"),
        ("rig", "rehearse"),
    }


def test_the_study_is_whole_and_its_answers_make_the_same_one_elsewhere(laboratory: Path, tmp_path: Path) -> None:
    assert closedloop("verify", laboratory / "study").returncode == 0
    answers = laboratory / "study" / "answers.yaml"
    finished = closedloop("new", tmp_path / "again", "--answers", answers, "--subject", "nelson", cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    one, other = (StudyPaths(folder) for folder in (laboratory / "study", tmp_path / "again"))
    for path in ("protocol.yaml", "metadata.json", "study.json", "day-00/schedule/manifest.json"):
        if path.endswith("manifest.json"):
            outputs = [json.loads((paths.root / path).read_text())["outputs"] for paths in (one, other)]
            assert outputs[0] == outputs[1]
        else:
            assert (one.root / path).read_bytes() == (other.root / path).read_bytes()


def test_the_same_command_with_answers_goes_on_with_what_it_made_and_other_answers_are_refused(
    laboratory: Path,
) -> None:
    study = laboratory / "study"
    finished = closedloop("new", study, "--answers", study / "answers.yaml", "--subject", "nelson")
    assert finished.returncode == 0, finished.stderr
    assert "Waiting for you: day 0" in finished.stdout
    refused = closedloop("new", study, "--answers", study / "answers.yaml", "--subject", "another")
    assert refused.returncode == 1
    assert "found a study. Go on with it by `closedloop run" in refused.stderr


def test_the_same_command_on_a_study_that_was_made_goes_on_with_it(laboratory: Path) -> None:
    finished = closedloop("new", laboratory / "study")
    assert finished.returncode == 0, finished.stderr
    assert "Waiting for you: day 0" in finished.stdout


def test_init_that_was_interrupted_once_the_study_was_made_goes_on_by_the_same_command(tmp_path: Path) -> None:
    photographs = write_photographs(tmp_path / "photographs")
    request = Request(tmp_path / "study", "nelson", False, str(PROTOCOL), photographs)
    paths = create_study(request)  # so far it came
    asked = ("--protocol", PROTOCOL, "--subject", "nelson", "--images", photographs)
    made_first = paths.study.read_bytes()
    finished = closedloop("init", tmp_path / "study", *asked)
    assert finished.returncode == 0, finished.stderr
    assert "Waiting for you: day 0" in finished.stdout
    assert paths.study.read_bytes() == made_first
    assert (paths.folder("schedule", 0) / MANIFEST_NAME).is_file()
    again = closedloop("init", tmp_path / "study", *asked)
    assert again.returncode == 1
    assert "found a study. Go on with it by `closedloop run" in again.stderr
