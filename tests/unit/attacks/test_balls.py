from __future__ import annotations

import math

import pytest
import torch

from closedloop.attacks.balls import L2, radius_at

torch.set_num_threads(1)


@pytest.mark.parametrize(("epsilon", "radius"), [(1.0, 1 / 7), (2.5, 2.5 / 7), (10.0, 10 / 7)])
def test_the_radius_at_32_pixels_is_a_seventh_of_the_papers(epsilon: float, radius: float) -> None:
    assert radius_at(epsilon, 32) == pytest.approx(radius, rel=1e-12)


def test_the_radius_changes_each_pixel_equally_at_every_side() -> None:
    rms = [radius_at(2.5, side) / math.sqrt(3 * side**2) for side in (8, 32, 100, 224)]
    assert rms == pytest.approx([rms[0]] * 4, rel=1e-12)


def test_random_starts_are_uniform_in_the_ball() -> None:
    n, dimension = 4000, 3
    starts = L2().start(torch.full((n,), 2.0), shape=(dimension,), seeds=range(n))
    share_of_volume = (starts.norm(dim=1) / 2.0) ** dimension  # uniform on [0, 1] if the draw is uniform in the ball
    assert float(share_of_volume.max()) <= 1.0 + 1e-6
    for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert float(torch.quantile(share_of_volume, quantile)) == pytest.approx(quantile, abs=0.03)
    assert starts.mean(0).abs().max() < 4 * 2.0 * math.sqrt(1 / 5 / n)  # E[x_i^2] = R^2 / (d + 2)


def test_a_random_start_depends_on_its_own_seed_and_radius_only() -> None:
    together = L2().start(torch.tensor([1.0, 3.0]), shape=(3, 4, 4), seeds=[11, 12])
    alone = L2().start(torch.tensor([3.0]), shape=(3, 4, 4), seeds=[12])
    assert torch.equal(together[1], alone[0])
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 1e30])
def test_a_normalised_gradient_has_unit_norm_at_any_scale(scale: float) -> None:
    unit = torch.tensor([[3.0, 4.0]]) / 5.0
    assert torch.allclose(L2().ascent(unit * scale), unit, atol=1e-6)


def test_a_zero_gradient_stays_zero() -> None:
    gradient = torch.stack([torch.zeros(5), torch.ones(5)])
    assert torch.equal(L2().ascent(gradient)[0], torch.zeros(5))


def test_projection_brings_each_item_into_its_own_ball_and_the_box() -> None:
    generator = torch.Generator().manual_seed(3)
    clean = torch.rand(20, 3, 6, 6, generator=generator)
    delta = 5 * torch.randn(20, 3, 6, 6, generator=generator)
    radius = torch.linspace(0.01, 8.0, 20)
    inside = L2().project(delta, clean=clean, radius=radius)
    assert bool((inside.flatten(1).norm(dim=1) <= radius * (1 + 1e-6)).all())
    assert float((clean + inside).min()) >= 0.0
    assert float((clean + inside).max()) <= 1.0


def test_projection_leaves_a_feasible_perturbation_alone() -> None:
    clean = torch.full((1, 3, 2, 2), 0.5)
    delta = torch.full((1, 3, 2, 2), 0.1)  # norm sqrt(12) / 10 = .346
    assert torch.allclose(L2().project(delta, clean=clean, radius=torch.tensor([0.35])), delta, atol=1e-7)


def test_projection_onto_the_ball_keeps_the_direction() -> None:
    clean = torch.full((1, 2), 0.5)
    inside = L2().project(torch.tensor([[3.0, 4.0]]), clean=clean, radius=torch.tensor([0.1]))
    assert torch.allclose(inside, torch.tensor([[0.06, 0.08]]), atol=1e-7)
