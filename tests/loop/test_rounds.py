"""Days cut into rounds: a simulated study and one of an animal run through, killed between and in them; same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop import open_study
from closedloop.access.clean_responses import clean_responses
from closedloop.artifacts import catalog
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.status import read_status, status_lines
from closedloop.studies.category_preference.measure import find_preferences
from closedloop.studies.image_sensitivity.gather import gather_pairs
from closedloop.study.verification.study import verify_study
from tests.equipment.processes import Child
from tests.loop.nwb_files import assert_as_published, export, session_of
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study
from tests.loop.studies import ENVIRONMENT, closedloop, command, run_once, sensitivity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SESSIONS = (Block(0), Block(1), Block(1, 2))
KILLED_IN = ("day-01/synthesize", "day-01/refit", "day-01/queue", "day-01.2/synthesize", "day-01.2/evaluate")
POLL_S = 0.002


def protocol_of_rounds(folder: Path) -> Path:
    """Write the smallest protocol with a day of two rounds; a site's one fresh image is attacked in the first."""
    written = folder / "two_rounds.yaml"
    written.write_text(PROTOCOL.read_text().replace("days: 2", "days: 2\nrounds: 2"))
    return written


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def run(study: Path) -> subprocess.CompletedProcess[str]:
        return closedloop("dry-run", study, "--protocol", protocol_of_rounds(study.parent))

    return run_once(tmp_path_factory, "two_rounds", run)


def manifests(study: Path) -> dict[str, object]:
    """Return the bytes of all that was published, by hash, without journals: they say how long a stage took."""
    read = {path.parent: read_manifest(path.parent) for path in study.rglob(MANIFEST_NAME)}
    return {
        folder.relative_to(study).as_posix(): (
            one.seed,
            {name: entry for name, entry in one.outputs.items() if name != catalog.JOURNAL.name},
        )
        for folder, one in read.items()
    }


def roles(paths: StudyPaths, block: Block, *, kind: str) -> dict[str, int]:
    """Count a session's stimuli of a kind by their role."""
    rows = catalog.STIMULI.read(catalog.STIMULI.published(paths.at(block), block.day))
    own = rows["role"][rows["kind"] == kind].tolist()
    return {role: own.count(role) for role in sorted(set(own))}


def test_each_round_shows_its_part_of_the_day(simulated: Path) -> None:
    paths = StudyPaths(simulated)
    assert [roles(paths, one, kind="clean") for one in SESSIONS] == [
        {"anchor": 4, "clean": 24, "normalizer": 4},
        {"clean": 12, "normalizer": 4},
        {"anchor": 4, "clean": 12, "normalizer": 4},
    ]
    assert [set(roles(paths, one, kind="attacked")) for one in SESSIONS] == [{"anchor", "clean"}, {"clean"}, {"anchor"}]
    assert [roles(paths, one, kind="gaussian") for one in SESSIONS] == [{"anchor": 4}, {}, {"anchor": 4}]
    clean = [
        {name for name, role in zip(rows["image_id"], rows["role"], strict=True) if role == "clean"}
        for rows in (
            catalog.PLANNED_IMAGES.read(catalog.PLANNED_IMAGES.published(paths.at(b), b.day)) for b in SESSIONS
        )
    ]
    assert len(clean[0] | clean[1] | clean[2]) == 24 + 12 + 12


def test_each_round_is_attacked_by_the_model_of_the_one_before(simulated: Path) -> None:
    paths = StudyPaths(simulated)
    made_from = read_manifest(paths.at(Block(1, 2)).folder("synthesize", 1)).inputs
    model = catalog.MODEL.left(paths.at(Block(1)), 1)
    assert model.is_file()
    assert paths.relative(model) in made_from
    fit = catalog.FIT.read(catalog.FIT.left(paths.at(Block(1, 2)), 1))
    assert fit.n_fitted_by_day == (24 + 6, 12 + 6, 12)  # fresh ones and their attacks of two sizes at three sites
    assert fit.n_heldout == 4 + 4  # anchors of day 0 and of the last round


def test_the_day_is_evaluated_of_all_its_rounds(simulated: Path) -> None:
    study = open_study(simulated)
    days = {row["day"] for row in study.sensitivity().to_dict("records")}
    assert days == {0, 1}
    estimates = [
        {str(name) for name in catalog.SENSITIVITY.read(catalog.SENSITIVITY.left(paths.at(block), 1))["estimate"]}
        for paths in [StudyPaths(simulated)]
        for block in SESSIONS[1:]
    ]
    assert estimates[1] - estimates[0] == {"white_box", "gaussian", "linear"}
    of_last = open_study(simulated, session=(1, 2))
    for name in ("sensitivity", "intervals", "slopes", "pairs"):
        whole, last = (getattr(one, name)().query("day == 1").reset_index(drop=True) for one in (study, of_last))
        assert whole.equals(last), name
    pairs = catalog.PAIRS.read(catalog.PAIRS.left(StudyPaths(simulated).at(Block(1, 2)), 1))
    attacked = pairs["role"][pairs["kind"] == "attacked"].tolist()
    assert (attacked.count("clean"), attacked.count("anchor")) == (6, 12)
    assert verify_study(StudyPaths(simulated)).faults == ()
    assert "All 2 days are done." in "\n".join(status_lines(read_status(simulated)))
    assert {"day-01.html", "day-01.2.html"} <= {page.name for page in (simulated / "report").glob("*.html")}


