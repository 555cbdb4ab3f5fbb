"""The largest change of an output: closed forms, both directions, no perturbation among the candidates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.largest_change import Changes, Target, largest_changes
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import STRENGTHENED

SIDE = 6
GREY = np.random.default_rng(0).integers(100, 156, (4, SIDE, SIDE, 3)).astype(np.uint8)  # far from the box's walls
TARGETS = [Target(f"{image}|{output}", image, output) for image in range(4) for output in range(2)]


class Filters(nn.Module):
    """Two outputs of a filter each: linear, rectified below a threshold, or with several hills."""

    def __init__(self, kind: str = "linear", *, threshold: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weights = nn.Parameter(torch.randn(3 * SIDE**2, 2, generator=generator), requires_grad=False)
        self.kind, self.threshold = kind, threshold

    def forward(self, images: Tensor) -> Tensor:
        driven = (images - 0.5).flatten(1) @ self.weights
        if self.kind == "rectified":
            return torch.relu(driven - self.threshold)
        if self.kind == "hilly":
            return torch.sin(9 * driven) + torch.cos(4 * (images - 0.5).flatten(1) @ self.weights.flip(0, 1)) + driven
        return driven


def found(model: nn.Module, radii: tuple[float, ...], *, warm_start: bool = True, **search: int) -> Changes:
    method = Method(search=replace(STRENGTHENED, **{"restarts": 1, "steps": 12, **search}))
    return largest_changes(model.eval(), TARGETS, GREY, radii=radii, method=method, batch_size=8, warm_start=warm_start)


@pytest.mark.parametrize("warm_start", [True, False])
def test_a_linear_output_moves_by_the_radius_times_its_weight_both_ways(warm_start: bool) -> None:
    model, radii = Filters(), (0.1, 0.4)
    norms = model.weights.norm(dim=0).numpy()
    expected = np.array([[norms[target.output_index] * radius for radius in radii] for target in TARGETS])
    changes = found(model, radii, warm_start=warm_start)
    np.testing.assert_allclose(changes.up, expected, rtol=1e-5)
    np.testing.assert_allclose(changes.down, -expected, rtol=1e-5)
    np.testing.assert_allclose(np.abs(changes.larger), expected, rtol=1e-5)


def test_an_output_that_is_silent_everywhere_near_does_not_move() -> None:
    changes = found(Filters("rectified", threshold=1000.0), (0.1, 0.4))
    assert not changes.up.any()
    assert not changes.down.any()


def test_a_rectified_output_falls_no_further_than_to_zero() -> None:
    model = Filters("rectified", threshold=-0.5)
    with torch.no_grad():
        clean = model(torch.from_numpy(GREY).permute(0, 3, 1, 2) / 255).numpy()
    floor = np.array([clean[target.image_index, target.output_index] for target in TARGETS])
    changes = found(model, (2.0,))
    np.testing.assert_allclose(changes.down[:, 0], -floor, atol=1e-5)
    assert (floor > 0).sum() > 3


@pytest.mark.parametrize("warm_start", [True, False])
def test_what_is_found_never_falls_with_the_radius(warm_start: bool) -> None:
    changes = found(Filters("hilly"), (0.1, 0.3, 1.0), warm_start=warm_start, steps=6)
    assert (np.diff(changes.up, axis=1) >= 0).all()
    assert (np.diff(changes.down, axis=1) <= 0).all()
    assert (np.diff(changes.up, axis=1) > 0).any()


def test_more_starts_find_no_less() -> None:
    few, many = (found(Filters("hilly"), (1.0,), steps=6, restarts=n) for n in (1, 4))
    assert (many.up >= few.up).all()
    assert (many.down <= few.down).all()
    assert (many.up > few.up + 1e-3).any()
    assert (many.n_gradients > few.n_gradients).all()


def test_targets_need_names_of_their_own_and_radii_ascend() -> None:
    method = Method(search=replace(STRENGTHENED, restarts=1, steps=2))
    for targets, radii, fault in (([TARGETS[0]] * 2, [1.0], "unique"), (TARGETS, [1.0, 1.0], "ascend")):
        with pytest.raises(ValueError, match=fault):
            largest_changes(Filters(), targets, GREY, radii=radii, method=method, batch_size=4, warm_start=True)
