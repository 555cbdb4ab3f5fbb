"""The paper's attack in plain torch, and the engine held against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.balls import L2
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import Mse1000
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.reference import paper_attack, random_start
from closedloop.attacks.searches import PAPER31

torch.set_num_threads(1)

SIDE, N, RADIUS = 4, 5, 0.3


class Saturating(nn.Module):
    """Two sites in double precision that saturate: the gradient turns along the way, but never back."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.register_buffer("first", torch.randn(3 * SIDE**2, 6, generator=generator, dtype=torch.float64))
        self.register_buffer("second", torch.rand(6, 2, generator=generator, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh((images - 0.5).flatten(1) @ self.get_buffer("first") / 3) @ self.get_buffer("second")


@pytest.fixture
def clean() -> Tensor:
    images = torch.rand(N, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return (images * 1.2 - 0.1).clamp(0, 1)  # some pixels at the walls of the box


def of_the_engine(model: nn.Module, clean: Tensor, *, site: int, steps: int) -> tuple[Tensor, Tensor]:
    """Perturbations for the two losses, (n, 3, side, side) each; the same random start for both."""
    sign = torch.tensor([+1.0] * N + [-1.0] * N)
    problem = Problem(model, lambda places: clean[list(places)], Mse1000(torch.full((2 * N,), site), sign))
    tasks = [Task(row, row % N, (RADIUS,), seed=row % N) for row in range(2 * N)]
    found = find(problem, tasks, method=Method(replace(PAPER31, steps=steps)), batch_size=3)
    deltas = {one.task.row: one.delta for one in found}
    up, down = (torch.stack([deltas[row] for row in range(first, first + N)]) for first in (0, N))
    return up, down


@pytest.mark.parametrize(("steps", "atol"), [(1, 1e-7), (2, 1e-7), (7, 1e-7), (100, 1e-4)])
def test_the_engine_finds_what_section_3_1_finds_from_the_same_start(clean: Tensor, steps: int, atol: float) -> None:
    """Step sizes are float32; and where walls make late steps pass the optimum, the engine keeps the better iterate."""
    model = Saturating().eval()
    radii = torch.full((N,), RADIUS, dtype=torch.float64)
    drawn = L2().start(radii, shape=clean.shape[1:], seeds=range(N)).to(clean)
    start = L2().project(drawn, clean=clean, radius=radii)
    won_by_raising = 0
    for site in (0, 1):
        up, down = of_the_engine(model, clean, site=site, steps=steps)
        raised, lowered, before = (model(images)[:, site] for images in (clean + up, clean + down, clean))
        larger = (raised - before).abs() >= (lowered - before).abs()
        delta = torch.where(larger.view(-1, 1, 1, 1), up, down)
        expected = paper_attack(model, clean, site=site, radius=RADIUS, start=start, steps=steps)
        assert expected.dtype is torch.float64
        assert torch.allclose(delta, expected, rtol=0, atol=atol)
        assert torch.allclose(model(clean + delta)[:, site], model(clean + expected)[:, site], rtol=0, atol=1e-7)
        won_by_raising += int(larger.sum())
    assert 0 < won_by_raising < 2 * N  # either loss won somewhere


def test_the_attack_of_a_linear_site_is_the_radius_along_its_weights() -> None:
    weights = torch.randn(2, 3 * SIDE**2, generator=torch.Generator().manual_seed(1))
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2)).eval()
    model[1].weight.data = weights
    grey = torch.full((1, 3, SIDE, SIDE), 0.5)
    delta = paper_attack(model, grey, site=1, radius=RADIUS, start=random_start(grey, radius=RADIUS, seed=0))
    along = nn.functional.cosine_similarity(delta.flatten(), weights[1], dim=0).abs()
    assert float(along) == pytest.approx(1, abs=1e-5)
    assert float(delta.norm()) == pytest.approx(RADIUS, rel=1e-6)


def test_random_starts_are_uniform_in_the_ball_and_follow_their_seed() -> None:
    grey = torch.full((4000, 3, 1, 1), 0.5)
    start = random_start(grey, radius=0.4, seed=1)
    share_of_volume = (start.flatten(1).norm(dim=1) / 0.4) ** 3
    for quantile in (0.1, 0.5, 0.9):
        assert float(torch.quantile(share_of_volume, quantile)) == pytest.approx(quantile, abs=0.03)
    assert torch.equal(start, random_start(grey, radius=0.4, seed=1))
    assert not torch.equal(start, random_start(grey, radius=0.4, seed=2))