def test_a_round_as_an_nwb_file_says_that_its_estimates_are_of_the_day_so_far(simulated: Path, tmp_path: Path) -> None:
    last = SESSIONS[-1]
    export(simulated, tmp_path, "--day", "1", "--session", "2")
    with session_of(simulated, tmp_path, last) as (file, files):
        assert_as_published(file, files, last.day)
        misc = file.processing["misc"]
        own, pairs = set(misc["stimuli"]["stimulus_id"].data[:]), set(misc["pairs"]["stimulus_id"].data[:])
        assert pairs - own  # attacked in the round before
        for name in ("pairs", "sensitivity"):
            assert misc[name].description.endswith("Of all sessions of the day up to this one.")


def test_studies_of_it_have_the_images_of_all_rounds(simulated: Path) -> None:
    study = open_study(simulated)
    assert study.sessions == SESSIONS
    assert (study.evaluated_days, study.days_with_slopes) == ((0, 1), (0, 1))
    clean = clean_responses(study, roles=("clean",))
    assert len(clean.image_ids) == 24 + 12 + 12
    assert np.bincount(clean.image_index).tolist() == [3] * 48
    preferences = find_preferences(study, seed=0)
    assert preferences.attacks is not None
    assert preferences.attacks.day == 1
    assert preferences.document.n_images == 24 + 12 + 12 + 4 + 4
    pairs = gather_pairs(study, None, truth=False)
    table = study.pairs(1)
    own = table[(table["kind"] == "attacked") & np.isfinite(table["change"])]
    assert (pairs.day, len(pairs.epsilon)) == (1, len(own))  # of all rounds: fresh images of the first one, too
    assert set(pairs.image_ids) == set(own["image_id"])
    assert set(own["role"]) == {"clean", "anchor"}


def test_killed_in_a_round_and_between_two_it_ends_with_the_same_bytes(simulated: Path, tmp_path: Path) -> None:
    study, protocol = tmp_path / "study", protocol_of_rounds(tmp_path)
    ran = command("dry-run", study, "--protocol", protocol)
    n_killed = sum(killed_in(study, folder, ran) for folder in KILLED_IN)
    assert n_killed >= len(KILLED_IN) - 1  # one may have ended meanwhile
    finished = closedloop(*ran[3:])
    assert finished.returncode == 0, finished.stderr
    assert manifests(study) == manifests(simulated)
    assert sensitivity(study) == sensitivity(simulated)


def killed_in(study: Path, folder: str, ran: list[str]) -> bool:
    """Start the loop and kill it as soon as it works on a stage, or has done it; return whether it was alive."""
    done = study / folder
    working = done.with_name(f".{done.name}.partial")
    with Child[bytes](ran, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as loop:
        while not (working.exists() or done.exists()) and loop.poll() is None:
            time.sleep(POLL_S)
        if loop.poll() is not None:
            return False
        os.kill(loop.pid, signal.SIGKILL)
        loop.wait()
        return True


@pytest.fixture(scope="module")
def after_day_0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of an animal with two rounds a day, whose day 0 is done and whose first round is scheduled."""
    folder = tmp_path_factory.mktemp("rounds")
    made = make_real_study(folder / "study", protocol=protocol_of_rounds(folder))
    made.day_of_data()
    assert (made.go_on().waiting_for or "").startswith("day 1: the session is ready")
    return made.root


def rounds_of(made: RealStudy) -> Iterator[RealStudy]:
    """Yield the study seen from each round of day 1."""
    for block in SESSIONS[1:]:
        yield replace(made, paths=made.paths.at(block))


def test_the_rounds_of_an_animal_s_day_follow_each_other_when_files_arrive(after_day_0: Path, tmp_path: Path) -> None:
    shutil.copytree(after_day_0, tmp_path / "study")
    made = RealStudy(StudyPaths(tmp_path / "study"))
    first, second = rounds_of(made)
    first.day_of_data(1)
    assert (made.go_on().waiting_for or "").startswith("day 1, session 2: the session is ready")
    assert catalog.SESSION.read(catalog.SESSION.published(second.paths, 1)).block == 2
    second.day_of_data(1)
    assert made.go_on().waiting_for is None
    assert verify_study(made.paths).faults == ()
    assert "All 2 days are done." in "\n".join(status_lines(read_status(made.root)))
