"""What is said of the gradients of a day's attacks, against what the engine takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from closedloop.attacks.gradients.estimators import Averaged, Plain
from closedloop.attacks.gradients.transforms import Shift
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE, PAPER31, Schedule
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.attacks.synthesis.timing import TimedGradient, most_gradients, time_gradient

TINY = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2)).eval()


@pytest.mark.parametrize(
    ("search", "estimator", "lattice"),
    [
        (replace(COSINE, steps=7), Plain(), LatticeSettings(steps=0)),
        (replace(PAPER31, steps=5), Plain(), LatticeSettings()),
        (replace(COSINE, steps=3), Averaged((Shift(0.2),), samples=4), LatticeSettings(steps=0)),
        (replace(COSINE, steps=3, restarts=2), Plain(), LatticeSettings(steps=0)),
    ],
)
def test_a_search_that_does_not_end_early_takes_as_many_gradients_as_are_said(
    tmp_path: Path, search: Schedule, estimator: Plain | Averaged, lattice: LatticeSettings
) -> None:
    method = Method(search, estimator)
    found = synthesize(
        InMemory(TINY, name="tiny"),
        [AttackItem("one", image_index=0, site_index=1, epsilon=10.0)],
        np.full((1, 8, 8, 3), 128, dtype=np.uint8),
        method=method,
        lattice=lattice,
        shard_folder=tmp_path,
    )
    assert found.n_gradients[0] == most_gradients(method, lattice)


@pytest.mark.parametrize("n_sharing", [1, 2])
def test_a_gradient_takes_some_time_and_the_timing_no_graphics_card_of_this_process(n_sharing: int) -> None:
    trial = TimedGradient(InMemory(TINY, name="tiny"), Method(COSINE), side_px=8, batch_size=4, n_sharing=n_sharing)
    timed = time_gradient(trial)
    assert 0 < timed.gradient_s < 60
    assert timed.start_s > 0
    assert not torch.cuda.is_initialized()
