"""A study that asks other objectives than an attack, through its real files, by a cortex with headroom."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.day_use import objective_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.stimulus_set import read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from tests.loop.studies import PROTOCOL, closedloop, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OBJECTIVES = [
    {"name": "level", "kind": "level", "n_sites": 2, "targets": [0.0, 1.0], "epsilon": 30.0, "steps": 6},
    {"name": "apart", "kind": "controversial", "n_sites": 2, "steps": 3},
    {"name": "up", "kind": "population", "n_images": 2, "steps": 3},
    {"name": "most", "kind": "maximise", "n_sites": 2, "ball": "none", "steps": 3},
]
N_MADE = 2 * 2 * 2 + 2 * 2 + 2 + 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days, the second of which has objectives."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        plain = yaml.safe_load(PROTOCOL.read_text())
        plain["ensemble"] = [plain["base_model"] | {"weights": "small_resnet_vanilla"}]
        plain["objectives"] = OBJECTIVES
        plain["simulation"]["headroom"] = True
        protocol = place.with_name("objectives.yaml")
        protocol.write_text(yaml.safe_dump(plain))
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "objectives", run)


def test_predictions_are_sealed_with_the_images_before_the_session_is_scheduled(study: Path) -> None:
    paths = StudyPaths(study)
    assert not catalog.SEALED_OBJECTIVES.published(paths, 0).exists()
    stimuli = read_stimulus_set(reader_of(paths), 1)
    sealed = catalog.SEALED_OBJECTIVES.read(catalog.SEALED_OBJECTIVES.published(paths, 1))
    rows = objective_rows(stimuli)
    assert len(rows) == N_MADE
    assert sealed["image_index"].tolist() == rows.tolist()
    assert (stimuli.columns["realised_epsilon"][rows] <= stimuli.columns["epsilon"][rows]).all()
    shown = catalog.PRESENTATIONS.read(catalog.PRESENTATIONS.published(paths, 1))
    assert set(rows.tolist()) <= set(shown["image_index"].tolist())


def test_no_estimate_of_sensitivity_knows_them_and_tables_of_their_own_do(study: Path) -> None:
    opened = library.open_study(study)
    assert "objective" not in set(opened.pairs()["kind"])
    effects = opened.objectives()
    assert len(effects) == N_MADE
    assert set(effects["objective"]) == {"level", "apart", "up", "most"}
    assert not [name for name in effects if name.startswith("true_")]
    assert np.isfinite(opened.objectives(truth=True)["true_made"]).all()
    paths = StudyPaths(study)
    estimates = catalog.OBJECTIVE_ESTIMATES.read(catalog.OBJECTIVE_ESTIMATES.published(paths, 1))
    assert {"slope", "distance", "change", "others", "pattern"} == set(estimates["measure"])


def test_the_days_page_tells_them_and_the_head_says_what_cortex_it_was(study: Path) -> None:
    page = (study / "report" / "day-01.html").read_text()
    assert "Other objectives: day 1" in page
    assert "slope on the target" in page
    assert "with headroom" in page
    assert re.search(rf"{N_MADE} images of other objectives", page)
