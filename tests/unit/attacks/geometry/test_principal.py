"""Principal directions: both signs apart, the strongest first, the same whoever else is in the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from closedloop.attacks.geometry.axes import plane_axes
from closedloop.attacks.geometry.principal import principal_directions
from closedloop.attacks.geometry.responses import ResponseOf, inner
from closedloop.simulation.cortex.hidden import HiddenCortex
from tests.unit.attacks.geometry.closed_forms import SHAPE, Saddle, response_of_all


def test_the_direction_that_bends_most_comes_first_whichever_way() -> None:
    at = torch.zeros((1, *SHAPE), dtype=torch.float64)
    found = principal_directions(response_of_all(Saddle(), 1), at, n=2, h=0.1, seeds=(1,), iterations=30)
    torch.testing.assert_close(found.curvature[0], torch.tensor([2.5, -1.5], dtype=torch.float64))
    strongest = found.directions[0].flatten(1).abs()
    torch.testing.assert_close(strongest[0].argmax(), torch.tensor(2))
    torch.testing.assert_close(strongest[1].argmax(), torch.tensor(1))


def test_two_that_bend_as_much_either_way_are_told_apart() -> None:
    class Even(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            x = images.flatten(1)
            return (x[:, 0] + 2 * x[:, 1] ** 2 - 2 * x[:, 2] ** 2)[:, None]

    at = torch.zeros((1, *SHAPE), dtype=torch.float64)
    found = principal_directions(response_of_all(Even(), 1), at, n=2, h=0.1, seeds=(3,), iterations=30)
    assert sorted(round(one, 6) for one in found.curvature[0].tolist()) == [-4.0, 4.0]


def test_directions_are_along_the_surface_and_do_not_depend_on_neighbours() -> None:
    cortex = HiddenCortex(2022, 4)
    model, images = cortex.response_model(0), cortex.reference_images[:4]
    several = plane_axes(model, images, [0, 1, 2, 3], scale=1.0, seeds=[10, 11, 12, 13])
    alone = plane_axes(model, images[2:3], [2], scale=1.0, seeds=[12])
    for axes, place in ((several, 2), (alone, 0)):
        gradient, principal = axes.gradient[place].ravel(), axes.principal[place].ravel()
        assert abs(float(gradient @ principal)) < 1e-5
        assert abs(float(principal @ principal) - 1) < 1e-5
    assert abs(several.curvature[2] / alone.curvature[0] - 1) < 1e-3
    assert abs(float(several.principal[2].ravel() @ alone.principal[0].ravel())) > 0.999


def test_an_image_without_a_gradient_gets_random_directions_at_right_angles() -> None:
    class Silent(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :1] * 0.0

    images = torch.zeros((1, 8, 8, 3), dtype=torch.uint8).numpy()
    axes = plane_axes(Silent(), images, [0], scale=1.0, seeds=[7])
    gradient, principal = axes.gradient.ravel(), axes.principal.ravel()
    assert abs(float(gradient @ gradient) - 1) < 1e-5
    assert abs(float(gradient @ principal)) < 1e-5
    assert axes.steepness[0] == 0
    assert axes.curvature[0] != axes.curvature[0]  # NaN


def test_a_response_of_several_images_a_row_is_that_of_each() -> None:
    cortex = HiddenCortex(2022, 4)
    response = ResponseOf(cortex.response_model(0), torch.tensor([1, 3]))
    images = torch.rand((2, 3, 3, 32, 32), generator=torch.Generator().manual_seed(8))
    together = response.at(images)
    for place in range(3):
        alone = response.at(images[:, place])
        torch.testing.assert_close(together.value[:, place], alone.value)
        torch.testing.assert_close(
            inner(together.gradient[:, place], together.gradient[:, place]), inner(alone.gradient, alone.gradient)
        )
