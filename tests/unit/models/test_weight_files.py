"""Files of weights: foreign ones under every wrapping, and every way in which one can be unusable."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from closedloop.errors import CheckpointError, StorageError
from closedloop.models.backbones import build_classifier
from closedloop.models.checkpoints import (
    classifier_details,
    load_classifier,
    load_site_model,
    open_base_model,
    save_classifier,
    save_site_model,
)
from closedloop.models.shipped import shipped_names, shipped_weights
from closedloop.models.site_model import SiteModel, build_site_model
from closedloop.models.weight_files import load_foreign_state_dict, read_metadata

torch.set_num_threads(1)


def state(*, n_classes: int = 30) -> dict[str, Tensor]:
    """State dict of a residual network whose BatchNorm statistics are not those of a new network."""
    weights = build_classifier("small_resnet", n_classes=n_classes, seed=5).state_dict()
    weights["bn1.running_mean"].fill_(0.25)
    return weights


def robustness_checkpoint(*, data_parallel: bool) -> dict[str, Any]:
    """Layout of the robustness library: the network twice, normalisers, an optimizer's state beside them."""
    prefix = "module." if data_parallel else ""
    model: dict[str, Tensor] = {f"{prefix}normalizer.new_mean": torch.zeros(3, 1, 1)}
    for key, value in state().items():
        model[f"{prefix}model.{key}"] = value
        model[f"{prefix}attacker.model.{key}"] = value + 1
    model[f"{prefix}attacker.normalize.new_std"] = torch.ones(3, 1, 1)
    return {"model": model, "epoch": 90, "optimizer": {"state": {}, "param_groups": []}}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def one_line(message: str) -> bool:
    return "\n" not in message and len(message) < 500


WRAPPINGS: dict[str, Any] = {
    "torchvision": lambda: OrderedDict(state()),
    "nested under state_dict": lambda: {"state_dict": state(), "epoch": 3},
    "data parallel": lambda: {f"module.{key}": value for key, value in state().items()},
    "robustness": lambda: robustness_checkpoint(data_parallel=False),
    "robustness on several devices": lambda: robustness_checkpoint(data_parallel=True),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_gives_torchvisions_keys_and_the_networks_own_weights(tmp_path: Path, wrapping: str) -> None:
    found = load_foreign_state_dict(saved(tmp_path / "weights.pth", WRAPPINGS[wrapping]()))
    expected = state()
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_foreign_safetensors_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "weights.safetensors")
    found = load_foreign_state_dict(tmp_path / "weights.safetensors")
    assert torch.equal(found["conv1.weight"], state()["conv1.weight"])


