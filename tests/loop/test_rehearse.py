"""`closedloop rehearse`: a real study's day on a copy, before there is an animal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.records.rehearsal import Rehearsal
from closedloop.artifacts.study import STAGES, StudyDocument, StudyPaths
from closedloop.devices.files import find_devices
from closedloop.models.backbones import build_classifier
from closedloop.storage import sha256_file
from closedloop.study.create import Request, create_study
from closedloop.study.handover import refuse_simulated
from tests.loop.real_study import make_real_study
from tests.loop.studies import ENVIRONMENT, closedloop, command, one_line_error
from tests.loop.test_images_and_models import photographs, small_resnet50_protocol

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

A_RESNET_S = 1_500  # two minutes of one core; where ten share it, more
RIG = """\
name: rig-2
subject_screen: {screen: 0, width_px: 800, height_px: 600, refresh_hz: 60, width_cm: 40, distance_cm: 91.5}
photodiode: {corner: lower_left, side_px: 40}
codes: {transport: parallel, address: /dev/no-such-port}
gaze: {source: eyelink, address: 100.1.1.1}
reward: {device: microcontroller, address: /dev/no-such-board}
recorder: {kind: blackrock, device: NSP, file: "mk_{session}_{launch}_{part}"}
"""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A real study with two arrays and a slow file each, and its bytes before a day of it was rehearsed."""
    folder = tmp_path_factory.mktemp("rehearsed")
    real = make_real_study(folder / "study", arrays=("left=LEFT*", "right=RIGHT*"), nsx=("ns2",))
    (folder / "rig.yaml").write_text(RIG)
    before = bytes_of(real.root)
    finished = closedloop("rehearse", real.root, "--rig", folder / "rig.yaml", "--images", "20", "--json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (folder / "said.json").write_text(finished.stdout)
    return folder, before


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def copy_in(folder: Path) -> StudyPaths:
    return StudyPaths(folder / "study-rehearsal")


def said(folder: Path) -> Rehearsal:
    return Rehearsal.model_validate_json((folder / "said.json").read_text())


def test_the_day_closes_and_the_study_itself_is_not_touched(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, before = rehearsed
    assert bytes_of(folder / "study") == before
    for stage in STAGES[:-1]:
        assert read_manifest(copy_in(folder).folder(stage, 0)).simulated, stage
    assert (copy_in(folder).report / "index.html").is_file()
    kept = Rehearsal.read(copy_in(folder).rehearsal)
    assert (kept.study_id, kept.changes, kept.stages) == (
        said(folder).study_id,
        said(folder).changes,
        said(folder).stages,
    )


def test_nothing_of_the_copy_can_be_mixed_up_with_data_of_the_animal(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, _ = rehearsed
    real, copy = (StudyDocument.read(paths.study) for paths in (StudyPaths(folder / "study"), copy_in(folder)))
    assert (real.simulated, copy.simulated) == (False, True)
    assert copy.study_id != real.study_id
    assert copy.subject == "monkey (rehearsal)"
    with pytest.raises(Exception, match=r"found a simulated one. The two never mix"):
        refuse_simulated(copy_in(folder).folder("recording", 0))


def test_the_recording_has_the_names_and_the_files_of_the_real_recorder(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, _ = rehearsed
    files = [
        copy_in(folder).folder("recording", 0) / name
        for name in read_manifest(copy_in(folder).folder("recording", 0)).outputs
    ]
    session = json.loads((copy_in(folder).folder("schedule", 0) / "session.json").read_text())["session_id"]
    assert sorted(path.name for path in files) == [
        f"{array}_mk_{session}_1_1{suffix}" for array in ("LEFT", "RIGHT") for suffix in (".nev", ".ns2")
    ]
    devices = find_devices(files, arrays=("LEFT*", "RIGHT*"))
    assert [device.processor for device in devices] == [1, 2]
    quality = json.loads((copy_in(folder).folder("ingest", 0) / "quality.json").read_text())
    assert quality["simulated"]


def test_what_was_tried_and_what_was_not_is_said_and_what_was_cut(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, _ = rehearsed
    results = {one.part: one.result for one in said(folder).parts}
    assert {results[part] for part in ("images", "base model", "rig.yaml", "file names", "gates", "verify")} == {
        "tried"
    }
    assert {results[part] for part in ("animal", "screen", "gaze", "codes", "recorder")} == {"not tried"}
    assert "wrong" not in results.values()
    opened = (copy_in(folder).folder("present", 0) / "journal.jsonl").read_text().splitlines()[0]
    assert '"rig-2"' in opened  # the session was shown by the rig's own description
    assert '"distance"' not in opened  # and nothing of it had to be overridden
    cut = {change.key: (change.before, change.after) for change in said(folder).changes if change.why == "asked for"}
    assert cut["images.clean_per_day"] == ("24", "16")


def test_a_whole_day_is_extrapolated_by_what_each_stage_s_work_grows_with(
    rehearsed: tuple[Path, dict[str, str]],
) -> None:
    stages = {one.stage: one for one in said(rehearsed[0]).stages}
    synthesize = stages["synthesize"]
    assert synthesize.whole_day_seconds is not None
    assert synthesize.whole_day_seconds / synthesize.seconds == pytest.approx(18 / 12)  # attacks of a day
    assert stages["recording"].whole_day_seconds is None


def test_the_same_command_goes_on_and_other_cuts_want_another_folder(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, _ = rehearsed
    journal = (copy_in(folder).folder("present", 0) / "journal.jsonl").stat().st_mtime_ns
    words = ("rehearse", folder / "study", "--rig", folder / "rig.yaml", "--images", "20")
    again = closedloop(*words)
    assert again.returncode == 0, again.stderr
    assert "nothing was found wrong" in again.stdout
    assert (copy_in(folder).folder("present", 0) / "journal.jsonl").stat().st_mtime_ns == journal
    assert "expected no rehearsal, or one of the same study" in one_line_error(closedloop(*words[:-1], "24"))
    of_copy = one_line_error(closedloop("rehearse", copy_in(folder).root))
    assert "expected a study of an animal, found a simulated one" in of_copy


def test_what_is_wrong_is_a_line_and_the_day_closes_all_the_same(rehearsed: tuple[Path, dict[str, str]]) -> None:
    folder, _ = rehearsed
    (folder / "other.yaml").write_text(RIG.replace("800", "1024").replace("91.5", "57"))
    words = ("rehearse", folder / "study", "--rig", folder / "other.yaml", "--images", "20", "--out", folder / "other")
    found = closedloop(*words)
    assert found.returncode == 1, found.stdout
    wrong = [line.split()[1] for line in found.stdout.splitlines() if line.startswith("  wrong")]
    assert wrong == ["rig", "pixel-size", "distance"]
    assert "found 1024 x 600 pixels at 60 Hz" in found.stdout
    assert "The day closed, and 3 are wrong: rig, pixel-size, distance." in found.stdout
    journal = (folder / "other" / "day-00" / "present" / "journal.jsonl").read_text()
    assert "rig-2" not in journal  # what no rig shows so was shown without its description


@pytest.mark.timeout(2 * A_RESNET_S)
def test_a_day_of_a_resnet50_on_photographs_of_224_px_is_rehearsed_before_the_first_session(tmp_path: Path) -> None:
    protocol = small_resnet50_protocol(tmp_path)
    protocol.write_text(protocol.read_text().replace("epochs: 2", "epochs: 1"))
    torch.save(build_classifier("resnet50", seed=7).state_dict(), tmp_path / "resnet50.pt")
    imported = tmp_path / "resnet50.safetensors"
    finished = closedloop("base-model", "import", tmp_path / "resnet50.pt", "--out", imported)
    assert finished.returncode == 0, finished.stderr
    study = create_study(
        Request(
            root=tmp_path / "study",
            subject="m1",
            simulated=False,
            protocol=str(protocol),
            images=photographs(tmp_path / "photographs", n_patches=6),
            base_model=imported,
        )
    )
    words = ("rehearse", study.root, "--sites", "1", "--images", "7", "--workers", "1")
    finished = subprocess.run(
        command(*words), check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=A_RESNET_S
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    copy = StudyPaths(tmp_path / "study-rehearsal")
    assert (copy.report / "day-00.html").is_file()
    told = Rehearsal.read(copy.rehearsal)
    animal = next(one for one in told.parts if one.part == "animal")
    assert "averaged to 32 px" in animal.said
    assert not (study.root / "day-00").exists()
    assert Path(StudyDocument.read(copy.study).base_model).samefile(imported)
