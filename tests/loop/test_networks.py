"""A simulated day closed with networks from elsewhere: own code, torchvision's and timm's architectures."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.storage import sha256_file
from tests.loop.studies import PROTOCOL, closedloop, one_line_error, run_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NETWORK = '''"""A network of a laboratory."""

from torch import nn


def network() -> nn.Module:
    map_of_8 = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.Tanh(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
    return nn.Sequential(map_of_8, nn.Flatten(), nn.Linear(16 * 8 * 8, 4))
'''
PIXELS = "{mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}"
OURS = "base_model:\n  architecture: small_resnet\n  layer: layer3.0\n  weights: small_resnet_robust\n"
MODULE = (
    "{source: module, factory: net.py:network, layer: '0.2', weights: random, seed: 1, layout: {kind: nchw}, "
    f"preprocessing: {PIXELS}}}"
)
EXPORTED = MODULE.replace("net.py:network", "net.pt2").replace("random, seed: 1", "included")
VIT = (
    "{source: timm, architecture: vit_tiny_patch16_224, options: {img_size: 32, patch_size: 8, depth: 3}, "
    "layer: blocks.1, weights: random, layout: {kind: ntokens, prefix_tokens: 1, grid: [4, 4]}, "
    f"preprocessing: {PIXELS}, readout: "
)
SWIN = (
    "{source: timm, architecture: swin_tiny_patch4_window7_224, options: {img_size: 56, embed_dim: 24, "
    "depths: [2, 2], num_heads: [3, 6]}, layer: layers.1, weights: random, layout: {kind: nhwc}, "
    "preprocessing: {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], side_px: 56}}"
)
FROM_ELSEWHERE = {
    "module": MODULE,
    "exported": EXPORTED,
    "resnet18": "{source: torchvision, architecture: resnet18, layer: layer2.0, weights: random, "
    f"layout: {{kind: nchw}}, preprocessing: {PIXELS}}}",
    "vit": f"{VIT}full}}",
    "vit_class_token": f"{VIT}class_token}}",
    "convnext": "{source: timm, architecture: convnext_atto, layer: stages.1, weights: random, layout: {kind: nchw}, "
    f"preprocessing: {PIXELS}, readout: average}}",
    "swin": SWIN,
}
OWN_CODE = ("module", "exported")
HAS_ZOO = find_spec("timm") is not None and find_spec("torchvision") is not None


def protocol(place: Path, base_model: str, *, ensemble: str = "") -> Path:
    """Return a protocol of one short day with another base model, and the code beside it."""
    text = PROTOCOL.read_text().replace(OURS, f"base_model: {base_model}\n{ensemble}")
    text = text.replace("days: 2", "days: 1").replace("raw_days: [1]", "raw_days: []")
    text = text.replace("readout_start: random", "readout_start: closed_form")
    place.parent.mkdir(parents=True, exist_ok=True)
    (place.parent / "net.py").write_text(NETWORK)
    place.write_text(text)
    return place


def export(folder: Path) -> None:
    """Write the network of net.py as a program of torch.export that takes any number of images."""
    namespace: dict[str, Any] = {}
    exec((folder / "net.py").read_text(), namespace)
    images, any_number = torch.zeros(2, 3, 32, 32), {0: torch.export.Dim("n", min=1, max=4096)}
    program = torch.export.export(namespace["network"]().eval(), (images,), dynamic_shapes=(any_number,))
    torch.export.save(program, folder / "net.pt2")


@pytest.mark.skipif(not HAS_ZOO, reason="timm and torchvision (extra zoo) are not installed")
def test_a_day_closes_with_a_network_of_a_library(tmp_path: Path) -> None:
    """One stands for all: what the stages do with each of them is tested beside the stages."""
    file = protocol(tmp_path / "one.yaml", FROM_ELSEWHERE["vit_class_token"])
    finished = closedloop("dry-run", tmp_path / "study", "--protocol", file)
    assert finished.returncode == 0, finished.stderr
    paths = StudyPaths(tmp_path / "study")
    rows = catalog.SENSITIVITY.read(catalog.SENSITIVITY.published(paths, 0))
    assert np.isfinite(rows["mean"]).any()
    fitted = load_site_model(catalog.MODEL.left(paths, 0))
    assert fitted.spec.network is not None
    shown = catalog.STIMULI.read(catalog.STIMULI.published(paths, 0))
    attacked = shown["kind"] == "attacked"
    assert attacked.any()
    assert (shown["realised_epsilon"][attacked] <= shown["epsilon"][attacked] + 1e-9).all()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished day of an ensemble of own code and a network of ours, moved away from its code."""

    def run(place: Path) -> subprocess.CompletedProcess[str]:
        member = "ensemble:\n  - {architecture: small_resnet, layer: layer3.0, weights: small_resnet_robust}\n"
        made = place.parent / "made"
        file = protocol(made / "one.yaml", MODULE, ensemble=member)
        finished = closedloop("dry-run", made / "study", "--protocol", file)
        (made / "study").rename(place)
        (made / "net.py").unlink()
        return finished

    return run_once(tmp_path_factory, "networks", run)


def test_members_may_be_of_several_sources_and_the_study_holds_the_code(study: Path) -> None:
    fitted = load_site_model(catalog.MODEL.left(StudyPaths(study), 0))
    assert isinstance(fitted, SiteEnsemble)
    assert [member.spec.architecture for member in fitted.members] == ["module/net.py:network", "small_resnet"]
    recorded = catalog.STUDY_INPUTS.read(catalog.STUDY_INPUTS.published(StudyPaths(study), 0))
    assert recorded.code == {"net.py:network": sha256_file(study / "inputs" / "net.py")}
    assert closedloop("verify", study).returncode == 0


def test_code_that_changed_is_refused_by_its_hash(study: Path, tmp_path: Path) -> None:
    other = tmp_path / "study"
    shutil.copytree(study, other)
    (other / "inputs" / "net.py").write_text(NETWORK.replace("Tanh", "ReLU"))
    with pytest.raises(CheckpointError, match="expected the code that was trusted"):
        load_site_model(catalog.MODEL.left(StudyPaths(other), 0))
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.zeros((32, 32, 3), dtype=np.uint8)).save(images / "black.png")
    model = catalog.MODEL.left(StudyPaths(other), 0)
    finished = closedloop("attack", model, images, "--out", tmp_path / "attacks")
    assert finished.returncode == 1
    assert "expected the code that was trusted" in finished.stderr.splitlines()[-1]
    assert closedloop("verify", other).returncode != 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("layout: {kind: nhwc}", "expected a map as square as the images, as base_model.layout (nhwc) says"),
        ("layout: {kind: ntokens, grid: [8, 8]}", "expected 3 axes, the first of 1 images"),
    ],
)
def test_a_wrong_layout_is_refused_before_a_study_is_made(wrong: str, said: str, tmp_path: Path) -> None:
    file = protocol(tmp_path / "one.yaml", MODULE.replace("layout: {kind: nchw}", wrong))
    assert said in one_line_error(closedloop("dry-run", tmp_path / "study", "--protocol", file))
    assert not (tmp_path / "study").exists()
