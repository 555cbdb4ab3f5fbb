"""Soft rectifiers against torch's own derivative of what they are meant to be, in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.site_model import BaseModel, SiteModel, build_site_model, freeze_for_attack
from closedloop.models.way_back.rectifiers import Rectifier, current_slope, rectify, replace_rectifiers, softened

torch.set_num_threads(1)
LAYERS = {"small_resnet": "layer3.0", "small_plain": "layer3.0", "small_smooth": "layer3.0", "resnet50": "layer2.1"}


def maps(n: int = 3) -> Tensor:
    """Maps of which each image has another spread, and none has mean 0."""
    drawn = torch.randn(n, 4, 6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return drawn * torch.arange(1, n + 1).view(-1, 1, 1, 1) + 0.5


def gradient_of(value: Tensor, leaf: Tensor) -> Tensor:
    """Gradient of a sum that weighs every value differently."""
    weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return torch.autograd.grad((value * weights.to(value)).sum(), leaf)[0]


def smooth_rectifier(x: Tensor, *, slope: float, leak: float) -> Tensor:
    """Integral of ``leak + (1 - leak) sigmoid(slope x / SD)`` over x, SD held: softplus."""
    spread = torch.stack([one.detach().std(unbiased=False) for one in x]).view(-1, *[1] * (x.dim() - 1))
    return leak * x + (1 - leak) * nn.functional.softplus(slope * x / spread, threshold=1e9) * spread / slope


@pytest.mark.parametrize("leak", [0.0, 0.1])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_way_back_is_that_of_a_smooth_rectifier_and_the_way_there_a_hard_ones(
    leak: float, memory_format: torch.memory_format
) -> None:
    leaf = maps().contiguous(memory_format=memory_format).requires_grad_()
    expected = gradient_of(smooth_rectifier(leaf, slope=3, leak=leak), leaf)
    with softened(3):
        value = rectify(leaf, leak=leak)
    assert torch.equal(value, torch.where(leaf > 0, leaf, leak * leaf))
    torch.testing.assert_close(gradient_of(value, leaf), expected, rtol=1e-7, atol=1e-9)


def test_outside_of_the_context_and_at_slope_0_the_derivative_is_hard() -> None:
    leaf = maps().requires_grad_()
    expected = gradient_of(nn.functional.relu(leaf), leaf)
    with softened(3):
        pass
    assert current_slope() == 0
    assert torch.equal(gradient_of(rectify(leaf * 1), leaf), expected)
    with softened(0):
        assert torch.equal(gradient_of(rectify(leaf * 1), leaf), expected)


def test_the_context_ends_by_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), softened(3):
        raise ZeroDivisionError
    assert current_slope() == 0


def test_a_map_of_one_value_has_a_finite_gradient() -> None:
    leaf = torch.cat([torch.zeros(1, 2, 3, 3), torch.full((1, 2, 3, 3), 0.7)]).requires_grad_()
    with softened(3):
        gradient = torch.autograd.grad(rectify(leaf).sum(), leaf)[0]
    assert torch.equal(gradient[0], torch.full((2, 3, 3), 0.5))
    assert torch.isfinite(gradient).all()


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    leaf = maps().requires_grad_()
    with softened(3):
        value = rectify(leaf).square().sum()
    (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), leaf)


def site_model(architecture: str) -> SiteModel:
    """Model whose BatchNorm is not the identity."""
    layer = LAYERS[architecture]
    trunk = cut(build_classifier(architecture, seed=3), layer)
    generator = torch.Generator().manual_seed(4)
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return build_site_model(BaseModel(architecture, layer, trunk), n_sites=4, side_px=32, seed=1)


def response_and_gradient(model: nn.Module, images: Tensor, *, slope: float) -> tuple[Tensor, Tensor]:
    leaf = images.clone(memory_format=torch.channels_last).requires_grad_()
    with softened(slope):
        responses = model(leaf)
    return responses.detach(), torch.autograd.grad(responses[:, 2].sum(), leaf)[0]


def pictures(n: int = 4, *, seed: int = 6) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def smooth_by_hand(model: SiteModel, *, slope: float) -> SiteModel:
    """The same network with every rectifier's derivative written in torch's terms: hard forwards, soft backwards."""

    class ByHand(nn.Module):
        def __init__(self, leak: float) -> None:
            super().__init__()
            self.leak = leak

        def forward(self, x: Tensor) -> Tensor:
            smooth = smooth_rectifier(x, slope=slope, leak=self.leak)
            hard = torch.where(x > 0, x, self.leak * x)
            return smooth + (hard - smooth).detach()

    for inner in list(model.modules()):
        for name, child in list(inner.named_children()):
            if isinstance(child, Rectifier):
                setattr(inner, name, ByHand(child.leak))
    return model


@pytest.mark.parametrize("architecture", ["small_plain"])
def test_a_frozen_network_has_the_gradient_of_one_softened_by_hand(architecture: str) -> None:
    by_hand = smooth_by_hand(site_model(architecture), slope=3).double()
    _, expected = response_and_gradient(by_hand, pictures().double(), slope=0)
    _, found = response_and_gradient(freeze_for_attack(site_model(architecture)), pictures(), slope=3)
    assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.parametrize("architecture", LAYERS)
def test_frozen_or_not_in_any_precision_the_soft_gradient_is_the_same(architecture: str) -> None:
    """Frozen residual blocks have their pass backwards written out; in float64 they run by torch."""
    model = site_model(architecture)
    frozen = freeze_for_attack(copy.deepcopy(model))
    _, expected = response_and_gradient(copy.deepcopy(model).double(), pictures().double(), slope=3)
    for one, images in ((model, pictures()), (frozen, pictures()), (frozen.double(), pictures().double())):
        _, found = response_and_gradient(one, images, slope=3)
        assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.parametrize("architecture", LAYERS)
@pytest.mark.parametrize("lower", [False, True], ids=["float32", "bfloat16"])
def test_what_a_network_answers_is_unchanged_to_the_bit(architecture: str, *, lower: bool) -> None:
    frozen = freeze_for_attack(site_model(architecture))
    with torch.autocast("cpu", torch.bfloat16, enabled=lower):
        hard, soft = (response_and_gradient(frozen, pictures(), slope=slope) for slope in (0, 3))
    assert torch.equal(hard[0], soft[0])
    assert torch.equal(hard[1], soft[1]) == (architecture == "small_smooth")  # whose activation has no kink


@pytest.mark.parametrize("architecture", ["small_resnet", "small_plain"])
def test_the_steeper_the_nearer_to_the_hard_gradient(architecture: str) -> None:
    frozen = freeze_for_attack(site_model(architecture))
    _, hard = response_and_gradient(frozen, pictures(), slope=0)
    apart = [(response_and_gradient(frozen, pictures(), slope=slope)[1] - hard).norm() for slope in (3, 30, 300, 1e6)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-2 * hard.norm()


@pytest.mark.parametrize("architecture", ["small_resnet", "small_plain"])
def test_an_images_soft_gradient_does_not_depend_on_its_neighbours(architecture: str) -> None:
    frozen = freeze_for_attack(site_model(architecture))
    images = torch.cat([pictures(4), 0.1 * pictures(12, seed=7)])
    _, alone = response_and_gradient(frozen, images[:4], slope=3)
    _, together = response_and_gradient(frozen, images, slope=3)
    assert torch.equal(together[:4], alone)


def test_rectifiers_of_a_foreign_network_take_part_once_it_is_frozen() -> None:
    layers: list[nn.Module] = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 4, 3), nn.LeakyReLU(0.2))]
    foreign = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 28 * 28, 3)).eval()
    frozen = freeze_for_attack(copy.deepcopy(foreign))
    found = [module.leak for module in frozen.modules() if isinstance(module, Rectifier)]
    assert found == [0.0, 0.2]
    hard, soft = (response_and_gradient(frozen, pictures(), slope=slope) for slope in (0, 3))
    before = response_and_gradient(foreign, pictures(), slope=3)
    assert torch.equal(hard[0], soft[0])
    torch.testing.assert_close(hard, before)
    assert (soft[1] - hard[1]).norm() > 0.1 * hard[1].norm()


def test_a_replaced_rectifier_stays_in_its_mode() -> None:
    network = nn.Sequential(nn.ReLU(), nn.LeakyReLU(0.3)).eval()
    replace_rectifiers(network)
    assert not any(module.training for module in network.modules())
