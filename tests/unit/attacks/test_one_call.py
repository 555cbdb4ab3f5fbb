"""One's own module attacked in one call: closed forms on bytes and on floats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from closedloop.attacks.lattice import realised_epsilon
from closedloop.attacks.one_call import AttackResult, attack

torch.set_num_threads(1)

SIDE, N, EPSILON = 8, 3, 20.0
RADIUS = EPSILON * SIDE / 224
GREY = np.random.default_rng(0).integers(90, 166, (N, SIDE, SIDE, 3), dtype=np.uint8)  # far from the box's walls
FLOATS = torch.from_numpy(GREY).permute(0, 3, 1, 2) / 255


def linear() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 4)).eval()


class Hinge(nn.Module):
    """Output 0 rises more steeply than it falls, output 1 the other way round; no parameters."""

    def forward(self, images: Tensor) -> Tensor:
        level = 20 * (images.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([nn.functional.softplus(level), -nn.functional.softplus(-level)], dim=1)


def test_float_images_of_a_linear_output_change_by_the_radius_times_its_slope() -> None:
    model, outputs = linear(), [0, 3, 2]
    found = attack(model, FLOATS, output=outputs, epsilon=EPSILON)
    slope = model[1].weight.detach()[outputs].norm(dim=1).numpy()
    np.testing.assert_allclose(np.abs(found.change), RADIUS * slope, rtol=1e-4)
    np.testing.assert_allclose(found.realised_epsilon, EPSILON, rtol=1e-5)
    with torch.no_grad():
        answers = [model(images)[range(N), outputs] for images in (FLOATS, found.attacked)]
    np.testing.assert_allclose([found.response_clean, found.response_attacked], torch.stack(answers), atol=1e-5)


def test_images_of_bytes_stay_bytes_and_inside_their_ball() -> None:
    model = linear()
    found = attack(model, GREY, output=1, epsilon=EPSILON)
    assert found.attacked.dtype == np.uint8
    np.testing.assert_array_equal(found.realised_epsilon, realised_epsilon(GREY, found.attacked))
    assert bool((found.realised_epsilon <= EPSILON).all())
    np.testing.assert_allclose(np.abs(found.change), RADIUS * float(model[1].weight[1].detach().norm()), rtol=0.02)
    with torch.no_grad():
        answers = model(torch.from_numpy(found.attacked).permute(0, 3, 1, 2) / 255)[:, 1]
    np.testing.assert_allclose(found.response_attacked, answers, atol=1e-5)


@pytest.mark.parametrize("images", [GREY, FLOATS], ids=["bytes", "floats"])
def test_the_direction_of_the_larger_change_is_kept_and_one_can_be_asked_for(images: np.ndarray) -> None:
    found = attack(Hinge().eval(), images, output=[0, 1, 0], epsilon=EPSILON)
    assert found.direction.tolist() == [1, -1, 1]
    assert np.sign(found.change).tolist() == [1, -1, 1]
    only_down = attack(Hinge().eval(), images, output=0, epsilon=EPSILON, directions=(-1,))
    assert bool((only_down.change < 0).all())


def test_what_is_found_follows_the_seed_and_no_batch() -> None:
    model = nn.Sequential(linear(), nn.Tanh(), nn.Linear(4, 1)).eval()
    results = [
        attack(model, FLOATS, output=0, epsilon=EPSILON, seed=seed, batch_size=batch_size)
        for seed, batch_size in ((0, 64), (0, 1), (1, 64))
    ]
    assert torch.allclose(results[0].attacked, results[1].attacked, atol=1e-6)
    assert not torch.equal(results[0].attacked, results[2].attacked)


def test_the_model_is_left_as_it_is() -> None:
    model = linear()
    attack(model, FLOATS[:1], output=0, epsilon=EPSILON)
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (lambda: attack(linear().train(), FLOATS, output=0, epsilon=1.0), "eval mode"),
        (lambda: attack(linear(), FLOATS[0], output=0, epsilon=1.0), "expected uint8"),
        (lambda: attack(linear(), GREY.astype(np.int64), output=0, epsilon=1.0), "found int64"),  # type: ignore[call-overload]
        (lambda: attack(linear(), GREY, output=0, epsilon=1.0, directions=(2,)), "expected \\+1, -1 or both"),
        (lambda: attack(linear(), GREY, output=[0], epsilon=1.0), "shorter|longer"),
    ],
)
def test_what_cannot_be_attacked_is_refused(wrong: Callable[[], AttackResult[Tensor]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        wrong()