def test_an_opened_base_model_computes_with_the_files_weights(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.pth", robustness_checkpoint(data_parallel=True))
    base = open_base_model(path, architecture="small_resnet", layer="layer2.0")
    classifier = build_classifier("small_resnet", seed=5).eval()
    classifier.load_state_dict(state())
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = classifier[:5](image)  # conv1, bn1, relu, layer1, layer2
        assert torch.equal(base.trunk(image), expected)
    assert not base.trunk.training


def test_a_classifier_of_other_classes_serves_below_its_last_layer(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.pth", state(n_classes=7))
    assert "fc.weight" not in open_base_model(path, architecture="small_resnet", layer="avgpool").trunk.state_dict()


def test_old_torchvision_files_without_batch_counters_are_accepted(tmp_path: Path) -> None:
    old = {key: value for key, value in state().items() if not key.endswith("num_batches_tracked")}
    base = open_base_model(saved(tmp_path / "old.pth", old), architecture="small_resnet", layer="layer1.0")
    assert torch.equal(base.trunk.state_dict()["bn1.running_mean"], torch.full((16,), 0.25))


def without(key: str) -> dict[str, Tensor]:
    return {name: value for name, value in state().items() if name != key}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: without("layer1.0.conv2.weight"), r"1 weights missing: layer1\.0\.conv2\.weight\."),
        (lambda: {**state(), "head.weight": torch.ones(2)}, r"1 weights unknown: head\.weight\."),
        (
            lambda: {**state(), "conv1.weight": torch.ones(16, 3, 7, 7)},
            r"conv1\.weight \(16, 3, 7, 7\) for \(16, 3, 3, 3\)",
        ),
        (lambda: {**state(), "bn1.weight": torch.full((16,), float("nan"))}, r"not finite: bn1\.weight"),
        (lambda: build_classifier("resnet18").state_dict(), r"weights missing|weights unknown"),
        (lambda: {"epoch": 3}, "found no tensor"),
        (lambda: [torch.ones(3)], "found list"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_its_keys(tmp_path: Path, content: Any, message: str) -> None:
    path = saved(tmp_path / "weights.pth", content())
    with pytest.raises(CheckpointError, match=message) as caught:
        open_base_model(path, architecture="small_resnet", layer="layer2.0")
    assert one_line(str(caught.value))
    assert str(path) in str(caught.value)


class Surprise:
    """An object that would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("surprise"),)  # type: ignore[return-value]


def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "weights.pth", {"model": state(), "extra": Surprise()})
    with pytest.raises(CheckpointError, match="Python objects beyond tensors"):
        load_foreign_state_dict(path)
    assert not (tmp_path / "surprise").exists()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_truncated_weight_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"weights.{suffix}"
    torch.save(state(), path) if suffix == "pth" else save_file(state(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CheckpointError, match=r"truncated or corrupt.*copy it again") as caught:
        open_base_model(path, architecture="small_resnet", layer="layer2.0")
    assert one_line(str(caught.value))


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_rubbish_and_absent_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no such weight file"):
        open_base_model(tmp_path / name, architecture="small_resnet", layer="layer2.0")
    (tmp_path / name).write_bytes(b"this is a web page that says 404, not a weight file" * 9)
    with pytest.raises(CheckpointError, match=r"expected weights .* found text"):
        open_base_model(tmp_path / name, architecture="small_resnet", layer="layer2.0")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("beginning", [b"", b"\x80\x02", b"PK\x03\x04"])
def test_any_rubbish_is_refused_whatever_it_begins_with(tmp_path: Path, beginning: bytes, seed: int) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(beginning + np.random.default_rng(seed).bytes(300))
    with pytest.raises(CheckpointError, match="truncated or corrupt" if beginning else "found bytes of no kind"):
        load_foreign_state_dict(path)


def site_model(*, seed: int = 1) -> SiteModel:
    base = open_base_model("small_resnet_robust", layer="layer2.0")
    return build_site_model(base, n_sites=4, side_px=32, seed=seed)


def test_a_saved_site_model_comes_back_whole(tmp_path: Path) -> None:
    model = site_model()
    save_site_model(tmp_path / "model.safetensors", model)
    again = load_site_model(tmp_path / "model.safetensors")
    assert again.spec == model.spec
    assert not again.training
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(again(images), model(images))


def test_the_same_site_model_gives_the_same_bytes_and_another_gives_others(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        save_site_model(path, site_model(seed=seed))
    first, second, other = (path.read_bytes() for path in paths)
    assert first == second
    assert first != other
    assert not list(tmp_path.glob("*.partial"))


def test_the_file_says_what_it_holds_as_json_that_others_can_read(tmp_path: Path) -> None:
    save_site_model(tmp_path / "model.safetensors", site_model())
    content = (tmp_path / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])  # safetensors' layout
    assert json.loads(header["__metadata__"]["closedloop"]) == {
        "kind": "site_model",
        "architecture": "small_resnet",
        "layer": "layer2.0",
        "side_px": 32,
        "n_sites": 4,
    }


def test_weights_that_are_no_site_model_are_refused_as_one() -> None:
    with pytest.raises(CheckpointError, match="expected a site model"):
        load_site_model(shipped_weights("small_resnet_robust"))


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"found a file \(.*/file\) in the way"):
        save_site_model(tmp_path / "file" / "model.safetensors", site_model())


def test_a_classifier_keeps_its_architecture_and_details(tmp_path: Path) -> None:
    classifier = build_classifier("small_resnet", n_classes=5, seed=2)
    path = tmp_path / "net.safetensors"
    save_classifier(path, classifier, architecture="small_resnet", n_classes=5, details={"recipe": {"seed": 2}})
    assert classifier_details(path)["recipe"] == {"seed": 2}
    again = load_classifier(path).state_dict()
    assert all(torch.equal(again[key], value) for key, value in classifier.state_dict().items())
    assert open_base_model(path, layer="stem").architecture == "small_resnet"
    with pytest.raises(CheckpointError, match="expected architecture resnet18, found small_resnet"):
        open_base_model(path, architecture="resnet18", layer="stem")


def test_a_foreign_file_is_recognised_where_no_architecture_is_named(tmp_path: Path) -> None:
    assert open_base_model(saved(tmp_path / "w.pth", state()), layer="layer1.0").architecture == "small_resnet"
    with pytest.raises(CheckpointError, match="none of them"):
        open_base_model(saved(tmp_path / "w.pth", without("conv1.weight")), layer="layer1.0")


@pytest.mark.parametrize("name", ["small_resnet_robust", "small_resnet_vanilla"])
def test_shipped_weights_are_small_and_carry_recipe_seed_and_accuracies(name: str) -> None:
    assert name in shipped_names()
    path = shipped_weights(name)
    assert path.stat().st_size < 1_000_000
    details = read_metadata(path)
    assert details["recipe"]["epsilon"] == {"small_resnet_robust": 2.0, "small_resnet_vanilla": 0.0}[name]
    assert isinstance(details["recipe"]["seed"], int)
    assert details["clean_accuracy"] > 0.4  # chance is 1/30
    assert 0 <= details["robust_accuracy"] < details["clean_accuracy"]


def test_a_name_that_does_not_ship_is_refused_with_those_that_do() -> None:
    with pytest.raises(CheckpointError, match="small_resnet_robust, small_resnet_vanilla"):
        shipped_weights("alexnet")
