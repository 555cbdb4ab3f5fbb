"""One's own module attacked in one call: closed forms on bytes and on floats."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

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
        (lambda: attack(linear(), GREY, output=[0], epsilon=1.0), "one for each of 3, found 1"),
    ],
)
def test_what_cannot_be_attacked_is_refused(wrong: Callable[[], AttackResult[Tensor]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        wrong()


class Body(nn.Module):
    """A model of one's own: a forward, given as a function, before a linear readout that is trained."""

    def __init__(self, body: Callable[[Tensor], Any], head: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.head = body, head or nn.Identity()
        self.n_asked = 0

    def forward(self, images: Tensor) -> Any:
        self.n_asked += len(images)
        return self.head(self.body(images))


def without_gradient(mode: Callable[[], AbstractContextManager[None]], images: Tensor) -> Tensor:
    with mode():
        return images.flatten(1) * 2


BOTH = pytest.mark.parametrize("images", [GREY, FLOATS], ids=["bytes", "floats"])


@BOTH
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_finds_what_a_caller_with_them_does(images: Any, mode: Callable[[], Any]) -> None:
    model = nn.Sequential(linear(), nn.Tanh()).eval()
    expected = attack(model, images, output=2, epsilon=EPSILON)
    with mode():
        found = attack(model, images, output=2, epsilon=EPSILON)
        own = attack(model, FLOATS.clone(), output=2, epsilon=EPSILON)  # an inference tensor, in that mode
    np.testing.assert_array_equal(found.attacked, expected.attacked)
    np.testing.assert_array_equal(found.change, expected.change)
    assert own.direction.tolist() == expected.direction.tolist()


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        lambda images: without_gradient(torch.no_grad, images),
        lambda images: without_gradient(torch.inference_mode, images).clone(),
        lambda images: images.detach().flatten(1),
    ],
)
def test_a_model_that_no_gradient_goes_through_is_refused(images: Any, body: Callable[[Tensor], Tensor]) -> None:
    for head in (None, nn.Linear(3 * SIDE**2, 4)):  # responses have a gradient for the readout's weights: not enough
        with pytest.raises(ValueError, match="expected responses with a gradient for the image, found none"):
            attack(Body(body, head).eval(), images, output=0, epsilon=EPSILON)


def test_a_model_made_in_inference_mode_is_refused() -> None:
    with torch.inference_mode():
        model = linear()
    with pytest.raises(ValueError, match=r"outside torch\.inference_mode"):
        attack(model, GREY, output=0, epsilon=EPSILON)


@BOTH
def test_a_silent_unit_is_attacked_and_does_not_move(images: Any) -> None:
    found = attack(Body(lambda asked: (asked.flatten(1) - 2).relu()).eval(), images, output=0, epsilon=EPSILON)
    assert found.change.tolist() == [0] * N


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (FLOATS * 255, "found 9.+ to 16"),
        (FLOATS * 2 - 1, "found -0.2"),
        (FLOATS.clone().index_fill(0, torch.tensor(1), torch.nan), "found nan"),
    ],
)
def test_float_pixels_outside_0_to_1_are_refused(images: Tensor, found: str) -> None:
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\], " + found):
        attack(linear(), images, output=0, epsilon=EPSILON)


