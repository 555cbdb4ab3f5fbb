"""A study that attacks a decoder, through its real files; decoded by a command that is killed and started again."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.day_use import fitted_rows, population_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, PROTOCOL, closedloop, command, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

POLL_S = 0.01
N_IMAGES, N_EPSILONS = 3, 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days, the second of which attacks a decoder fitted to the first."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        asked = f"population: {{n_images: {N_IMAGES}, epsilons: [2.5, 10.0], steps: 3, gradient: {{shift: 0.094}}}}\n"
        asked += "probes: {singles: 60}\n"
        text = re.sub(r"n_categories: \d+", "n_categories: 6", PROTOCOL.read_text())
        text = re.sub(r"n_per_category: \d+", "n_per_category: 60", text)
        protocol = place.with_name("population.yaml")
        protocol.write_text(text.replace("attack:\n", f"{asked}attack:\n"))
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "population", run)


def test_the_decoder_was_sealed_before_and_its_attacks_never_fitted(study: Path) -> None:
    paths = StudyPaths(study)
    assert not catalog.DECODER.published(paths, 0).exists()
    decoder = catalog.DECODER.read(catalog.DECODER.published(paths, 1))
    assert (decoder.days, decoder.day) == ((0,), 1)
    stimuli = read_stimulus_set(reader_of(paths), 1)
    rows = population_rows(stimuli)
    assert len(rows) == 2 * N_IMAGES * N_EPSILONS
    assert not set(rows.tolist()) & set(fitted_rows(stimuli).tolist())
    assert (stimuli.columns["realised_epsilon"][rows] <= stimuli.columns["epsilon"][rows]).all()
    uses = catalog.USES.read(catalog.USES.published(paths, 0))
    assert "population_base" not in set(uses["use"])


def test_estimates_of_sensitivity_do_not_know_them_and_a_table_of_their_own_does(study: Path) -> None:
    opened = library.open_study(study)
    assert set(opened.pairs()["kind"]) == {"attacked", "gaussian", "linear"}
    effects = opened.population()
    assert len(effects) == 2 * N_IMAGES * N_EPSILONS
    assert set(effects["day"]) == {1}
    assert not [name for name in effects if name.startswith("true_")]
    truth = opened.population(truth=True)
    assert np.isfinite(truth["true_margin_changed"]).all()


def kill_on_the_way(study: Path, out: Path) -> bool:
    """Start the command and kill it once something is finished; tell whether that was before its end."""
    asked = command("studies", "population", "--study", study, "--out", out)
    with Child(asked, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not list(out.glob("shards/*/*.npz")) and process.poll() is None:
            time.sleep(POLL_S)
        process.kill()
        process.wait()
    return not (out / "settings.json").exists()


def test_killed_and_started_again_the_study_leaves_the_same_files(study: Path, tmp_path: Path) -> None:
    assert kill_on_the_way(study, tmp_path / "killed")
    finished = [
        closedloop("studies", "population", "--study", study, "--out", tmp_path / name) for name in ("whole", "killed")
    ]
    assert [one.returncode for one in finished] == [0, 0], [one.stderr for one in finished]
    whole, killed = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir() if file.is_file()}
        for name in ("whole", "killed")
    )
    assert whole == killed
    tables = ("decoding", "redundancy", "by_category", "sealed")
    assert set(whole) == {f"{name}.{end}" for name in tables for end in ("csv", "parquet")} | {
        *("settings.json", "index.html", ".lock")
    }
    assert "attacks on the decoder" in finished[0].stdout
    assert b"Simulated truth" in whole["index.html"]


def test_without_truth_nothing_of_the_hidden_cortex_is_asked(study: Path, tmp_path: Path) -> None:
    finished = closedloop("studies", "population", "--study", study, "--out", tmp_path / "out", "--no-truth")
    assert finished.returncode == 0, finished.stderr
    assert b"Simulated truth" not in (tmp_path / "out" / "index.html").read_bytes()
    assert not (tmp_path / "out" / "shards").exists()
