"""Curvature at a scale: closed forms with their signs, exact second derivatives, and networks of rectifiers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.geometry.curvature import curvature
from closedloop.attacks.geometry.principal import principal_directions
from closedloop.attacks.geometry.responses import ResponseOf, inner, length_of, unit, without
from closedloop.models.backbones import normalisation_of
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import UnitModel, freeze_for_attack
from closedloop.simulation.cortex.hidden import HiddenCortex
from tests.unit.attacks.geometry.closed_forms import SHAPE, Linear, Norm, drawn, response_of_all


def along_the_surface(response: ResponseOf, images: Tensor, *, seed: int) -> Tensor:
    normal = unit(response.at(images).gradient)
    return unit(without(drawn(*images.shape, seed=seed), normal))[:, None]


@pytest.mark.parametrize(("model", "bends"), [(Linear(), 0.0), (Norm(+1.0), -1.0), (Norm(-1.0), +1.0)])
def test_a_linear_unit_is_flat_and_spheres_bend_by_one_over_their_radius(model: nn.Module, bends: float) -> None:
    images = drawn(3, *SHAPE, seed=1)
    response = response_of_all(model, 3)
    found = curvature(response, images, along_the_surface(response, images, seed=2), h=1e-3)[:, 0]
    torch.testing.assert_close(found, bends / length_of(images), rtol=1e-6, atol=1e-12)


def test_gradients_are_those_of_central_differences() -> None:
    cortex = HiddenCortex(2022, 4)
    model = cortex.response_model(0).double()
    for name in ("field", "floor_hz", "slope", "threshold", "range_hz", "channel_mean", "channel_sd", "mixtures"):
        setattr(model, name, getattr(model, name).double())
    model.drive_mean, model.drive_sd = model.drive_mean.double(), model.drive_sd.double()
    images = torch.from_numpy(cortex.reference_images[:2].transpose(0, 3, 1, 2).copy()).double() / 255
    response = ResponseOf(model, torch.tensor([0, 3]))
    gradient, direction = response.at(images).gradient, unit(drawn(2, 3, 32, 32, seed=3))
    step = 1e-5
    ahead, behind = (response.value(images + side * step * direction) for side in (1, -1))
    differences = (ahead - behind) / (2 * step)
    torch.testing.assert_close(inner(gradient, direction), differences, rtol=0, atol=1e-8 * float(ahead.abs().max()))


@pytest.fixture(scope="module")
def bent_cortex() -> tuple[ResponseOf, Tensor, Tensor, Tensor]:
    """Return a smooth cortex's responses at some images, their principal directions and the exact curvature there."""
    cortex = HiddenCortex(2022, 8)
    model = cortex.response_model(0)
    images = torch.from_numpy(cortex.reference_images[::20].transpose(0, 3, 1, 2).copy()).float() / 255
    response = ResponseOf(model, torch.arange(len(images)) % 8)
    found = principal_directions(response, images, n=1, h=radius_at(0.3, 32), seeds=range(len(images)))
    leaf = images.clone().requires_grad_()
    value = model(leaf).gather(1, response.outputs[:, None]).sum()
    (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
    (product,) = torch.autograd.grad((gradient * found.directions[:, 0]).sum(), leaf)
    exact = -inner(found.directions[:, 0], product) / length_of(gradient.detach())
    return response, images, found.directions, exact


@pytest.mark.parametrize(("epsilon", "within"), [(0.3, 0.005), (1.0, 0.05)])
def test_on_a_smooth_cortex_it_is_the_exact_hessian_product(
    bent_cortex: tuple[ResponseOf, Tensor, Tensor, Tensor], epsilon: float, within: float
) -> None:
    response, images, directions, exact = bent_cortex
    found = curvature(response, images, directions, h=radius_at(epsilon, 32))[:, 0]
    off = ((found - exact) / exact).abs()
    assert float(off.median()) < within
    assert float((found - exact).abs().median() / exact.abs().median()) < within


def test_rectifiers_bend_at_their_kinks_where_automatic_differentiation_says_flat() -> None:
    images = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(4))
    base = open_base_model("small_resnet_robust", layer="layer3.0")
    plain = nn.Sequential(normalisation_of("small_resnet"), base.trunk, nn.Flatten()).eval()
    leaf = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(plain(leaf)[:, :64].sum(), leaf, create_graph=True)
    along = (gradient * drawn(*images.shape, seed=9).float()).sum()
    (second,) = torch.autograd.grad(along, leaf, allow_unused=True, materialize_grads=True)
    assert float(second.abs().max()) <= 1e-6 * float(gradient.detach().abs().max())  # nothing but rounding
    units = freeze_for_attack(UnitModel(open_base_model("small_resnet_robust", layer="layer3.0")))
    response = ResponseOf(units, torch.tensor([5, 11, 23, 42]))
    found = principal_directions(response, images, n=1, h=radius_at(1.0, 32), seeds=range(4))
    has_surface = found.steepness > 0
    assert has_surface.any()
    bends = curvature(response, images, found.directions, h=radius_at(1.0, 32))[:, 0]
    assert torch.isfinite(bends[has_surface]).all()
    assert (bends[has_surface].abs() > 0.05 * radius_at(1.0, 32)).all()


def test_without_a_gradient_there_is_no_curvature_not_even_zero() -> None:
    class Silent(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :1].clamp(min=0.0) * 0.0

    images = drawn(2, *SHAPE, seed=5)
    found = curvature(response_of_all(Silent(), 2), images, unit(drawn(2, 1, *SHAPE, seed=6)), h=0.1)
    assert torch.isnan(found).all()