@BOTH
@pytest.mark.parametrize("epsilon", [np.nan, np.inf, -1.0])
def test_an_epsilon_that_is_no_norm_is_refused(images: Any, epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon: expected a finite number of at least 0"):
        attack(linear(), images, output=0, epsilon=epsilon)


@BOTH
def test_responses_that_are_no_numbers_are_refused_where_they_are_driven(images: Any) -> None:
    factor = torch.ones(3 * SIDE**2)
    factor[1] = torch.nan
    model = Body(lambda asked: asked.flatten(1) * factor).eval()
    with pytest.raises(ValueError, match="found nan at output 1 for clean image 2"):
        attack(model, images, output=[0, 0, 1], epsilon=EPSILON, batch_size=2)
    assert np.isfinite(attack(model, images, output=0, epsilon=EPSILON).change).all()


@BOTH
def test_responses_that_an_attack_turns_into_no_numbers_are_refused(images: Any) -> None:
    clean = FLOATS.flatten(1).mean(dim=1)

    def body(asked: Tensor) -> Tensor:
        level = asked.flatten(1).mean(dim=1, keepdim=True)
        same = (level - clean).abs().min(dim=1, keepdim=True).values < 1e-6
        return torch.where(same, level, level * torch.nan)

    with pytest.raises(ValueError, match="found nan at output 0 for attacked image 0"):
        attack(Body(body).eval(), images, output=0, epsilon=EPSILON)


@BOTH
def test_an_output_may_be_any_whole_number(images: Any) -> None:
    expected = attack(linear(), images, output=[1, 1, 1], epsilon=EPSILON).change.tolist()
    outputs: list[Any] = [1, np.int64(1), np.uint8(1), np.array([1, 1, 1]), torch.tensor([1, 1, 1]), (np.int32(1),) * N]
    for output in outputs:
        assert attack(linear(), images, output=output, epsilon=EPSILON).change.tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "error", "fault"),
    [
        ({"output": [0] * 4}, ValueError, "output: .* one for each of 3, found 4"),
        ({"output": 4}, ValueError, "output: expected 0 to 3, which the model has, found 4"),
        ({"output": [0, -1, 0]}, ValueError, "output: expected 0 to 3, which the model has, found -1"),
        ({"output": 1.0}, TypeError, "output: expected a whole number.* found 1.0"),
        ({"output": None}, TypeError, "output: expected a whole number.* found None"),
        ({"images": GREY[:0]}, ValueError, "images: expected at least one, found none"),
        ({"images": FLOATS[:0]}, ValueError, "images: expected at least one, found none"),
        ({"images": FLOATS.clone().requires_grad_()}, ValueError, "requires_grad.*detach"),
        ({"images": FLOATS[:, :1]}, ValueError, r"\(n, 3, side, side\).* found float32 torch tensor \(3, 1, 8, 8\)"),
        ({"images": GREY[..., :1]}, ValueError, r"\(n, side, side, 3\).* found uint8 numpy array \(3, 8, 8, 1\)"),
        ({"images": GREY[..., [0, 1, 2, 0]]}, ValueError, r"found uint8 numpy array \(3, 8, 8, 4\)"),
        ({"images": torch.from_numpy(GREY)}, ValueError, r"float32 torch.* found uint8 torch tensor \(3, 8, 8, 3\)"),
        ({"images": FLOATS.numpy()}, ValueError, r"uint8 numpy.* found float32 numpy array \(3, 3, 8, 8\)"),
        ({"images": GREY[:, :4]}, ValueError, r"found uint8 numpy array \(3, 4, 8, 3\)"),
        ({"images": GREY.tolist()}, TypeError, "images: expected uint8 numpy array .* found list"),
        ({"images": FLOATS.double()}, ValueError, r"expected to answer float64 images \(4, 3, 8, 8\)"),
        ({"images": FLOATS.half()}, ValueError, r"expected to answer float16 images \(4, 3, 8, 8\)"),
        ({"images": FLOATS[..., :4, :4]}, ValueError, r"expected to answer float32 images \(4, 3, 4, 4\)"),
        ({"batch_size": 0}, ValueError, "batch_size: expected a whole number of at least 1, found 0"),
        ({"batch_size": 1.5}, ValueError, "batch_size: expected a whole number of at least 1, found 1.5"),
        ({"epsilon": "10"}, TypeError, "epsilon: expected one number, found '10'"),
        ({"model": torch.sin}, TypeError, "model: expected a torch module, found"),
    ],
)
def test_a_mistake_is_named_before_any_search(arguments: dict[str, Any], error: type[Exception], fault: str) -> None:
    model = Body(linear()).eval()
    given: dict[str, Any] = {"model": model, "images": GREY, "output": 0, "epsilon": EPSILON, **arguments}
    with pytest.raises(error, match=fault):
        attack(given.pop("model"), given.pop("images"), **given)
    assert model.n_asked <= 4


@pytest.mark.parametrize(
    ("body", "error", "fault"),
    [
        (lambda images: images.mean(dim=(1, 2, 3)), ValueError, r"\(n, n_outputs\) to .* found float32 \(4,\)"),
        (lambda images: images.flatten(1).mean(dim=0, keepdim=True), ValueError, r"found float32 \(1, 192\)"),
        (lambda images: images.flatten(1).argmax(dim=1, keepdim=True), ValueError, r"found int64 \(4, 1\)"),
        (lambda images: (images.flatten(1), images), TypeError, "one tensor of responses .* found tuple"),
    ],
)
def test_a_model_that_gives_no_rows_of_responses_is_refused(
    body: Callable[[Tensor], Any], error: type[Exception], fault: str
) -> None:
    for images in (GREY, FLOATS):
        with pytest.raises(error, match=fault):
            attack(Body(body).eval(), images, output=0, epsilon=EPSILON)  # type: ignore[call-overload]


def test_a_model_of_double_precision_takes_such_images() -> None:
    model = linear().double()
    found = attack(model, FLOATS.double(), output=0, epsilon=EPSILON)
    np.testing.assert_allclose(np.abs(found.change), RADIUS * float(model[1].weight[0].detach().norm()), rtol=1e-4)
