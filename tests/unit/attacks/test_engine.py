"""The engine against closed forms: linear responses, warm starts, restarts, batches of any size and order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.balls import L2, Ball, LInf
from closedloop.attacks.engine.find import Optimum, find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.gradients.estimators import Averaged, Blurred, SoftRelu
from closedloop.attacks.gradients.transforms import Shift
from closedloop.attacks.objectives import Mse1000, Objective, PopulationVector, SignedResponse, TargetPattern
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import ANNEALED, COSINE, PAPER31, STRENGTHENED, Schedule
from closedloop.attacks.synthesis.sources import units_file

torch.set_num_threads(1)

SIDE = 4
SIZE = 3 * SIDE**2
SEARCHES: list[Schedule] = [
    replace(PAPER31, steps=60),
    replace(COSINE, steps=40),
    replace(ANNEALED, steps=60),
    replace(STRENGTHENED, restarts=2, steps=40),
]
SHORT: list[Schedule] = [
    replace(PAPER31, steps=4),
    replace(COSINE, steps=4),
    replace(ANNEALED, steps=6),
    replace(STRENGTHENED, restarts=2, steps=4),
]
WEIGHTS = torch.randn(4, SIZE, generator=torch.Generator().manual_seed(2))


class Linear(nn.Module):
    """Responses ``W x + offset``."""

    def __init__(self, weights: Tensor, offset: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.offset = offset

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.get_buffer("weights").T + self.offset


class Rugged(nn.Module):
    """Three responses with many local optima."""

    def forward(self, images: Tensor) -> Tensor:
        frequency = torch.linspace(20, 60, SIZE).to(images)
        waves = torch.sin(images.flatten(1) * frequency)
        return torch.stack([waves.sum(1), waves[:, ::2].sum(1), waves[:, 1::2].cumsum(1).mean(1)], dim=1)


def find_all(
    model: nn.Module,
    clean: Tensor,
    objective: Objective,
    tasks: Sequence[Task],
    *,
    search: Schedule,
    ball: Ball | None = None,
    batch_size: int = 4,
) -> dict[tuple[int, int], Optimum]:
    problem = Problem(model.eval(), lambda places: clean[list(places)], objective)
    method = Method(search, ball=ball or L2())
    return {(one.task.row, one.radius_index): one for one in find(problem, tasks, method=method, batch_size=batch_size)}


def driven(sites: list[int], signs: list[float]) -> SignedResponse:
    return SignedResponse(torch.tensor(sites), torch.tensor(signs))


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)
def test_the_l2_optimum_of_a_linear_response_is_the_radius_along_its_weights(search: Schedule) -> None:
    clean, sites, signs, radii = torch.full((1, 3, SIDE, SIDE), 0.5), [0, 1, 2], [1.0, -1.0, 1.0], [0.1, 0.2, 0.3]
    tasks = [Task(row, 0, (radius,), row) for row, radius in enumerate(radii)]
    found = find_all(Linear(WEIGHTS), clean, driven(sites, signs), tasks, search=search)
    for row, (site, sign, radius) in enumerate(zip(sites, signs, radii, strict=True)):
        expected = sign * radius * WEIGHTS[site] / WEIGHTS[site].norm()
        assert torch.allclose(found[row, 0].delta.flatten(), expected, atol=1e-5)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)
def test_the_linf_optimum_of_a_linear_response_is_the_radius_times_its_signs(search: Schedule) -> None:
    clean = torch.full((1, 3, SIDE, SIDE), 0.5)
    tasks = [Task(0, 0, (0.1,), 3), Task(1, 0, (0.2,), 4)]
    found = find_all(Linear(WEIGHTS), clean, driven([0, 3], [1.0, -1.0]), tasks, search=search, ball=LInf())
    assert torch.allclose(found[0, 0].delta.flatten(), 0.1 * WEIGHTS[0].sign(), atol=1e-5)
    assert torch.allclose(found[1, 0].delta.flatten(), -0.2 * WEIGHTS[3].sign(), atol=1e-5)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)
def test_a_population_vector_is_followed_along_its_combined_weights(search: Schedule) -> None:
    clean, vector = torch.full((1, 3, SIDE, SIDE), 0.5), torch.tensor([[1.0, -2.0, 0.5, 0.0]])
    found = find_all(Linear(WEIGHTS), clean, PopulationVector(vector), [Task(0, 0, (0.2,), 1)], search=search)
    combined = (vector @ WEIGHTS)[0]
    assert torch.allclose(found[0, 0].delta.flatten(), 0.2 * combined / combined.norm(), atol=1e-5)


def test_a_pattern_within_reach_is_reached_and_a_free_output_does_not_count() -> None:
    clean, model = torch.full((1, 3, SIDE, SIDE), 0.5), Linear(WEIGHTS)
    wanted = model(clean + 0.02 * WEIGHTS[0].view(1, 3, SIDE, SIDE) / WEIGHTS[0].norm())
    target = torch.cat([wanted[:, :3], torch.full((1, 1), torch.nan)], dim=1)
    found = find_all(model, clean, TargetPattern(target), [Task(0, 0, (0.1,), 1)], search=replace(ANNEALED, steps=300))
    assert -1e-5 < found[0, 0].value <= 0
    assert torch.allclose(model(clean + found[0, 0].delta)[:, :3], target[:, :3], atol=0.01)


@pytest.mark.parametrize("search", SHORT, ids=lambda search: search.name)
def test_what_is_found_never_falls_with_the_radius(search: Schedule) -> None:
    clean = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    radii = (0.02, 0.05, 0.051, 0.2, 1.0)
    tasks = [Task(row, row, radii, row) for row in range(3)]
    found = find_all(Rugged(), clean, driven([0, 1, 2], [1.0, -1.0, 1.0]), tasks, search=search)
    for row in range(3):
        values = [found[row, index].value for index in range(len(radii))]
        assert values == sorted(values)
        norms = [float(found[row, index].delta.norm()) for index in range(len(radii))]
        assert all(norm <= radius + 1e-6 for norm, radius in zip(norms, radii, strict=True))  # float32 around .5


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)
def test_more_restarts_are_never_worse(search: Schedule) -> None:
    clean = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    tasks = [Task(row, row, (0.5,), row) for row in range(2)]
    values = []
    for restarts in (1, 2, 8):
        found = find_all(
            Rugged(), clean, driven([0, 1], [1.0, -1.0]), tasks, search=replace(search, steps=8, restarts=restarts)
        )
        values.append([found[row, 0].value for row in range(2)])
    for fewer, more in pairwise(values):
        assert all(a <= b for a, b in zip(fewer, more, strict=True))
    assert values[0] != values[2]


@pytest.mark.parametrize("search", SHORT, ids=lambda search: search.name)
def test_what_is_found_does_not_depend_on_batch_size_and_order(search: Schedule) -> None:
    clean = torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(6))
    tasks = [Task(row, row % 5, (0.1 + 0.1 * row, 0.9), 100 + row) for row in range(7)]
    objective = driven([row % 3 for row in range(7)], [1.0, -1.0] * 3 + [1.0])
    expected = find_all(Rugged(), clean, objective, tasks, search=search, batch_size=7)
    for batch_size in (1, 3, 8, 32):
        shuffled = random.Random(batch_size).sample(tasks, len(tasks))
        found = find_all(Rugged(), clean, objective, shuffled, search=search, batch_size=batch_size)
        assert found.keys() == expected.keys()
        for key, one in found.items():
            assert torch.equal(one.delta, expected[key].delta)
            assert (one.value, one.n_gradients) == (expected[key].value, expected[key].n_gradients)


@pytest.mark.parametrize("network", ["small_resnet_robust", "small_plain_robust", "small_smooth_robust"])
def test_a_convolutional_network_s_attack_has_the_same_bits_alone_and_among_others(network: str) -> None:
    model = units_file(network, layer="layer3.0").load(torch.device("cpu"))
    clean = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(6))
    tasks = [Task(row, row, (0.3,), row) for row in range(3)]
    alone, together = (
        find_all(
            model, clean, driven([0, 1, 2], [1.0] * 3), tasks, search=replace(PAPER31, steps=3), batch_size=batch_size
        )
        for batch_size in (1, 3)
    )
    assert all(torch.equal(alone[key].delta, together[key].delta) for key in together)


@pytest.mark.parametrize("network", ["small_resnet_robust", "small_plain_robust"])
def test_an_attack_past_soft_rectifiers_has_the_same_bits_in_any_batch(network: str) -> None:
    """The spread that a soft rectifier goes by is of one image, whichever others fill the batch."""
    model = units_file(network, layer="layer3.0").load(torch.device("cpu"))
    generator = torch.Generator().manual_seed(6)
    clean = torch.rand(5, 3, 32, 32, generator=generator) * torch.linspace(0.1, 1, 5).view(-1, 1, 1, 1)
    tasks = [Task(row, row % 5, (0.3,), row) for row in range(9)]
    objective = driven([row % 3 for row in range(9)], [1.0, -1.0, 1.0] * 3)
    problem = Problem(model, lambda places: clean[list(places)], objective)
    method = Method(replace(COSINE, steps=2), Blurred(0.025, SoftRelu(3.0, Averaged((Shift(0.094),)))))
    expected, *others = (
        {one.task.row: one for one in find(problem, tasks, method=method, batch_size=batch_size)}
        for batch_size in (9, 1, 3, 8, 32)
    )
    for found in others:
        assert all(torch.equal(found[row].delta, expected[row].delta) for row in expected)


@pytest.mark.parametrize("search", SHORT, ids=lambda search: search.name)
@pytest.mark.parametrize("offset", [0.0, 5000.0, -5000.0])
def test_flat_and_huge_responses_stay_finite_and_inside_the_ball(search: Schedule, offset: float) -> None:
    clean = torch.full((1, 3, SIDE, SIDE), 0.5)
    for model in (Linear(torch.zeros(1, SIZE), offset), Linear(WEIGHTS[:1], offset)):
        for objective in (driven([0], [1.0]), Mse1000(torch.tensor([0]), torch.tensor([1.0]))):
            one = find_all(model, clean, objective, [Task(0, 0, (0.2,), 1)], search=search)[0, 0]
            assert bool(torch.isfinite(one.delta).all())
            assert float(one.delta.norm()) <= 0.2 * (1 + 1e-6)


def test_the_papers_loss_and_the_signed_response_take_equal_steps_in_double_precision() -> None:
    clean = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    sites, signs = torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    tasks = [Task(row, row, (0.3,), row) for row in range(4)]
    for steps in (1, 2, 5, 20):
        by_loss, by_response = (
            find_all(Rugged(), clean, objective(sites, signs), tasks, search=replace(PAPER31, steps=steps))
            for objective in (Mse1000, SignedResponse)
        )
        for key, one in by_loss.items():
            assert one.delta.dtype is torch.float64
            assert torch.allclose(one.delta, by_response[key].delta, atol=1e-12)


def test_a_search_follows_projected_gradient_descent_as_it_is_published() -> None:
    """Madry et al. 2018 in L2, as foolbox's: add the step along the unit gradient, back to the sphere, clip."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 16), nn.Tanh(), nn.Linear(16, 1)).eval()
    clean = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(8))
    radius, steps = 0.4, 15
    objective = driven([0, 0, 0], [1.0, 1.0, 1.0])
    tasks = [Task(row, row, (radius,), row) for row in range(3)]
    found = find_all(model, clean, objective, tasks, search=replace(PAPER31, steps=steps))
    x = clean + L2().project(
        L2().start(torch.full((3,), radius), shape=clean.shape[1:], seeds=range(3)),
        clean=clean,
        radius=torch.full((3,), radius),
    )
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(model(x).sum(), x)
        with torch.no_grad():
            length = gradient.reshape(3, -1).pow(2).sum(1).sqrt().reshape(3, 1, 1, 1)
            x = x + radius / 3 * gradient / length
            offset = x - clean
            distance = offset.reshape(3, -1).pow(2).sum(1).sqrt().reshape(3, 1, 1, 1)
            x = (clean + offset * torch.minimum(torch.ones(()), radius / distance)).clamp(0, 1)
    for row in range(3):
        cosine = nn.functional.cosine_similarity(found[row, 0].delta.flatten(), (x - clean)[row].flatten(), dim=0)
        assert float(cosine) > 0.999


def test_converged_runs_leave_early_and_cost_less() -> None:
    clean = torch.full((2, 3, SIDE, SIDE), 0.5)
    tasks = [Task(row, row, (0.2,), row) for row in range(2)]
    found = find_all(Linear(WEIGHTS), clean, driven([0, 1], [1.0, 1.0]), tasks, search=replace(ANNEALED, steps=1000))
    assert all(one.n_gradients < 100 for one in found.values())
