"""Members of an ensemble with the same say, against closed forms of linear models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from closedloop.attacks.gradients.estimators import (
    Averaged,
    Blurred,
    Draws,
    Ensemble,
    GradientEstimator,
    Plain,
    SoftRelu,
)
from closedloop.attacks.gradients.members import EqualMembers
from closedloop.attacks.gradients.transforms import Noise
from closedloop.attacks.synthesis.sources import units_file
from closedloop.models.way_back.member_gradients import equally_long, images_of_member

torch.set_num_threads(1)
SIDE = 12
LENGTHS = (0.1, 1.0, 30.0)


class Sum(nn.Module):
    """A linear response."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weights.flatten()[:, None]


def unit_weights() -> list[Tensor]:
    drawn = np.random.default_rng(0).standard_normal((len(LENGTHS), 3, SIDE, SIDE), dtype=np.float32)
    return [torch.from_numpy(one / np.linalg.norm(one)) for one in drawn]


def images_of(n: int, *, side: int = SIDE) -> Tensor:
    return torch.from_numpy(np.random.default_rng(9).random((n, 3, side, side), dtype=np.float32))


def at(n: int) -> Draws:
    return Draws(tuple(range(n)), (0,) * n)


def response(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda images: model(images)[:, 0]


def unlike_members() -> Ensemble:
    """Linear members whose gradients are 300 times apart in length."""
    parts = zip(LENGTHS, unit_weights(), strict=True)
    return Ensemble([Sum(length * weights) for length, weights in parts]).eval()


def test_the_gradient_is_the_sum_of_the_members_directions_and_the_value_stays() -> None:
    value_of, images = response(unlike_members()), images_of(3)
    found, plain = (one.estimate(value_of, images, at(3)) for one in (EqualMembers(), Plain()))
    expected = torch.stack(unit_weights()).sum(dim=0)
    torch.testing.assert_close(found.gradient, expected.expand(3, -1, -1, -1))
    assert torch.equal(found.value, plain.value)
    assert torch.equal(EqualMembers().value(value_of, images), value_of(images))
    longest = torch.nn.functional.cosine_similarity(plain.gradient[0].flatten(), unit_weights()[2].flatten(), dim=0)
    assert longest > 0.99  # which the others would hardly move


def test_it_goes_together_with_noise_and_a_blur() -> None:
    """A linear member's direction is the same at every image."""
    inner: GradientEstimator = Averaged((Noise(0.1),), samples=2)
    found = Blurred(1.5 / SIDE, EqualMembers(inner)).estimate(response(unlike_members()), images_of(2), at(2))
    directions = torch.stack(unit_weights()).sum(dim=0).numpy()
    expected = gaussian_filter(directions, (0, 1.5, 1.5), mode="constant", truncate=30)
    np.testing.assert_allclose(found.gradient[1], expected, atol=1e-6)
    assert (EqualMembers(inner).n_gradients, EqualMembers(inner).comparable) == (2, False)


def test_a_model_that_is_no_ensemble_keeps_its_gradient() -> None:
    value_of, images = response(Sum(7 * unit_weights()[0])), images_of(2)
    found, plain = (one.estimate(value_of, images, at(2)) for one in (EqualMembers(), Plain()))
    assert torch.equal(found.gradient, plain.gradient)


def test_a_member_without_a_gradient_has_none_to_give() -> None:
    weights = unit_weights()[0]
    together = Ensemble([Sum(torch.zeros_like(weights)), Sum(1e-6 * weights)]).eval()
    found = EqualMembers().estimate(response(together), images_of(1), at(1))
    torch.testing.assert_close(found.gradient[0], weights)


@pytest.mark.parametrize("of_the_context", [False, True])
def test_forwards_and_outside_of_the_context_images_are_handed_on(*, of_the_context: bool) -> None:
    images = images_of(2).requires_grad_()
    if of_the_context:
        with equally_long(), torch.no_grad():
            assert images_of_member(images) is images
    else:
        with equally_long():
            pass
        assert images_of_member(images) is images


def test_an_images_gradient_through_networks_does_not_depend_on_its_neighbours() -> None:
    names = ("small_resnet_robust", "small_plain_robust", "small_smooth_robust")
    together = Ensemble([units_file(name, layer="fc").load(torch.device("cpu")) for name in names]).eval()
    images = images_of(12, side=32) * torch.linspace(0.1, 1, 12).view(-1, 1, 1, 1)
    estimator = EqualMembers(SoftRelu(3.0))
    expected = estimator.estimate(response(together), images, at(12)).gradient
    for n in (4, 8):
        assert torch.equal(estimator.estimate(response(together), images[:n], at(n)).gradient, expected[:n])
