"""What a laboratory decides otherwise than planned, in a simulated real study: it goes on, says so, and can go back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.kept import kept_folders
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_file
from closedloop.study.verification.study import verify_study
from tests.loop.real_study import RealStudy
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def content(study: RealStudy) -> dict[str, str]:
    """Return the sha256 of every published file: all of a study but when and where it was made."""
    files = [path for folder in (study.paths.start, *study.root.glob("day-*")) for path in folder.rglob("*")]
    own = [path for path in files if path.is_file() and not {"replaced", "gates"} & set(path.parts)]
    return {study.paths.relative(path): sha256_file(path) for path in own if path.name != MANIFEST_NAME}


def did(*arguments: str | Path) -> str:
    finished = closedloop(*arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def epsilons(study: RealStudy, day: int) -> set[float]:
    stimuli = catalog.STIMULI.read(catalog.STIMULI.published(study.paths, day))
    return set(stimuli["epsilon"][stimuli["kind"] == "attacked"].tolist())


def test_an_epsilon_is_added_from_a_day_on_taken_back_and_added_again(real_study: RealStudy, tmp_path: Path) -> None:
    real_study.day_of_data()
    real_study.run()
    without = content(real_study)
    differs = tmp_path / "differs.yaml"
    differs.write_text("attack: {epsilons: [2.5, 5, 10]}\n")
    amend = ("amend", real_study.root, differs, "--from-day", "1", "--by", "ada", "--why", "a finer curve")

    assert "The session of day 1 is made anew" in did(*amend)
    real_study.run()
    assert (epsilons(real_study, 0), epsilons(real_study, 1)) == ({2.5, 10}, {2.5, 5, 10})
    did("withdraw", real_study.root, "1", "--by", "ada", "--why", "too long")
    real_study.run()
    assert content(real_study) == without

    did(*amend)
    real_study.run()
    real_study.day_of_data(1)
    assert real_study.run().waiting_for is None
    rows = catalog.SENSITIVITY.read(catalog.SENSITIVITY.published(real_study.paths, 1))
    assert set(rows["epsilon"][rows["estimate"] == "paper"].tolist()) == {2.5, 5, 10}
    said = "amended the protocol from day 1 on: attack.epsilons [2.5, 10.0] -> [2.5, 5.0, 10.0]"
    assert said in did("history", real_study.root)
    assert said in did("status", real_study.root)
    page = (real_study.paths.report / "index.html").read_text().replace("&gt;", ">")
    assert said in page
    assert "Signs are counted at the ε that all days have (2.5, 10)" in page
    assert verify_study(real_study.paths).faults == ()
    refused = closedloop("withdraw", real_study.root, "3", "--why", "no")
    assert refused.returncode == 1
    assert "nothing recorded is made again" in refused.stderr


def test_a_recording_is_replaced_after_a_later_day_was_shown_and_put_back(
    real_study: RealStudy, tmp_path: Path
) -> None:
    real_study.day_of_data()
    real_study.run()
    better = another_recording(real_study, tmp_path)
    real_study.day_of_data(1)
    assert real_study.run().waiting_for is None
    before = content(real_study)
    sites = catalog.SITES.read(catalog.SITES.published(real_study.paths, 0))

    said = did("replace-recording", real_study.root, "--day", "0", "--from", better, "--why", "cut", "--settle", "0")
    assert "Day 1 stands as it was shown." in said
    assert real_study.run().waiting_for is None
    after = content(real_study)
    changed = {name for name in after if name.startswith("day-01/") and after[name] != before[name]}
    of_the_fit = {name for name in changed if name.startswith("day-01/refit/")}
    assert of_the_fit
    assert changed - of_the_fit == {"day-01/ingest/identity.json"}  # who is who is asked of day 0
    assert after["day-00/refit/model.safetensors"] != before["day-00/refit/model.safetensors"]
    assert [kept.name for kept in kept_folders(real_study.paths.folder("refit", 0))] == ["refit-1"]
    again = catalog.SITES.read(catalog.SITES.published(real_study.paths, 0))
    assert {site.neuroid_id: site.site_index for site in again.chosen()} == {
        site.neuroid_id: site.site_index for site in sites.chosen()
    }
    found = verify_study(real_study.paths)
    assert found.faults == ()
    assert any("day-01/synthesize: stands as its session was shown" in note for note in found.notes)
    page = (real_study.paths.report / "day-01.html").read_text()
    assert (
        "The session of day 1 stands as it was shown: it was made with the responses of day 0 and the model of day 0"
        in page
    )

    kept = real_study.paths.kept(0, 1)
    did("replace-recording", real_study.root, "--day", "0", "--from", kept, "--why", "whole", "--settle", "0")
    assert real_study.run().waiting_for is None
    assert content(real_study) == before
    assert verify_study(real_study.paths).faults == ()


def another_recording(study: RealStudy, tmp_path: Path) -> Path:
    """Record the session of day 0 once more, of other neurons and with other noise: it would choose other sites."""
    other = replace(study, paths=StudyPaths(Path(shutil.copytree(study.root, tmp_path / "other"))))
    shutil.rmtree(other.paths.folder("recording", 0))
    other.paths.protocol.write_text(other.paths.protocol.read_text().replace("\nseed: 2022", "\nseed: 2023"))
    return other.record(0)
