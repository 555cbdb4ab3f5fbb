"""What an attack on a frozen model computes, and what it never does."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import PAPER31
from closedloop.models.backbones import build_classifier, cut
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.site_model import BaseModel, SiteModel, build_site_model, freeze_for_attack
from closedloop.models.way_back.rectifiers import softened

torch.set_num_threads(1)
WANTED = (True, False, False)  # of a convolution's backward pass: gradient of its input, of its weight, of its bias


class WatchedKernels(TorchDispatchMode):
    """Note which gradients every convolution's backward pass was asked for, and every kernel's name."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: set[tuple[bool, ...]] = set()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        if func.overloadpacket is torch.ops.aten.convolution_backward:
            self.masks.add(tuple(args[-1]))
        return func(*args, **(kwargs or {}))


def site_model(architecture: str = "small_resnet", layer: str = "layer3.0") -> SiteModel:
    """Model whose BatchNorm is not the identity."""
    trunk = cut(build_classifier(architecture, seed=3), layer)
    generator = torch.Generator().manual_seed(4)
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return build_site_model(BaseModel(architecture, layer, trunk), n_sites=4, side_px=32, seed=1)


def pictures(n: int = 5) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(6))


def input_gradient(model: nn.Module, images: Tensor) -> Tensor:
    leaf = images.clone().requires_grad_()
    model(leaf)[:, 2].sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def attack(model: nn.Module) -> None:
    """Three steps of the engine."""
    images = pictures(3)
    objective = SignedResponse(torch.tensor([0, 1, 2]), torch.tensor([1.0, -1, 1]))
    problem = Problem(model, lambda places: images[list(places)], objective)
    tasks = [Task(row, row, (0.5,), seed=row) for row in range(3)]
    assert len(list(find(problem, tasks, method=Method(search=replace(PAPER31, steps=3)), batch_size=2))) == 3


@pytest.mark.parametrize("architecture", ["small_resnet", "resnet50_1by2"])
def test_a_frozen_model_has_the_gradient_of_the_model_it_was(architecture: str) -> None:
    model = site_model(architecture, "layer2.0")
    frozen = freeze_for_attack(copy.deepcopy(model))
    expected, found = input_gradient(model, pictures()), input_gradient(frozen, pictures())
    assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.slow
def test_a_backward_pass_through_a_frozen_model_asks_for_no_weights_gradient() -> None:
    model = site_model()
    with WatchedKernels() as of_a_trainable_one:
        input_gradient(model, pictures())
    assert (True, True, False) in of_a_trainable_one.masks  # so that the watch can see one
    frozen = freeze_for_attack(site_model())
    with WatchedKernels() as watched:
        input_gradient(frozen, pictures())
    assert watched.masks == {WANTED}
    assert not any("batch_norm" in name for name in watched.names)
    assert all(parameter.grad is None for parameter in frozen.parameters())


@pytest.mark.parametrize("prepare", [freeze_for_attack, lambda model: model.eval()], ids=["frozen", "as it is"])
def test_the_engine_asks_for_no_weights_gradient_even_of_a_model_that_was_not_frozen(prepare: Any) -> None:
    model = prepare(site_model())
    with WatchedKernels() as watched:
        attack(model)
    assert watched.masks == {WANTED}
    assert all(parameter.grad is None for parameter in model.parameters())


def statistics(model: nn.Module) -> list[Tensor]:
    kept = ("running_mean", "running_var", "num_batches_tracked")
    return [value.clone() for key, value in model.state_dict().items() if key.endswith(kept)]


def test_an_attack_leaves_every_weight_and_statistic_as_it_was() -> None:
    model = site_model()
    before = copy.deepcopy(model.state_dict())
    attack(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_network_left_in_training_mode_is_attacked_in_evaluation_mode() -> None:
    model = site_model()
    expected = input_gradient(model, pictures())
    left = site_model().train()
    frozen = freeze_for_attack(left)
    assert (input_gradient(frozen, pictures()) - expected).norm() < 1e-4 * expected.norm()
    attack(frozen)
    assert statistics(frozen) == []  # folded: there is none left to change, whatever mode comes next


def test_the_engine_refuses_a_model_of_which_one_layer_was_left_in_training_mode() -> None:
    model = site_model()
    model.trunk.get_submodule("layer2.0.bn1").train()
    before = statistics(model)
    with pytest.raises(ValueError, match="eval mode"):
        attack(model)
    assert all(torch.equal(a, b) for a, b in zip(statistics(model), before, strict=True))


class NormFirst(nn.Module):
    """A network from elsewhere with names of ours and another order; what it rectifies it uses again."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv1, self.relu = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
        self.last = nn.Linear(3 * 32 * 32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.bn1(x))
        x = self.relu(x) - x
        found: Tensor = self.last(x.view(len(x), -1))
        return found


def test_a_network_from_elsewhere_is_frozen_without_a_change() -> None:
    network = NormFirst()
    network.bn1.running_var.fill_(3.0)
    layout = FeatureLayout("nc")
    described = NetworkDescription("module", "x:y", layout, Preprocessing((0.5, 0.5, 0.5), (0.2, 0.2, 0.2)))
    base = BaseModel("x", "last", CutNetwork(network.eval(), layer="last", layout=layout), described, "full")
    model = build_site_model(base, n_sites=3, side_px=32, seed=0)
    images = pictures().contiguous(memory_format=torch.channels_last)
    expected, slopes = model(images).detach(), input_gradient(model, images)
    frozen = freeze_for_attack(copy.deepcopy(model))
    assert torch.equal(frozen(images), expected)
    assert torch.equal(input_gradient(frozen, images), slopes)
    assert not any(weight.requires_grad for weight in frozen.parameters())
    with softened(3.0):
        softer = input_gradient(frozen, images)
    assert not torch.allclose(softer, slopes)
