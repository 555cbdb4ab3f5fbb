from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import Mse1000, SignedResponse, value_and_gradient
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import PAPER31, Schedule

torch.set_num_threads(1)

SIDE = 4


def linear_model(weights: Tensor, offset: float = 0.0) -> nn.Module:
    """Responses ``W x + offset`` of len(weights) sites."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(weights.shape[1], weights.shape[0]))
    model[1].weight.data = weights
    model[1].bias.data = torch.full((weights.shape[0],), offset)
    return model.eval()


def search(
    model: object,
    clean: Tensor,
    *,
    site_index: Tensor,
    sign: Tensor,
    radius: Tensor,
    seeds: Iterable[int],
    settings: Schedule,
) -> Tensor:
    """Perturbations in the order of the images, searched in a batch smaller than they are many."""
    problem = Problem(model, lambda places: clean[list(places)], SignedResponse(site_index, sign))  # type: ignore[arg-type]
    tasks = [Task(row, row, (r,), seed) for row, (r, seed) in enumerate(zip(radius.tolist(), seeds, strict=True))]
    found = {one.task.row: one.delta for one in find(problem, tasks, method=Method(settings), batch_size=4)}
    return torch.stack([found[row] for row in range(len(clean))])


def attack(model: object, clean: Tensor, *, sign: float = 1.0, radius: float = 0.2, **settings: object) -> Tensor:
    n = len(clean)
    return search(
        model,  # type: ignore[arg-type]
        clean,
        site_index=torch.zeros(n, dtype=torch.int64),
        sign=torch.full((n,), sign),
        radius=torch.full((n,), radius),
        seeds=range(n),
        settings=replace(PAPER31, **settings),  # type: ignore[arg-type]
    )


@pytest.fixture
def weights() -> Tensor:
    return torch.randn(5, 3 * SIDE**2, generator=torch.Generator().manual_seed(2))


def test_the_optimum_of_a_linear_response_is_the_radius_along_its_weights(weights: Tensor) -> None:
    clean = torch.full((6, 3, SIDE, SIDE), 0.5)
    site = torch.tensor([0, 1, 2, 3, 4, 0])
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    radius = torch.tensor([0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
    delta = search(
        linear_model(weights), clean, site_index=site, sign=sign, radius=radius, seeds=range(6), settings=PAPER31
    )
    expected = (sign * radius)[:, None] * weights[site] / weights[site].norm(dim=1, keepdim=True)
    assert torch.allclose(delta.flatten(1), expected, atol=1e-5)


def test_a_response_beyond_1000_is_still_driven_the_right_way(weights: Tensor) -> None:
    clean = torch.full((1, 3, SIDE, SIDE), 0.5)
    delta = attack(linear_model(weights, offset=5000.0), clean)
    assert torch.allclose(delta.flatten(), 0.2 * weights[0] / weights[0].norm(), atol=1e-4)


def test_a_flat_response_gives_a_finite_perturbation_inside_the_ball() -> None:
    clean = torch.full((2, 3, SIDE, SIDE), 0.5)
    for model in (linear_model(torch.zeros(1, 3 * SIDE**2)), lambda images: torch.zeros(len(images), 1)):
        delta = attack(model, clean, steps=5)
        assert bool(torch.isfinite(delta).all())
        assert float(delta.flatten(1).norm(dim=1).max()) <= 0.2 * (1 + 1e-6)


def test_the_result_is_at_least_as_good_as_every_point_the_model_was_asked_about() -> None:
    seen: list[Tensor] = []
    frequency = torch.linspace(20, 60, 3 * SIDE**2)

    def rugged(images: Tensor) -> Tensor:
        responses = torch.sin(images.flatten(1) * frequency).sum(1, keepdim=True)
        seen.append(responses.detach()[:, 0])
        return responses

    clean = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    delta = attack(rugged, clean, steps=30, radius=1.0)
    visited = torch.stack(seen).amax(0)
    final = seen[-1]
    reached = rugged(clean + delta)[:, 0]
    assert torch.allclose(reached, visited, atol=1e-5)
    assert bool((visited > final + 1e-3).any())  # the end point alone would have failed


def test_an_item_is_attacked_alike_in_any_batch(weights: Tensor) -> None:
    clean = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(8))
    model = nn.Sequential(linear_model(weights), nn.Tanh()).eval()
    together = attack(model, clean, steps=20)
    alone = search(
        model,
        clean[2:3],
        site_index=torch.tensor([0]),
        sign=torch.ones(1),
        radius=torch.tensor([0.2]),
        seeds=[2],
        settings=replace(PAPER31, steps=20),
    )
    assert torch.allclose(together[2], alone[0], atol=1e-6)


def test_without_a_random_start_one_step_is_a_third_of_the_radius_up_the_gradient(weights: Tensor) -> None:
    clean = torch.full((1, 3, SIDE, SIDE), 0.5)
    delta = attack(linear_model(weights), clean, steps=1, random_start=False)
    assert torch.allclose(delta.flatten(), 0.2 / 3 * weights[0] / weights[0].norm(), atol=1e-6)


def test_the_images_searched_stay_in_the_box(weights: Tensor) -> None:
    clean = torch.randint(0, 2, (3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1)).float()
    delta = attack(linear_model(weights), clean, radius=2.0)
    assert float((clean + delta).min()) >= 0.0
    assert float((clean + delta).max()) <= 1.0


def test_mse1000_is_followed_along_the_papers_loss_below_1000(weights: Tensor) -> None:
    images = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5)).requires_grad_()
    model = linear_model(weights)
    for sign in (1.0, -1.0):
        loss = ((model(images)[:, 1] - sign * 1000) ** 2).sum()
        (of_the_paper,) = torch.autograd.grad(-loss, images)
        objective = Mse1000(torch.full((3,), 1), torch.full((3,), sign))
        ours = value_and_gradient(lambda x, o=objective: o.value(model(x), torch.arange(3)), images).gradient  # type: ignore[misc]
        cosine = nn.functional.cosine_similarity(of_the_paper.flatten(1), ours.flatten(1))
        assert torch.allclose(cosine, torch.ones(3), atol=1e-6)


def test_attacking_leaves_the_models_weights_without_gradients(weights: Tensor) -> None:
    model = linear_model(weights)
    attack(model, torch.full((1, 3, SIDE, SIDE), 0.5), steps=2)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_a_model_in_training_mode_is_refused(weights: Tensor) -> None:
    with pytest.raises(ValueError, match="eval mode"):
        attack(linear_model(weights).train(), torch.full((1, 3, SIDE, SIDE), 0.5))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"step_fraction": 0.0}, {"step_fraction": math.nan}])
def test_a_search_without_steps_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="steps"):
        replace(PAPER31, **settings)  # type: ignore[arg-type]
