"""Networks against their publications and definitions: keys, shapes, parameters, and a second way to compute them."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from closedloop.artifacts.protocol.images import ArchitectureName
from closedloop.errors import ProtocolError
from closedloop.models.backbones import ARCHITECTURES, build_classifier, cut, layer_names, normalisation_of

torch.set_num_threads(1)
BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def n_parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def torchvision_keys(depths: tuple[int, ...], n_convs: int, *, first_downsamples: bool) -> list[str]:
    """The published naming, in torchvision's order."""
    keys = ["conv1.weight", *(f"bn1.{name}" for name in BN)]
    for stage, depth in enumerate(depths, start=1):
        for block in range(depth):
            prefix = f"layer{stage}.{block}"
            for number in range(1, n_convs + 1):
                keys += [f"{prefix}.conv{number}.weight", *(f"{prefix}.bn{number}.{name}" for name in BN)]
            if block == 0 and (stage > 1 or first_downsamples):
                keys += [f"{prefix}.downsample.0.weight", *(f"{prefix}.downsample.1.{name}" for name in BN)]
    return [*keys, "fc.weight", "fc.bias"]


# Counts as published with torchvision's weights; wide_resnet50_4's follows from the definition (width 4 x 64 ...).
@pytest.mark.parametrize(
    ("name", "count"), [("resnet18", 11_689_512), ("resnet50", 25_557_032), ("wide_resnet50_2", 68_883_240)]
)
def test_parameter_counts_are_the_published_ones(name: str, count: int) -> None:
    assert n_parameters(build_classifier(name)) == count


def test_keys_are_torchvisions() -> None:
    fifty = list(build_classifier("resnet50").state_dict())
    eighteen = list(build_classifier("resnet18").state_dict())
    assert fifty == torchvision_keys((3, 4, 6, 3), 3, first_downsamples=True)
    assert eighteen == torchvision_keys((2, 2, 2, 2), 2, first_downsamples=False)


def test_shapes_are_torchvisions() -> None:
    state = build_classifier("resnet50").state_dict()
    expected = {
        "conv1.weight": (64, 3, 7, 7),
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "layer4.0.conv1.weight": (512, 1024, 1, 1),
        "layer4.0.downsample.0.weight": (2048, 1024, 1, 1),
        "fc.weight": (1000, 2048),
    }
    assert {key: tuple(state[key].shape) for key in expected} == expected


def test_layer_4_0_of_resnet50_is_2048_by_7_by_7_with_the_paper_models_parameters() -> None:
    trunk = cut(build_classifier("resnet50"), "layer4.0").eval()
    with torch.no_grad():
        features = trunk(torch.zeros(1, 3, 224, 224))
    assert features.shape == (1, 2048, 7, 7)
    # All of ResNet-50 without fc (2048 * 1000 + 1000) and layer4.1, layer4.2
    # (2048 * 512 + 9 * 512 * 512 + 512 * 2048 weights and 2 * (512 + 512 + 2048) of BatchNorm, each).
    block = 2 * 2048 * 512 + 9 * 512**2 + 2 * (512 + 512 + 2048)
    assert n_parameters(trunk) == 25_557_032 - 2_049_000 - 2 * block


def by_hand(state: dict[str, Tensor], x: Tensor, depths: tuple[int, ...]) -> Tensor:
    """ResNet-50 from its state dict alone, written as the equations."""

    def conv_bn(x: Tensor, conv: str, bn: str, *, stride: int = 1) -> Tensor:
        weight = state[f"{conv}.weight"]
        y = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, var = state[f"{bn}.running_mean"], state[f"{bn}.running_var"]
        scale, shift = state[f"{bn}.weight"], state[f"{bn}.bias"]
        z = (y - mean[:, None, None]) / torch.sqrt(var[:, None, None] + 1e-5)
        return scale[:, None, None] * z + shift[:, None, None]

    x = functional.max_pool2d(conv_bn(x, "conv1", "bn1", stride=2).relu(), 3, 2, 1)
    for stage, depth in enumerate(depths, start=1):
        for block in range(depth):
            p, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = conv_bn(x, f"{p}.conv1", f"{p}.bn1").relu()
            y = conv_bn(y, f"{p}.conv2", f"{p}.bn2", stride=stride).relu()
            y = conv_bn(y, f"{p}.conv3", f"{p}.bn3")
            if f"{p}.downsample.0.weight" in state:
                x = conv_bn(x, f"{p}.downsample.0", f"{p}.downsample.1", stride=stride)
            x = (x + y).relu()
    return x.mean(dim=(2, 3)) @ state["fc.weight"].T + state["fc.bias"]


def with_statistics(classifier: torch.nn.Sequential) -> torch.nn.Sequential:
    """A classifier whose BatchNorm is not the identity."""
    generator = torch.Generator().manual_seed(0)
    for key, value in classifier.state_dict().items():
        if key.endswith(("running_mean", ".bias")):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        elif key.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return classifier


