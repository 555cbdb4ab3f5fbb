from __future__ import annotations

import dataclasses
import datetime
import shlex
from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.metadata import Animal, ImplantedArray, RigFile, StudyMetadata
from closedloop.artifacts.rig.description import SubjectScreen
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import DocumentError
from closedloop.study.create import Request, create_study
from closedloop.study.first_day.checklist import budget_lines, checklist, first_day_of
from closedloop.study.first_day.fitting import for_screen
from closedloop.study.foresight.budget import day_budget
from closedloop.study.verification.study import verify_study
from tests.unit.study.new_studies import PROTOCOLS, image_folder

SCREEN = SubjectScreen(screen=0, width_px=1920, height_px=1080, refresh_hz=60, width_cm=53, distance_cm=57)
METADATA = StudyMetadata(
    simulated=False,
    animal=Animal(subject_id="nelson", species="Macaca mulatta", sex="M", date_of_birth=datetime.date(2018, 5, 21)),
    arrays=(
        ImplantedArray(name="left", region="aIT", hemisphere="left"),
        ImplantedArray(name="right", region="aIT", hemisphere="right"),
    ),
    experimenter=("Curie, Marie",),
    institution="Example University",
    rig=RigFile(name="rig-2", file="/rigs of ours/rig.yaml", sha256="0" * 64),
)


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    return create_study(
        Request(
            root=tmp_path / "a study",
            subject="nelson",
            simulated=False,
            protocol="smoke",
            images=image_folder(tmp_path / "images"),
            arrays=("left=LEFT*", "right=RIGHT*"),
            nsx=("ns2",),
            beside={"metadata.json": METADATA.to_bytes()},
        )
    )


def test_a_day_s_budget_is_what_the_protocol_s_numbers_come_to() -> None:
    budget = day_budget(read_protocol(PROTOCOLS / "smoke.yaml"), n_arrays=2, nsx=(".ns2",))
    assert budget.n_attacks == (2 + 2) * 4 * 2
    assert budget.n_images == 30 + 6 + 5 + 32 + 2 * 3 * 2
    assert budget.n_presentations == 30 * 3 + 6 * 2 + 5 * 2 + 32 * 2 + 12 * 2
    assert budget.n_clean_images == 41
    assert budget.images_bytes == 2 * 85 * 32 * 32 * 3
    trial_s = (250 + 160 + 6 * 200 + 500 + 120) / 1000
    seconds = 200 / 6 / (1 - 0.28) * trial_s
    assert budget.hours == pytest.approx(seconds / 3600)
    assert budget.recording_bytes == pytest.approx(seconds * 2 * 96 * (30 * (8 + 2 * 16) + 2 * 1000))


def test_a_study_s_folder_has_what_was_given_beside_it_and_is_whole(study: StudyPaths) -> None:
    assert StudyMetadata.read(study.metadata) == METADATA
    assert verify_study(study).faults == ()
    assert verify_study(study).notes == ()


def test_metadata_that_somebody_spoiled_is_a_fault_of_the_study(study: StudyPaths) -> None:
    study.metadata.write_text(study.metadata.read_text().replace("Macaca mulatta", "rhesus"))
    (fault,) = verify_study(study).faults
    assert "animal.species: expected a species in Latin, such as Macaca mulatta, found 'rhesus'" in fault.message


def test_commands_of_the_checklist_are_quoted_and_name_the_study_s_own_files(study: StudyPaths) -> None:
    lines = checklist(first_day_of(study, attacks="12 s measured on day 0")).splitlines()
    commands = [shlex.split(line) for line in lines if line.strip().startswith(("closedloop ", "rig "))]
    session = str(study.root / "day-00" / "schedule")
    assert ["rig", "check", session, "--rig", "/rigs of ours/rig.yaml"] in commands
    assert any("left (`LEFT*`), right (`RIGHT*`)" in line and ".nev, .ns2" in line for line in lines)
    assert "- 32 attacks a day: 12 s measured on day 0" in lines
    assert not any("rig init" in line for line in lines)


def test_a_rehearsal_is_shorter_than_the_study_s_own_day(study: StudyPaths) -> None:
    first_day = first_day_of(study, attacks="")
    (command,) = (line for line in checklist(first_day).splitlines() if "closedloop rehearse" in line)
    assert first_day.protocol.sites.n_sites == 4
    assert command.endswith(" --sites 2 --images 20")  # of 4 sites, and of 30 + 6 + 5 images
    paper = dataclasses.replace(first_day, protocol=read_protocol(PROTOCOLS / "guo2022.yaml"))
    (command,) = (line for line in checklist(paper).splitlines() if "closedloop rehearse" in line)
    assert command.endswith(" --sites 4 --images 40")


def test_without_a_rig_the_checklist_begins_with_one(study: StudyPaths) -> None:
    first_day = first_day_of(study, attacks="")
    without = METADATA.model_copy(update={"rig": None})
    lines = checklist(dataclasses.replace(first_day, metadata=without)).splitlines()
    assert "  rig init rig.yaml" in lines
    assert "- [ ] copy rig.yaml to this computer too, to where `closedloop rehearse` runs" in lines
    (fitted,) = (line for line in lines if "fit `presentation` in" in line)
    keys = {"refresh_hz", "screen_width_px", "screen_height_px", "screen_cm_per_px", "on_ms", "off_ms", "image_scale"}
    assert {key for _, key in for_screen(first_day.protocol.presentation, SCREEN, side_px=32)} == {
        key for key in (*keys, "visual_angle_deg") if key in fitted
    }
    assert "32 attacks a day" in budget_lines(first_day.budget, "")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"age": "P8Y"}, "age: expected null beside date_of_birth"),
        ({"date_of_birth": None, "age": "8 years"}, "an age in ISO 8601"),
        ({"sex": "m"}, "M, F, U or O"),
        ({"species": "Macaca Mulatta"}, "a species in Latin"),
    ],
)
def test_an_animal_as_no_archive_takes_it_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    plain = METADATA.model_dump(mode="json")
    plain["animal"] |= changed
    path = tmp_path / "metadata.json"
    path.write_bytes(StudyMetadata.model_construct(**plain).model_dump_json(warnings=False).encode())
    with pytest.raises(DocumentError, match=said):
        StudyMetadata.read(path)
