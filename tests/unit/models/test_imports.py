"""Foreign checkpoints, recognised and made files of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.backbones import ARCHITECTURES, build_classifier, build_network
from closedloop.models.checkpoints import load_classifier, open_base_model
from closedloop.models.imports import import_base_model
from closedloop.models.recognition import recognise
from tests.unit.messages import refused

torch.set_num_threads(1)
COUNTER = "num_batches_tracked"


def state(*, n_classes: int = 6, seed: int = 5) -> dict[str, Tensor]:
    return build_classifier("small_resnet", n_classes=n_classes, seed=seed).state_dict()


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_recognised_by_its_keys_and_shapes(name: str) -> None:
    with torch.device("meta"):
        found = recognise(build_network(name, n_classes=17).state_dict(), source=Path("w.pt"))
    assert (found.architecture, found.n_classes) == (name, 17)
    assert found.unused == found.missing == ()


def test_a_file_of_another_network_is_refused_with_the_closest(tmp_path: Path) -> None:
    wrong = {("head." + key if key.startswith("layer4.2") else key): value for key, value in resnet50_shapes().items()}
    with refused(CheckpointError, tmp_path / "w.pt", "closest, resnet50, misses 15", "layer4.2.conv1.weight"):
        recognise(wrong, source=tmp_path / "w.pt")


def resnet50_shapes() -> dict[str, Tensor]:
    with torch.device("meta"):
        return build_network("resnet50", n_classes=1000).state_dict()


def test_an_imported_file_needs_no_architecture_and_holds_the_same_weights(tmp_path: Path) -> None:
    source = saved(tmp_path / "w.pt", {"model": {f"module.model.{key}": value for key, value in state().items()}})
    report = import_base_model(source, tmp_path / "ours.safetensors")
    assert (report.match.architecture, report.match.n_classes, report.side_px) == ("small_resnet", 6, 32)
    written = load_file(tmp_path / "ours.safetensors")
    assert all(torch.equal(written[key], value) for key, value in state().items())
    base = open_base_model(tmp_path / "ours.safetensors", layer="layer3.0")
    assert base.architecture == "small_resnet"
    assert torch.equal(base.trunk.state_dict()["conv1.weight"], state()["conv1.weight"])
    assert len(load_classifier(tmp_path / "ours.safetensors")(torch.zeros(1, 3, 32, 32))[0]) == 6


def test_the_report_counts_weights_and_gives_the_shape_of_every_layer(tmp_path: Path) -> None:
    report = import_base_model(saved(tmp_path / "w.pt", state()), tmp_path / "ours.safetensors")
    assert report.n_parameters == sum(
        value.numel() for key, value in state().items() if not key.endswith(("running_mean", "running_var", COUNTER))
    )
    # 32 px: halved by the stem, then by layer2 and layer3; 16, 32, 64 channels; six classes.
    expected = {
        "stem": (16, 16, 16),
        "layer1.0": (16, 16, 16),
        "layer2.0": (32, 8, 8),
        "layer3.0": (64, 4, 4),
        "avgpool": (64, 1, 1),
        "fc": (6, 1, 1),
    }
    assert {layer.name: layer.feature_shape for layer in report.layers} == expected


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    source = saved(tmp_path / "w.pt", state())
    for name in ("a.safetensors", "b.safetensors"):
        import_base_model(source, tmp_path / name)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_weights_that_the_network_does_not_have_are_reported_and_left_out(tmp_path: Path) -> None:
    source = saved(tmp_path / "w.pt", {**state(), "projector.weight": torch.ones(3)})
    report = import_base_model(source, tmp_path / "ours.safetensors")
    assert report.match.unused == ("projector.weight",)
    assert set(load_file(tmp_path / "ours.safetensors")) == set(state())


def test_a_network_without_its_last_layer_serves_below_it(tmp_path: Path) -> None:
    headless = {key: value for key, value in state().items() if not key.startswith("fc.")}
    report = import_base_model(saved(tmp_path / "w.pt", headless), tmp_path / "ours.safetensors")
    assert (report.match.n_classes, report.layers[-1].name) == (0, "avgpool")
    assert (
        open_base_model(tmp_path / "ours.safetensors", layer="avgpool").trunk(torch.zeros(1, 3, 32, 32)).shape[1] == 64
    )
    with pytest.raises(CheckpointError, match=r"missing: fc\.weight"):
        open_base_model(tmp_path / "ours.safetensors", layer="fc")
    with refused(CheckpointError, tmp_path / "w.pt", "no last layer"):
        import_base_model(tmp_path / "w.pt", tmp_path / "ours.safetensors", labelled_images=tmp_path)


def test_a_file_that_cannot_be_used_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "ours.safetensors"
    infinite = {**state(), "bn1.running_mean": torch.full((16,), -1e38), "bn1.weight": torch.full((16,), 1e10)}
    with refused(CheckpointError, saved(tmp_path / "inf.pt", infinite), "at stem of a grey image are not finite"):
        import_base_model(tmp_path / "inf.pt", out)
    with refused(CheckpointError, saved(tmp_path / "w.pt", state()), "of resnet18 missing or of another shape"):
        import_base_model(tmp_path / "w.pt", out, architecture="resnet18")
    with pytest.raises(ProtocolError, match="'vgg16' is unknown"):
        import_base_model(tmp_path / "w.pt", out, architecture="vgg16")
    with refused(CheckpointError, tmp_path / "ours.pt", "ends in .safetensors"):
        import_base_model(tmp_path / "w.pt", tmp_path / "ours.pt")
    assert not out.exists()


def test_the_accuracy_on_labelled_images_is_that_of_the_network_on_its_own_classes(tmp_path: Path) -> None:
    """A network whose last layer sees nothing but its bias always answers class 2."""
    biased = state()
    biased["fc.weight"] = torch.zeros_like(biased["fc.weight"])
    biased["fc.bias"] = torch.tensor([0.0, 4, 9, 3, 2, 1])
    rng = np.random.default_rng(0)
    for label, n_images in ((0, 1), (2, 2), (5, 1)):
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        for index in range(n_images):
            pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / str(label) / f"{index}.png")
    report = import_base_model(
        saved(tmp_path / "w.pt", biased), tmp_path / "ours.safetensors", labelled_images=tmp_path / "images"
    )
    assert report.accuracy is not None
    assert (report.accuracy.top1, report.accuracy.top5) == (2 / 4, 3 / 4)
