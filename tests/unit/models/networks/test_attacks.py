"""Attacks on networks from elsewhere give the same bytes whatever the batch, for every readout."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import COSINE
from closedloop.models.checkpoints import open_network
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing, ReadoutKind
from closedloop.models.networks.opening import Filling
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.site_model import BaseModel, build_site_model, freeze_for_attack
from tests.unit.models.networks.zoo_networks import CASES, needs_zoo

torch.set_num_threads(1)
N_IMAGES = 7
IMAGES = torch.rand(N_IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(6))


class Tokens(nn.Module):
    """A laboratory's own network: patches, mixed by attention, behind a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 8, stride=8)
        self.class_token = nn.Parameter(torch.ones(1, 1, 12))
        self.mixed = nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1)
        found: Tensor = self.mixed((tokens @ tokens.transpose(1, 2)).softmax(dim=-1) @ tokens)
        return found


def own(readout: ReadoutKind) -> BaseModel:
    torch.manual_seed(3)
    layout = FeatureLayout("ntokens", prefix_tokens=1, grid=(4, 4))
    pixels = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    trunk = CutNetwork(Tokens().eval(), layer="mixed", layout=layout, class_token=readout == "class_token")
    return BaseModel("own", "mixed", trunk, NetworkDescription("module", "net.py:f", layout, pixels), readout)


def attacked(base: BaseModel, *, batch_size: int, order: list[int]) -> list[Tensor]:
    model = freeze_for_attack(build_site_model(base, n_sites=2, side_px=32, seed=0))
    objective = SignedResponse(torch.tensor([0, 1] * 4)[:N_IMAGES], torch.tensor([1.0, -1.0] * 4)[:N_IMAGES])
    problem = Problem(model, lambda places: IMAGES[list(places)], objective)
    tasks = [Task(row, row, (0.5,), seed=row) for row in order]
    found = find(problem, tasks, method=Method(search=replace(COSINE, steps=3)), batch_size=batch_size)
    by_row = {optimum.task.row: optimum.delta for optimum in found}
    return [by_row[row] for row in range(N_IMAGES)]


def assert_independent(base: BaseModel) -> None:
    rows = list(range(N_IMAGES))
    expected = attacked(base, batch_size=8, order=rows)
    assert all(float(delta.abs().max()) > 0 for delta in expected)
    for batch_size, order in ((1, rows), (3, rows[::-1])):
        found = attacked(base, batch_size=batch_size, order=order)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True)), batch_size


@pytest.mark.parametrize("readout", ["factorised", "full", "average", "class_token"])
def test_attacks_on_own_code_do_not_depend_on_the_batch(readout: ReadoutKind) -> None:
    assert_independent(own(readout))


@needs_zoo
@pytest.mark.parametrize("name", ["resnet18", "vit", "convnext"])
def test_attacks_on_networks_of_the_zoo_do_not_depend_on_the_batch(name: str) -> None:
    network, layer = CASES[name]
    assert_independent(open_network(network, Filling(seed=2), layer=layer))


@needs_zoo
def test_whole_grey_levels_of_attacks_on_windows_do_not_depend_on_the_batch() -> None:
    """Its products of matrices have a row a window: on some processors the last bit depends on how many there are."""
    network, layer = CASES["swin"]
    base = open_network(network, Filling(seed=2), layer=layer)
    expected = attacked(base, batch_size=8, order=list(range(N_IMAGES)))
    found = attacked(base, batch_size=3, order=list(range(N_IMAGES))[::-1])
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) < 1e-6
        assert torch.equal((255 * one).round(), (255 * other).round())
