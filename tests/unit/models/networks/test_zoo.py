"""Libraries of architectures: only where they are asked for, and never a download."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.checkpoints import load_site_model, open_network, save_site_model
from closedloop.models.networks.opening import Filling, open_whole
from closedloop.models.networks.zoo import build_timm, build_torchvision, stated_normalisation, zoo_version
from closedloop.models.site_model import build_site_model, freeze_for_attack
from tests.unit.models.networks.zoo_networks import CASES, needs_zoo

torch.set_num_threads(1)
WITHOUT = """
import sys
LIBRARIES = ("timm", "torchvision", "huggingface_hub")
sys.modules.update(dict.fromkeys(LIBRARIES))  # whoever imports one fails
from pathlib import Path
from tests.loop.studies import PROTOCOL
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.models import build_site_model, load_site_model, open_base_model, save_site_model
from closedloop.study.foresight.weights import find_base_model
protocol = read_protocol(PROTOCOL)
find_base_model(protocol, None, place=str(PROTOCOL))
print(sorted(name for name in LIBRARIES if sys.modules[name] is not None))
"""


def test_nothing_of_the_zoo_is_imported_for_networks_of_ours() -> None:
    finished = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert finished.stdout == "[]\n", finished.stderr


def test_a_library_that_is_not_installed_has_no_version() -> None:
    assert zoo_version("no_such_library_of_networks") is None


@needs_zoo
@pytest.mark.parametrize("option", ["pretrained", "weights", "checkpoint_path", "pretrained_cfg", "cache_dir"])
def test_an_option_of_weights_is_refused(option: str) -> None:
    for build, name in ((build_timm, "convnext_atto"), (build_torchvision, "resnet18")):
        with pytest.raises(ProtocolError, match="never downloaded"):
            build(name, {option: "x"})


@needs_zoo
@pytest.mark.parametrize("name", ["convnext_ato", "hf-hub:someone/network", "local-dir:/somewhere"])
def test_an_unknown_name_is_refused_and_nothing_is_looked_up(name: str) -> None:
    for build in (build_timm, build_torchvision):
        with pytest.raises(ProtocolError, match="expected one of the"):
            build(name, {})


@needs_zoo
def test_an_option_that_does_not_fit_is_said() -> None:
    with pytest.raises(CheckpointError, match=r"Correct base_model\.options"):
        build_timm("convnext_atto", {"n_windows": 3})


@needs_zoo
def test_weights_are_read_from_a_file_and_must_be_all_of_them(tmp_path: Path) -> None:
    network, layer = CASES["convnext"]
    whole = open_whole(network, Filling(seed=5))
    torch.save(whole.state_dict(), tmp_path / "whole.pt")
    part = {key: value for key, value in whole.state_dict().items() if not key.startswith("stages.2")}
    torch.save(part, tmp_path / "part.pt")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    opened = open_network(network, Filling(tmp_path / "whole.pt"), layer=layer)
    random = open_network(network, Filling(seed=5), layer=layer)
    assert torch.equal(opened.trunk(images), random.trunk(images))
    with pytest.raises(CheckpointError, match="weights missing"):
        open_network(network, Filling(tmp_path / "part.pt"), layer=layer)


@needs_zoo
@pytest.mark.parametrize("name", list(CASES))
def test_a_model_is_the_same_after_it_was_written_read_and_frozen(name: str, tmp_path: Path) -> None:
    network, layer = CASES[name]
    model = build_site_model(open_network(network, Filling(seed=1), layer=layer), n_sites=2, side_px=32, seed=0)
    save_site_model(tmp_path / "model.safetensors", model)
    read = load_site_model(tmp_path / "model.safetensors")
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(images)
        assert torch.equal(read(images), expected)
        assert torch.equal(freeze_for_attack(read)(images), expected)


@needs_zoo
def test_what_the_library_states_of_pixels_is_known() -> None:
    stated = stated_normalisation(build_timm("convnext_atto", {}))
    assert stated == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert stated_normalisation(nn.Identity()) is None
