"""A study that compares arms, through its real files: on the same pairs, sealed before anything is shown."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.day_use import fitted_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.stimulus_set import read_stimulus_set
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import freeze_for_attack, predict
from closedloop.storage import sha256_file
from tests.loop.studies import PROTOCOL, closedloop, run_once
from tests.loop.test_networks import MODULE, NETWORK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHARED = {"shift": 0.094, "blur": 0.025}
LEVELS = [-0.5, 0.5]
ARMS = {
    "n_pairs": 12,
    "models": [
        {
            "name": "beside",
            "base_model": {"architecture": "small_plain", "layer": "layer3.0", "weights": "small_plain_robust"},
        },
        {"name": "code", "base_model": yaml.safe_load(MODULE)},
    ],
    "arms": [
        {"name": "paper", "model": "member_0", "search": "paper31", "steps": 3, "step_fraction": 0.333},
        {"name": "whole", "gradient": SHARED, "steps": 3},
        {"name": "other", "model": "beside", "gradient": SHARED, "steps": 3, "share": 0.5},
        {
            "name": "levels",
            "model": "code",
            "objective": {"kind": "level", "targets": LEVELS},
            "steps": 6,
            "step_fraction": 0.5,
            "share": 0.5,
        },
    ],
}
MODELS = ("day", "member_0", "member_1", "beside", "code")
N_MADE = 12 + 12 + 6 + 6 * len(LEVELS)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of two days, the second of which has four arms, one of them of a laboratory's own network."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        plain = yaml.safe_load(PROTOCOL.read_text())
        plain["ensemble"] = [plain["base_model"] | {"weights": "small_resnet_vanilla"}]
        plain["arms"] = ARMS
        protocol = place.with_name("arms.yaml")
        protocol.write_text(yaml.safe_dump(plain))
        protocol.with_name("net.py").write_text(NETWORK)
        return closedloop("dry-run", place, "--protocol", protocol)

    return run_once(tmp_path_factory, "arms", run)


def test_arms_attack_the_same_pairs_and_a_smaller_share_the_first_of_them(study: Path) -> None:
    paths = StudyPaths(study)
    made = catalog.ARM_ATTACKS.read(catalog.ARM_ATTACKS.published(paths, 1))
    assert Counter(made["arm"].tolist()) == {"paper": 12, "whole": 12, "other": 6, "levels": 12}
    pairs = {
        name: list(zip(made["clean_index"][made["arm"] == name], made["site_index"][made["arm"] == name], strict=True))
        for name in ("paper", "whole", "other", "levels")
    }
    assert pairs["paper"] == pairs["whole"]
    assert pairs["other"] == pairs["paper"][:6]
    assert pairs["levels"] == [pair for pair in pairs["other"] for _ in LEVELS]
    assert len(set(pairs["paper"])) == 12
    assert not catalog.ARM_ATTACKS.published(paths, 0).exists()
    assert dict(zip(made["arm"].tolist(), made["model"].tolist(), strict=True)) == {
        "paper": "member_0",
        "whole": "day",
        "other": "beside",
        "levels": "code",
    }


def test_every_models_predictions_are_of_weights_of_before_and_the_session_was_made_from_them(study: Path) -> None:
    """Recomputed from what the day before left, and named by hash in what was scheduled and shown."""
    paths = StudyPaths(study)
    sealed = catalog.SEALED_MODELS.read(catalog.SEALED_MODELS.published(paths, 1))
    assert sealed.models == MODELS
    day_model = catalog.MODEL.left(paths, 0)
    beside = [catalog.model_of_arms(name).left(paths, 0) for name in ("beside", "code")]
    assert sealed.sha256 == (*[sha256_file(day_model)] * 3, *map(sha256_file, beside))
    model = freeze_for_attack(load_site_model(day_model))
    assert isinstance(model, SiteEnsemble)
    images = catalog.IMAGES.read(catalog.IMAGES.published(paths, 1))["images"]
    others = [freeze_for_attack(load_site_model(one)) for one in beside]
    again = [predict(one, images) for one in (model, *model.members, *others)]
    predicted = catalog.ARM_PREDICTIONS.read(catalog.ARM_PREDICTIONS.published(paths, 1))["predicted"]
    np.testing.assert_allclose(predicted, np.stack(again), atol=1e-5)
    of_stage = {stage: read_manifest(paths.day(1).folder(stage)) for stage in ("synthesize", "schedule", "present")}
    for before, after in (("synthesize", "schedule"), ("schedule", "present")):
        folder = paths.relative(paths.day(1).folder(before))
        for name, entry in of_stage[before].outputs.items():
            assert of_stage[after].inputs[f"{folder}/{name}"] == entry.sha256


def test_what_the_sites_did_is_evaluated_and_counts_nowhere_else(study: Path) -> None:
    opened = library.open_study(study)
    effects, foretold = opened.arms(truth=True), opened.foretold()
    assert len(effects) == N_MADE
    assert "true_change" not in opened.arms()
    stimuli, rates = opened.stimuli(1), opened.responses(1)
    shown = opened.presentations(1)
    means = rates[shown["used"]].groupby(shown.loc[shown["used"], "image_index"]).mean()
    sigma, unit_of_models = opened.evaluation(1).sigma_hz, opened.evaluation(1).z_sd_hz
    is_normalizer = (stimuli["kind"] == "clean") & (stimuli["role"] == "normalizer")
    assert unit_of_models == pytest.approx(means[is_normalizer.reindex(means.index)].std().to_dict())
    for row in effects.itertuples():
        clean = stimuli.loc[row.image_index, "clean_index"]
        hz = means.loc[row.image_index, row.neuroid_id] - means.loc[clean, row.neuroid_id]
        assert row.change == pytest.approx(hz / sigma[row.neuroid_id], nan_ok=True)
    assert np.isfinite(effects["true_change"]).all()
    assert set(foretold["reviewer"]) == set(MODELS)
    assert len(foretold) == N_MADE * len(MODELS)
    own = foretold.merge(effects[["image_index", "model", "predicted_sign"]], on="image_index")
    own = own[own["reviewer"] == own["model"]]
    assert (np.sign(own["foretold"]) == own["predicted_sign"]).all()
    assert "arm" not in set(opened.pairs()["kind"])
    stimulus_set = read_stimulus_set(reader_of(StudyPaths(study)), 1)
    assert "arm" not in set(stimulus_set.columns["kind"][fitted_rows(stimulus_set)])


def test_pages_and_status_tell_of_them(study: Path) -> None:
    page = (study / "report" / "day-01.html").read_text()
    assert "Arms beside each other" in page
    assert "paper − whole" in page
    assert "r, foretold by" in page
    assert "slope on the level" in page
    assert "images of levels" in page
    assert "Arms beside each other" not in (study / "report" / "day-00.html").read_text()
    assert f"{N_MADE} by arms" in page
    assert f"{N_MADE} by arms" in closedloop("history", study).stdout


@pytest.mark.parametrize("name", ["beside", "code"])
def test_a_network_beside_is_fitted_every_day(study: Path, name: str) -> None:
    paths, file = StudyPaths(study), catalog.model_of_arms(name)
    places = (file.published(paths, 0), file.left(paths, 0), file.left(paths, 1))
    assert len({sha256_file(place) for place in places}) == 3


def test_an_arm_with_an_objective_is_sealed_by_its_own_model_and_evaluated(study: Path) -> None:
    paths = StudyPaths(study)
    sealed = catalog.SEALED_ARM_OBJECTIVES.read(catalog.SEALED_ARM_OBJECTIVES.published(paths, 1))
    assert sealed["target"].tolist() == LEVELS * 6
    assert set(sealed["objective"]) == {"levels"}
    predicted = catalog.ARM_PREDICTIONS.read(catalog.ARM_PREDICTIONS.published(paths, 1))["predicted"]
    of_code = predicted[MODELS.index("code")]
    stimuli = read_stimulus_set(reader_of(paths), 1)
    fresh = of_code[stimuli.rows(kind="clean", role="clean")].astype(np.float64)
    site, index = sealed["site_index"], sealed["image_index"]
    np.testing.assert_allclose(sealed["predicted_made"], of_code[index, site], atol=1e-5)
    np.testing.assert_allclose(sealed["predicted_sd"], fresh.std(axis=0)[site], atol=1e-5)
    level = sealed["predicted_mean"] + sealed["target_sd"] * sealed["predicted_sd"]
    missed = np.abs(of_code[index, site] - level) / sealed["predicted_sd"]
    assert sealed["is_reached"].tolist() == (missed <= 0.0201).tolist()
    arms = library.open_study(study).arms()
    own = arms[arms["arm"] == "levels"].set_index("image_index")
    assert own["target"].loc[index].tolist() == sealed["target"].tolist()
    assert own["is_reached"].loc[index].tolist() == sealed["is_reached"].tolist()
    assert set(arms.loc[arms["arm"] != "levels", "objective_kind"]) == {"attack"}
    assert arms.loc[arms["arm"] != "levels", "target"].isna().all()


def test_code_of_a_network_beside_is_kept_and_refused_once_it_is_another(study: Path, tmp_path: Path) -> None:
    inputs = catalog.STUDY_INPUTS.read(catalog.STUDY_INPUTS.published(StudyPaths(study), 0))
    assert inputs.code == {"net.py:network": sha256_file(study / "inputs" / "net.py")}
    other = tmp_path / "study"
    shutil.copytree(study, other)
    (other / "inputs" / "net.py").write_text(NETWORK.replace("Tanh", "ReLU"))
    with pytest.raises(CheckpointError, match="expected the code that was trusted"):
        load_site_model(catalog.model_of_arms("code").left(StudyPaths(other), 0))
    assert closedloop("verify", other).returncode != 0
