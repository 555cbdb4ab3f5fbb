"""The optimizer of a refit: torch's AdamW, bit for bit, and either goes on from the other's state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from closedloop.training.decoupled_adam import DecoupledAdam, WeightGroup

RATES = (1e-3, 1e-2)


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))


def groups_of(own: nn.Sequential) -> list[list[nn.Parameter]]:
    return [list(own[0].parameters()), list(own[3].parameters())]


def ours(own: nn.Sequential) -> DecoupledAdam:
    groups = [WeightGroup(list(weights), rate) for weights, rate in zip(groups_of(own), RATES, strict=True)]
    return DecoupledAdam(groups, weight_decay=0.1)


def torchs(own: nn.Sequential) -> torch.optim.AdamW:
    groups = [{"params": weights, "lr": rate} for weights, rate in zip(groups_of(own), RATES, strict=True)]
    return torch.optim.AdamW(groups, weight_decay=0.1)


def descend(own: nn.Sequential, optimizer: DecoupledAdam | torch.optim.AdamW, *, steps: range) -> list[Tensor]:
    for step in steps:
        images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        own(images).square().mean().backward()
        optimizer.step()
    return [weight.detach().clone() for weight in own.parameters()]


def assert_same(one: list[Tensor], other: list[Tensor]) -> None:
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("n_frozen", [0, 1])
def test_the_weights_are_those_of_torch(n_frozen: int) -> None:
    one, other = network(), network()
    for own in (one, other):
        own[:n_frozen].requires_grad_(False)
    before = [weight.detach().clone() for weight in one.parameters()]
    found = descend(one, ours(one), steps=range(7))
    assert_same(found, descend(other, torchs(other), steps=range(7)))
    moved = [not torch.equal(a, b) for a, b in zip(before, found, strict=True)]
    assert moved == [not n_frozen, not n_frozen, True, True]


def test_a_training_goes_on_from_its_state_and_from_one_that_torch_wrote() -> None:
    whole = network()
    expected = descend(whole, ours(whole), steps=range(6))
    for first, goes_on in ((ours, ours), (torchs, ours)):
        half = network()
        optimizer = first(half)
        descend(half, optimizer, steps=range(3))
        again, state = network(), optimizer.state_dict()
        again.load_state_dict(half.state_dict())
        later = goes_on(again)
        later.load_state_dict(state)
        assert_same(descend(again, later, steps=range(3, 6)), expected)


def test_a_state_of_other_weights_is_refused() -> None:
    own, other = network(), nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 2))
    optimizer = ours(other)
    descend(other, optimizer, steps=range(1))
    with pytest.raises(ValueError, match="has not the shape"):
        ours(own).load_state_dict(optimizer.state_dict())
