"""The cortex as a model of some of its electrodes."""

from __future__ import annotations

import torch
from torch import nn

from closedloop.simulation.chosen_electrodes import model_of_electrodes


def cortex() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5))


def test_it_answers_for_the_chosen_electrodes_in_the_order_given() -> None:
    images = torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    whole = cortex()
    torch.testing.assert_close(model_of_electrodes(whole, [4, 0, 4])(images), whole(images)[:, [4, 0, 4]])


def test_what_is_done_to_it_leaves_the_cortex_as_it_was() -> None:
    whole = cortex()
    before = [weight.clone() for weight in whole.parameters()]
    chosen = model_of_electrodes(whole, [1])
    with torch.no_grad():
        for weight in chosen.parameters():
            weight.zero_()
    torch.testing.assert_close(list(whole.parameters()), before)
