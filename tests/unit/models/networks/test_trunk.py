"""A cut network gives what its layer gives, with the right gradient, and runs nothing behind it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.networks.description import FeatureLayout
from closedloop.models.networks.opening import Filling, cut_described, open_whole
from closedloop.models.networks.trunk import CutNetwork, as_map, class_token_of
from tests.unit.models.networks.zoo_networks import CASES, needs_zoo

torch.set_num_threads(1)
NCHW = FeatureLayout("nchw")


class Branching(nn.Module):
    """A network with control flow, whose layers behind the cut fail, and which forgives errors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        try:
            x = self.second(torch.tanh(self.first(x)))
        except Exception as error:
            raise AssertionError("the cut is no error") from error
        raise AssertionError("the network goes on behind the cut")


def pictures(n: int = 2, *, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(6), dtype=dtype)


def slope_error(features: CutNetwork, images: Tensor) -> float:
    """Return how far the slope of a random sum of features is from finite differences, relative to them."""
    generator = torch.Generator().manual_seed(1)
    leaf = images.clone().requires_grad_()
    found = features(leaf)
    weights = torch.randn(found.shape, generator=generator, dtype=found.dtype)
    (gradient,) = torch.autograd.grad((found * weights).sum(), leaf)
    direction = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    step = 1e-6
    with torch.no_grad():
        ahead, behind = ((features(images + sign * step * direction) * weights).sum() for sign in (1, -1))
    slope, expected = (gradient * direction).sum(), (ahead - behind) / (2 * step)
    return float((slope - expected).abs() / expected.abs())


def test_nothing_behind_the_layer_is_run_and_no_handler_of_the_network_catches_the_cut() -> None:
    network = Branching()
    features = CutNetwork(network, layer="second", layout=NCHW)(pictures())
    assert torch.equal(features, network.second.forward(torch.tanh(network.first(pictures()))))


def test_what_follows_in_place_does_not_change_the_features() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
    expected = network[0](pictures()).detach()
    assert float(expected.min()) < 0
    assert torch.equal(CutNetwork(network, layer="0", layout=NCHW)(pictures()), expected)


def test_a_copy_of_a_cut_network_is_cut_too() -> None:
    trunk = CutNetwork(Branching(), layer="second", layout=NCHW)
    assert torch.equal(copy.deepcopy(trunk)(pictures()), trunk(pictures()))


def test_the_gradient_through_the_cut_is_that_of_finite_differences() -> None:
    trunk = CutNetwork(Branching().double(), layer="second", layout=NCHW, side_px=20)
    assert slope_error(trunk, pictures(dtype=torch.float64)) < 1e-6


@needs_zoo
@pytest.mark.parametrize("name", list(CASES))
def test_the_gradient_through_any_network_is_that_of_finite_differences(name: str) -> None:
    network, layer = CASES[name]
    trunk = cut_described(open_whole(network, Filling(seed=3)).double(), network, layer=layer)
    assert slope_error(trunk, pictures(dtype=torch.float64)) < 1e-6


@needs_zoo
@pytest.mark.parametrize("name", list(CASES))
def test_random_weights_are_the_seeds(name: str) -> None:
    network, layer = CASES[name]
    one, same, other = (
        cut_described(open_whole(network, Filling(seed=seed)), network, layer=layer)(pictures()) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_features_become_maps_by_the_layout_that_is_stated() -> None:
    maps = torch.arange(2 * 5 * 3 * 3).reshape(2, 5, 3, 3)
    rows = maps.permute(0, 2, 3, 1)
    prefix = torch.full((2, 2, 5), -1)
    tokens = torch.cat([prefix, rows.reshape(2, 9, 5)], dim=1)
    for features, layout in (
        (maps, NCHW),
        (rows, FeatureLayout("nhwc")),
        (tokens, FeatureLayout("ntokens", prefix_tokens=2, grid=(3, 3))),
    ):
        assert torch.equal(as_map(features, layout, layer="x", n_images=2), maps)
    one_pixel = as_map(maps[:, :, 0, 0], FeatureLayout("nc"), layer="x", n_images=2)
    assert torch.equal(one_pixel[:, :, 0, 0], maps[:, :, 0, 0])
    token = class_token_of(tokens, FeatureLayout("ntokens", prefix_tokens=2, grid=(3, 3)), layer="x")
    assert token.shape == (2, 5, 1, 1)
    assert bool((token == -1).all())


@pytest.mark.parametrize(
    ("shape", "layout", "said"),
    [
        ((2, 7, 7, 5), NCHW, "as square as the images"),
        ((2, 5, 7, 7), FeatureLayout("nhwc"), "as square as the images"),
        ((2, 49, 5), NCHW, "4 axes"),
        ((2, 50, 5), FeatureLayout("ntokens", grid=(7, 7)), "0 tokens and 7 x 7 of the image, 49 together"),
        ((50, 2, 5), FeatureLayout("ntokens", prefix_tokens=1, grid=(7, 7)), "the first of 2 images"),
        ((2, 5, 7, 7), FeatureLayout("nc"), "2 axes"),
    ],
)
def test_another_layout_than_the_stated_one_is_refused(
    shape: tuple[int, ...], layout: FeatureLayout, said: str
) -> None:
    with pytest.raises(CheckpointError, match=said):
        as_map(torch.zeros(shape), layout, layer="x", n_images=2)


def test_a_layer_that_is_not_there_is_named_with_one_like_it() -> None:
    with pytest.raises(ProtocolError, match="Did you mean second"):
        CutNetwork(Branching(), layer="secund", layout=NCHW)


def test_a_layer_that_the_image_does_not_pass_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    network[0].unused = nn.Linear(2, 2)  # type: ignore[assignment]
    with pytest.raises(CheckpointError, match=r"expected its forward pass to reach 0\.unused"):
        CutNetwork(network, layer="0.unused", layout=NCHW)(pictures())


def test_images_are_resized_to_the_side_that_is_stated() -> None:
    trunk = CutNetwork(nn.Sequential(nn.Identity()), layer="0", layout=NCHW, side_px=16)
    flat = torch.full((1, 3, 32, 32), 0.25)
    assert torch.allclose(trunk(flat), torch.full((1, 3, 16, 16), 0.25))
