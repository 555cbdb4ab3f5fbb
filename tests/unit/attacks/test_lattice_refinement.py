from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from closedloop.attacks.lattice import (
    LatticeSettings,
    first_order_optimum,
    refine_on_lattice,
    to_lattice,
)

torch.set_num_threads(1)

SIDE, N = 8, 6
RADIUS = np.linspace(0.02, 0.2, N)


def differentiated(value: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Value and gradient of one number an item."""

    def evaluate(images: Tensor) -> tuple[Tensor, Tensor]:
        leaf = images.detach().requires_grad_()
        found = value(leaf)
        (gradient,) = torch.autograd.grad(found.sum(), leaf)
        return found.detach(), gradient

    return evaluate


def curved(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A smooth response with strong curvature."""
    first = torch.randn(24, 3 * SIDE**2, generator=torch.Generator().manual_seed(seed))
    return lambda images: torch.sin(3 * (images - 0.5).flatten(1) @ first.T).sum(1)


@pytest.fixture
def clean() -> Tensor:
    return torch.randint(0, 256, (N, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1)) / 255


@pytest.fixture
def delta(clean: Tensor) -> Tensor:
    draw = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    inside = draw / draw.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * torch.from_numpy(RADIUS).float().view(-1, 1, 1, 1)
    return (clean + inside).clamp(0, 1) - clean


def as_bytes(images: Tensor) -> np.ndarray:
    return (images * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


def test_the_refined_image_is_never_weaker_than_the_projected_one(clean: Tensor, delta: Tensor) -> None:
    evaluate = differentiated(curved())
    values = [
        refine_on_lattice(evaluate, clean, delta, radius=RADIUS, settings=LatticeSettings(steps=steps)).value
        for steps in (0, 1, 4, 12)
    ]
    assert all(bool((refined >= values[0]).all()) for refined in values[1:])
    assert bool((values[3] > values[0] + 1e-3).all())  # a random direction is far from the optimum


def test_the_value_told_is_that_of_the_image_told_and_the_best_of_all_the_model_was_asked(
    clean: Tensor, delta: Tensor
) -> None:
    asked: list[Tensor] = []
    value = curved()

    def spied(images: Tensor) -> Tensor:
        asked.append(value(images.detach()))
        return value(images)

    found = refine_on_lattice(
        differentiated(spied), clean, delta, radius=RADIUS, settings=LatticeSettings(steps=6, step_fraction=1.0)
    )
    assert torch.allclose(found.value, value(found.pixels / 255), atol=1e-6)
    assert torch.equal(found.value, torch.stack(asked[1:]).amax(0))
    assert torch.equal(found.value_float, asked[0])
    assert found.n_gradients == len(asked) == 8


@pytest.mark.parametrize("levels", [255, 1023])
def test_refined_images_are_whole_levels_inside_box_and_ball(delta: Tensor, levels: int) -> None:
    pixels = torch.randint(0, levels + 1, delta.shape, generator=torch.Generator().manual_seed(3))
    settings = LatticeSettings(steps=5, step_fraction=1.0, levels=levels)
    found = refine_on_lattice(differentiated(curved()), pixels / levels, delta, radius=RADIUS, settings=settings)
    assert torch.equal(found.pixels, found.pixels.round())
    assert 0 <= float(found.pixels.min()) <= float(found.pixels.max()) <= levels
    squared = (found.pixels.double() - pixels).square().flatten(1).sum(1)
    for reached, radius in zip(squared.tolist(), RADIUS.tolist(), strict=True):
        assert Fraction(int(reached)) <= (levels * Fraction(radius)) ** 2
        assert reached > 0.9 * (levels * radius) ** 2


def test_a_linear_response_reaches_the_first_order_optimum(clean: Tensor) -> None:
    weights = torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    evaluate = differentiated(lambda images: (images * weights).flatten(1).sum(1))
    delta = torch.zeros_like(clean)
    found = refine_on_lattice(evaluate, clean, delta, radius=RADIUS, settings=LatticeSettings(steps=1, step_fraction=1))
    gradient = weights.permute(1, 2, 0).expand(N, -1, -1, -1).numpy()
    best = first_order_optimum(as_bytes(clean), gradient, radius=RADIUS)
    gain = ((best.astype(float) - as_bytes(clean)) / 255 * gradient).sum(axis=(1, 2, 3))
    reached = found.value - (clean * weights).flatten(1).sum(1)
    assert reached.numpy() == pytest.approx(gain, rel=1e-4)


def test_without_steps_it_is_the_projection_with_the_gradient_at_the_optimum(clean: Tensor, delta: Tensor) -> None:
    evaluate = differentiated(curved())
    found = refine_on_lattice(evaluate, clean, delta, radius=RADIUS, settings=LatticeSettings(steps=0))
    last = [array.permute(0, 2, 3, 1).numpy() for array in (delta, evaluate(clean + delta)[1])]
    projected = to_lattice(as_bytes(clean), last[0], radius=RADIUS, gain_gradient=last[1])
    assert np.array_equal(found.pixels.permute(0, 2, 3, 1).numpy().astype(np.uint8), projected)


def test_a_flat_response_gives_no_nan(clean: Tensor, delta: Tensor) -> None:
    flat = differentiated(lambda images: 0.0 * images.flatten(1).sum(1))
    found = refine_on_lattice(flat, clean, delta, radius=RADIUS, settings=LatticeSettings())
    assert bool(torch.isfinite(found.pixels).all())
    assert found.value.tolist() == [0.0] * N
    assert found.bound.tolist() == [1.0] * N


def test_an_item_is_refined_alike_in_any_batch(clean: Tensor, delta: Tensor) -> None:
    evaluate, settings = differentiated(curved()), LatticeSettings()
    together = refine_on_lattice(evaluate, clean, delta, radius=RADIUS, settings=settings)
    alone = refine_on_lattice(evaluate, clean[2:4], delta[2:4], radius=RADIUS[2:4], settings=settings)
    assert torch.equal(together.pixels[2:4], alone.pixels)
