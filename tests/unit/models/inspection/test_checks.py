"""Each check passes a sound network and fails one that has the fault it is there for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import open_base_model, open_network
from closedloop.models.inspection.all_checks import inspect_base_model, layers_of_ours, make_reference
from closedloop.models.inspection.checks import (
    check_batches,
    check_frozen,
    check_gradients,
    check_reference,
    check_stated,
)
from closedloop.models.inspection.reference import ReferenceOutput, difference, read_reference, write_reference
from closedloop.models.inspection.survey import survey_layers
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing
from closedloop.models.networks.opening import Filling
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.site_model import BaseModel
from tests.unit.models.networks.zoo_networks import CASES, needs_zoo

torch.set_num_threads(1)
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
PIXELS = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255


class Siamese(nn.Module):
    """A convolution that an image passes twice, and a linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.last = nn.Linear(3 * 8 * 8, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.twice(x))
        found: Tensor = self.last(x.flatten(1))
        return found


def network(*, mean: float = 0.5, std: float = 0.25, colours: str = "rgb") -> BaseModel:
    """Return a network of one convolution, its preprocessing as stated."""
    torch.manual_seed(0)
    trunk = CutNetwork(nn.Sequential(nn.Conv2d(3, 5, 3, stride=2)).eval(), layer="0", layout=FeatureLayout("nchw"))
    pixels = Preprocessing((mean,) * 3, (std,) * 3, colours=colours)  # type: ignore[arg-type]
    return BaseModel("net", "0", trunk, NetworkDescription("module", "net.py:f", trunk.layout, pixels))


def test_layers_are_listed_with_their_share_of_the_multiplications() -> None:
    twice, last = survey_layers(Siamese().eval(), side_px=8)
    convolution, linear = 27 * 3 * 64, 3 * 64 * 10
    assert (twice.name, twice.kind, twice.shape, twice.n_calls) == ("twice", "Conv2d", (3, 8, 8), 2)
    assert twice.cost_share == pytest.approx(convolution / (2 * convolution + linear))
    assert (last.shape, last.n_calls, last.cost_share) == ((10,), 1, 1.0)
    with pytest.raises(CheckpointError, match="takes images of 9 px"):
        survey_layers(Siamese(), side_px=9)


def test_of_ours_the_layers_are_those_that_it_can_be_cut_at() -> None:
    layers = layers_of_ours("small_resnet", side_px=32)
    assert [layer.name for layer in layers] == ["stem", "layer1.0", "layer2.0", "layer3.0", "avgpool", "fc"]
    assert layers[3].shape == (64, 4, 4)


@pytest.mark.parametrize(
    ("wrong", "passes"),
    [({}, True), ({"mean": 0.51}, False), ({"std": 0.26}, False), ({"colours": "bgr"}, False)],
)
def test_reference_output_tells_whether_preprocessing_is_right(
    wrong: dict[str, float], passes: bool, tmp_path: Path
) -> None:
    write_reference(tmp_path / "r.safetensors", make_reference(network(), IMAGES), described={})
    reference = read_reference(tmp_path / "r.safetensors")
    trunk = network().trunk
    with torch.no_grad():
        expected = trunk((PIXELS - 0.5) / 0.25).numpy()
    assert np.allclose(reference.features, expected, atol=1e-5)
    found = make_reference(network(**wrong), reference.images).features  # type: ignore[arg-type]
    assert (check_reference(found, reference).result == "PASS") == passes


def test_a_layout_that_gives_another_shape_than_the_reference_fails() -> None:
    reference = make_reference(network(), IMAGES)
    turned = ReferenceOutput(IMAGES, reference.features.transpose(0, 2, 3, 1))
    assert difference(turned.features, reference.features) == float("inf")
    assert check_reference(reference.features, turned).result == "FAIL"


def test_a_file_without_images_and_features_is_no_reference(tmp_path: Path) -> None:
    reference = ReferenceOutput(IMAGES.astype(np.int16), np.zeros((8, 1, 1, 1), dtype=np.float32))  # type: ignore[arg-type]
    write_reference(tmp_path / "r.safetensors", reference, described={})
    with pytest.raises(CheckpointError, match="found features float32"):
        read_reference(tmp_path / "r.safetensors")


