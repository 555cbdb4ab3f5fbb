"""A layer moved as far as can be: the top singular direction of a linear one, on whole grey levels within epsilon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.layer_attacks import LayerAttacks, layer_attacks
from closedloop.attacks.objectives import LayerDisplacement
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import COSINE

torch.set_num_threads(1)
SIDE = 8
SIZE = 3 * SIDE**2
STRETCHED = torch.linalg.qr(torch.randn(SIZE, 20, generator=torch.Generator().manual_seed(0)))[0].T * torch.tensor(
    [5.0, 3.0, *[1.0] * 18]
).unsqueeze(1)
"""A linear layer whose singular values are 5, 3 and ones."""


def linear_layer() -> nn.Module:
    layer = nn.Linear(SIZE, 20)
    with torch.no_grad():
        layer.weight.copy_(STRETCHED)
    return nn.Sequential(nn.Flatten(), layer).eval().requires_grad_(False)


def attacked(*, epsilon: float, batch_size: int = 4, images: np.ndarray | None = None) -> LayerAttacks:
    photos = np.full((3, SIDE, SIDE, 3), 128, dtype=np.uint8) if images is None else images
    return layer_attacks(
        linear_layer(),
        photos,
        names=[f"image {place}" for place in range(len(photos))],
        epsilon=epsilon,
        method=Method(replace(COSINE, steps=60)),
        lattice=LatticeSettings(),
        batch_size=batch_size,
    )


def test_the_largest_displacement_of_a_linear_layer_is_along_its_top_singular_direction() -> None:
    layer, clean = linear_layer(), torch.full((1, 3, SIDE, SIDE), 0.5)
    problem = Problem(layer, lambda places: clean[list(places)], LayerDisplacement(layer(clean)))
    (found,) = find(problem, [Task(0, 0, (0.2,), 1)], method=Method(replace(COSINE, steps=200)), batch_size=1)
    assert found.value == pytest.approx((5 * 0.2) ** 2, rel=1e-4)
    along = found.delta.flatten() @ (STRETCHED[0] / 5)
    assert abs(float(along)) == pytest.approx(0.2, rel=1e-4)


def test_at_the_clean_image_there_is_no_gradient_and_no_start() -> None:
    layer, clean = linear_layer(), torch.full((1, 3, SIDE, SIDE), 0.5)
    objective = LayerDisplacement(layer(clean))
    leaf = clean.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.value(layer(leaf), torch.tensor([0])).sum(), leaf)
    assert not gradient.any()
    with pytest.raises(ValueError, match="random start"):
        layer_attacks(
            layer,
            np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8),
            names=["a"],
            epsilon=1.0,
            method=Method(replace(COSINE, random_start=False)),
            lattice=LatticeSettings(),
            batch_size=1,
        )


def test_on_whole_grey_levels_it_stays_within_epsilon_and_near_the_largest_displacement() -> None:
    found = attacked(epsilon=10.0)
    radius = radius_at(10.0, SIDE)
    assert found.attacked.dtype == np.uint8
    assert (found.realised_epsilon <= 10.0).all()
    assert (found.realised_epsilon > 9.8).all()
    assert (found.displacement <= 5 * radius).all()
    assert (found.displacement > 0.97 * 5 * radius).all()
    change = (found.attacked.astype(float) - 128) / 255
    of_bytes = change.transpose(0, 3, 1, 2).reshape(3, -1) @ STRETCHED.numpy().T
    assert np.allclose(found.displacement, np.linalg.norm(of_bytes, axis=1), atol=1e-5)


def test_what_is_found_depends_on_the_images_name_and_not_on_the_batch() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    together, apart = (attacked(epsilon=2.0, batch_size=size, images=photos) for size in (5, 2))
    assert np.array_equal(together.attacked, apart.attacked)


def test_two_images_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a name of its own"):
        layer_attacks(
            linear_layer(),
            np.zeros((2, SIDE, SIDE, 3), dtype=np.uint8),
            names=["a", "a"],
            epsilon=1.0,
            method=Method(COSINE),
            lattice=LatticeSettings(),
            batch_size=1,
        )