def test_resnet50_computes_its_definition() -> None:
    classifier = with_statistics(build_classifier("resnet50", seed=1).eval().double())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)).double()
    with torch.no_grad():
        assert torch.allclose(classifier(x), by_hand(classifier.state_dict(), x, (3, 4, 6, 3)), rtol=1e-8)


def test_the_small_resnet_has_about_80_thousand_parameters_and_a_64_by_4_by_4_map() -> None:
    classifier = build_classifier("small_resnet")
    assert 70_000 < n_parameters(classifier) < 90_000
    with torch.no_grad():
        assert cut(classifier.eval(), "layer3.0")(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 4, 4)


@pytest.mark.parametrize("name", ["small_plain", "small_smooth"])
def test_the_small_networks_without_shortcuts_are_about_as_large_and_end_in_a_finer_map(name: str) -> None:
    classifier = build_classifier(name)
    assert 90_000 < n_parameters(classifier) < 100_000
    assert not any("downsample" in key for key in classifier.state_dict())
    last = layer_names(classifier)[-3]
    with torch.no_grad():
        assert cut(classifier.eval(), last)(torch.zeros(1, 3, 32, 32)).shape == (1, 80, 8, 8)


def small_by_hand(state: dict[str, Tensor], x: Tensor, *, smooth: bool) -> Tensor:
    """The small networks without shortcuts from their state dict alone, written as the equations."""

    def step(x: Tensor, conv: str, bn: str, *, stride: int = 1) -> Tensor:
        weight = state[f"{conv}.weight"]
        y = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        z = (y - state[f"{bn}.running_mean"][:, None, None]) / torch.sqrt(state[f"{bn}.running_var"] + 1e-5)[
            :, None, None
        ]
        z = state[f"{bn}.weight"][:, None, None] * z + state[f"{bn}.bias"][:, None, None]
        return z / (1 + torch.exp(-z)) if smooth else torch.where(z > 0, z, 0.1 * z)

    x = step(x, "conv1", "bn1", stride=2)
    for stage, stride in enumerate((2, 1, 1), start=1):
        x = step(x, f"layer{stage}.0.conv1", f"layer{stage}.0.bn1", stride=stride)
    return x.mean(dim=(2, 3)) @ state["fc.weight"].T + state["fc.bias"]


@pytest.mark.parametrize("name", ["small_plain", "small_smooth"])
def test_the_small_networks_without_shortcuts_compute_their_definition(name: str) -> None:
    classifier = with_statistics(build_classifier(name, seed=1).eval().double())
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)).double()
    with torch.no_grad():
        expected = small_by_hand(classifier.state_dict(), x, smooth=name == "small_smooth")
        assert torch.allclose(classifier(x), expected, rtol=1e-8)


@pytest.mark.parametrize("name", ["resnet18", "small_resnet", "small_plain", "small_smooth"])
def test_every_cut_computes_what_the_whole_network_has_there(name: str) -> None:
    classifier = build_classifier(name).eval()
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    seen: dict[str, Tensor] = {}
    for layer in layer_names(classifier):
        module = classifier.get_submodule(layer) if layer != "stem" else classifier.get_submodule("layer1")
        if layer == "stem":
            module.register_forward_pre_hook(lambda _, args: seen.update(stem=args[0]))
        else:
            module.register_forward_hook(lambda *args, layer=layer: seen.update({layer: args[2]}))
    with torch.no_grad():
        classifier(images)
        expected = dict(seen)
        for layer in layer_names(classifier):
            found = cut(classifier, layer)(images)
            assert torch.equal(found.flatten(1), expected[layer].flatten(1)), layer
            assert found.ndim == 4


def test_a_cut_keeps_the_keys_of_the_whole_network() -> None:
    classifier = build_classifier("resnet18")
    kept = cut(classifier, "layer4.0").state_dict()
    assert list(kept) == [k for k in classifier.state_dict() if not k.startswith(("layer4.1", "fc"))]


def test_first_weights_are_a_function_of_the_seed_and_leave_global_randomness_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = build_classifier("small_resnet", seed=7).state_dict()
    assert torch.equal(torch.rand(3), expected)
    again, other = (build_classifier("small_resnet", seed=seed).state_dict() for seed in (7, 8))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_normalisation_uses_imagenets_published_mean_and_spread() -> None:
    normalised = normalisation_of("resnet50")(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) + 0.229)
    assert torch.allclose(normalised.flatten(), torch.tensor([1.0, 0.229 / 0.224, 0.229 / 0.225]))


@pytest.mark.parametrize("layer", ["layer4.0", "layer1", "layer0.0", "flatten", ""])
def test_an_unknown_layer_is_refused_with_those_that_exist(layer: str) -> None:
    with pytest.raises(ProtocolError, match=r"stem, layer1\.0, .*avgpool, fc"):
        cut(build_classifier("small_resnet"), layer)


def test_a_protocol_may_name_every_architecture_and_no_other() -> None:
    assert get_args(ArchitectureName) == tuple(ARCHITECTURES)


def test_an_unknown_architecture_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ProtocolError, match="resnet50"):
        build_classifier("vgg16")
