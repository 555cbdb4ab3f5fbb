"""Attacks on a linear decoder: on a linear model they have a closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings, realised_epsilon
from closedloop.attacks.objectives import DecoderMargin, PopulationVector
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import COSINE, PAPER31, Schedule
from closedloop.attacks.synthesis.decoded import DecodedModel, read_directions, read_margins
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize

torch.set_num_threads(1)

SIDE, N_SITES, N_CATEGORIES = 8, 5, 4
SIZE = 3 * SIDE**2
SEARCHES = (replace(PAPER31, steps=60), replace(COSINE, steps=40))


class Linear(nn.Module):
    """Responses ``W x``."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.randn(N_SITES, SIZE, generator=torch.Generator().manual_seed(2)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.get_buffer("weights").T


def decoder(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(N_CATEGORIES, N_SITES, generator=generator), torch.randn(N_CATEGORIES, generator=generator)


def steepest(model: Linear, weights: torch.Tensor, *, rival: int, own: int, radius: float) -> torch.Tensor:
    direction = model.get_buffer("weights").T @ (weights[rival] - weights[own])
    return radius * direction / direction.norm()


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.name)
def test_on_a_linear_model_the_attack_goes_straight_from_the_true_category_to_its_rival(search: Schedule) -> None:
    """The scores part by constant gradients: with a rival far ahead of all others W^T (w_rival - w_true) is best."""
    model, (weights, offsets) = Linear().eval(), decoder()
    offsets = offsets + 1e6 * (torch.arange(N_CATEGORIES) == 2)
    images = torch.full((2, 3, SIDE, SIDE), 0.5)
    margin = DecoderMargin(weights, offsets, category=torch.tensor([0, 3]))
    problem = Problem(model, lambda places: images[list(places)], margin)
    tasks = [Task(row, row, (0.3,), row) for row in (0, 1)]
    found = list(find(problem, tasks, method=Method(search), batch_size=2))
    for one, own in zip(sorted(found, key=lambda one: one.task.row), (0, 3), strict=True):
        wanted = steepest(model, weights, rival=2, own=own, radius=0.3)
        cosine = torch.nn.functional.cosine_similarity(one.delta.flatten(), wanted, dim=0)
        assert cosine > 0.999
        assert one.delta.norm() == pytest.approx(0.3, rel=1e-3)


def test_the_rival_may_change_on_the_way_and_the_best_end_is_found() -> None:
    """Of all rivals' closed forms the one that ends highest; a linear maximum over a ball is that of one of them."""
    model, (weights, offsets) = Linear().eval(), decoder(5)
    images = torch.full((1, 3, SIDE, SIDE), 0.5)
    ends = []
    for rival in (1, 2, 3):
        scores = model(images + steepest(model, weights, rival=rival, own=0, radius=0.5).view(1, 3, SIDE, SIDE))
        scores = (scores @ weights.T + offsets)[0]
        ends.append(float(scores[1:].max() - scores[0]))
    margin = DecoderMargin(weights, offsets, category=torch.tensor([0]))
    problem = Problem(model, lambda places: images[list(places)], margin)
    search = replace(COSINE, steps=60, restarts=6)
    (found,) = find(problem, [Task(0, 0, (0.5,), 1)], method=Method(search), batch_size=1)
    assert found.value == pytest.approx(max(ends), rel=1e-3)


def test_a_margin_is_the_best_other_score_minus_the_true_one() -> None:
    weights, offsets = decoder()
    responses, category = torch.randn(6, N_SITES), torch.tensor([0, 1, 2, 3, 0, 1])
    value = DecoderMargin(weights, offsets, category=category).value(responses, torch.arange(6))
    for row in range(6):
        scores = [float(responses[row] @ weights[one] + offsets[one]) for one in range(N_CATEGORIES)]
        own = scores.pop(int(category[row]))
        assert float(value[row]) == pytest.approx(max(scores) - own, abs=1e-5)


def test_what_is_driven_in_files_is_what_the_objectives_value() -> None:
    weights, offsets = decoder()
    model, images = Linear().eval(), torch.rand(3, 3, SIDE, SIDE)
    source, cpu = InMemory(model, "linear"), torch.device("cpu")
    margins = DecodedModel(source, read_margins(weights.double().numpy(), offsets.double().numpy())).load(cpu)
    for category in range(N_CATEGORIES):
        wanted = DecoderMargin(weights, offsets, category=torch.full((3,), category)).value(
            model(images), torch.arange(3)
        )
        torch.testing.assert_close(margins(images)[:, category], wanted)
    along = DecodedModel(source, read_directions(weights.double().numpy())).load(cpu)
    wanted = PopulationVector(weights[:3]).value(model(images), torch.arange(3))
    torch.testing.assert_close(along(images)[torch.arange(3), torch.arange(3)], wanted)


def made(folder: Path, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    weights, offsets = decoder(seed)
    source = DecodedModel(
        InMemory(Linear().eval(), "linear"), read_margins(weights.double().numpy(), offsets.double().numpy())
    )
    clean = np.full((1, SIDE, SIDE, 3), 128, dtype=np.uint8)
    items = [AttackItem(f"category {own}", 0, own, 10.0) for own in range(N_CATEGORIES)]
    found = synthesize(
        source,
        items,
        clean,
        method=Method(replace(COSINE, steps=20)),
        lattice=LatticeSettings(),
        directions=(+1,),
        shard_folder=folder,
    )
    return np.asarray(found.attacked), clean


def test_attacks_are_made_on_whole_grey_levels_within_epsilon_and_lower_the_margin(tmp_path: Path) -> None:
    attacked, clean = made(tmp_path)
    assert (realised_epsilon(np.repeat(clean, N_CATEGORIES, axis=0), attacked) <= 10.0).all()
    weights, offsets = decoder()
    model = Linear().eval()
    before, after = (
        model(torch.from_numpy(images / 255.0).float().permute(0, 3, 1, 2)) @ weights.T + offsets
        for images in (clean, attacked)
    )
    for own in range(N_CATEGORIES):
        others = [one for one in range(N_CATEGORIES) if one != own]
        closed_form = []
        for rival in others:
            delta = steepest(model, weights, rival=rival, own=own, radius=radius_at(10.0, SIDE))
            scores = before[0] + weights @ (model.get_buffer("weights") @ delta)
            if int(scores[others].argmax()) == others.index(rival):  # else the way there ends at another rival
                closed_form.append(float(scores[rival] - scores[own]))
        lost = float(after[own, others].max() - after[own, own])
        assert lost > float(before[0, others].max() - before[0, own])
        assert any(lost == pytest.approx(one, rel=0.02, abs=0.02) for one in closed_form)


def test_another_decoder_has_other_files(tmp_path: Path) -> None:
    first = made(tmp_path)[0]
    names = {path.name for path in tmp_path.glob("*.npz")}
    second = made(tmp_path, seed=1)[0]
    assert (first != second).any()
    assert names < {path.name for path in tmp_path.glob("*.npz")}