def test_gradients_that_vanish_or_are_not_finite_fail() -> None:
    assert check_gradients(lambda x: x.tanh(), PIXELS).result == "PASS"
    assert check_gradients(lambda x: (x * 255).round() + 0 * x, PIXELS).found == "0 for an image"
    assert check_gradients(lambda x: (x - x).sqrt(), PIXELS).found == "not finite"


def test_features_that_depend_on_the_neighbours_fail() -> None:
    assert check_batches(lambda x: x * x, PIXELS).found == "the same to the bit in batches of 1, 3, 8"
    assert check_batches(lambda x: x - x.mean(dim=0, keepdim=True), PIXELS).result == "FAIL"
    once_filled = check_batches(lambda x: x * (1 if len(x) % 4 == 0 else 1 + 1e-6), PIXELS)
    assert (once_filled.result, once_filled.found[-4:]) == ("PASS", "1, 3")


def test_a_network_that_changes_when_it_is_prepared_fails() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval()
    assert check_frozen(model, lambda one: one, PIXELS).result == "PASS"
    assert check_frozen(model, lambda one: nn.Sequential(one, nn.ReLU()), PIXELS).result == "FAIL"


def test_what_the_library_states_is_compared_with_what_the_protocol_states() -> None:
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert check_stated(imagenet, imagenet).result == "PASS"
    assert check_stated(((0.5,) * 3, (0.5,) * 3), imagenet).result == "WARN"
    assert "only reference output can tell" in check_stated(imagenet, None).found


@pytest.mark.parametrize(
    ("mean", "std", "becomes"),
    [
        ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "become -2.118 to -2.101"),  # ImageNet's, of 0 to 255
        ((0.485, 0.456, 0.406), (58.395, 57.12, 57.375), "become -0.008306 to 0.008819"),
        ((104.0, 117.0, 123.0), (1.0, 1.0, 1.0), "become -104 to -103"),
        ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), "become 0 to 0.003922"),
        ((127.5,) * 3, (127.5,) * 3, "become -1 to -0.9922"),
        ((0.5,) * 3, (0.001,) * 3, "become -500 to 500"),
    ],
)
def test_preprocessing_of_other_pixels_than_ours_fails(
    mean: tuple[float, ...], std: tuple[float, ...], becomes: str
) -> None:
    for of_library in (None, (mean, std)):
        check = check_stated((mean, std), of_library)
        assert (check.result, becomes in check.found) == ("FAIL", True), check.found
        assert "divided by 255" in check.fix


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 1.0), (0.0, 1 / 255), (0.485, 1 / 255), (0.5, 0.5), (0.5, 1.0), (0.48, 0.229)]
)
def test_preprocessing_as_networks_have_it_passes(mean: float, std: float) -> None:
    assert check_stated(((mean,) * 3, (std,) * 3), None).result == "PASS"


def test_a_network_of_ours_passes_all_checks() -> None:
    base = open_base_model("small_resnet_robust", layer="layer3.0")
    checks = inspect_base_model(base, IMAGES, reference=make_reference(base, IMAGES))
    assert [check.name for check in checks if check.result == "FAIL"] == []
    assert checks[-2].name == "reference output"


@needs_zoo
@pytest.mark.parametrize("name", list(CASES))
def test_networks_of_the_zoo_pass_all_checks(name: str) -> None:
    described, layer = CASES[name]
    checks = inspect_base_model(open_network(described, Filling(seed=1), layer=layer), IMAGES, reference=None)
    assert [(check.name, check.found) for check in checks if check.result == "FAIL"] == []


@needs_zoo
def test_a_layer_that_an_image_passes_twice_fails() -> None:
    described, _ = CASES["resnet18"]
    checks = inspect_base_model(open_network(described, Filling(), layer="layer1.0.relu"), IMAGES, reference=None)
    layer = next(check for check in checks if check.name == "layer")
    assert (layer.result, layer.found) == ("FAIL", "layer1.0.relu is passed 2 times by an image")
