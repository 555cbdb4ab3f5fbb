"""Gradient estimators against closed forms of linear models, whose gradient is the same at every image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, shift
from torch import Tensor

from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.gradients.estimators import (
    Averaged,
    Blurred,
    Draws,
    Ensemble,
    GradientEstimator,
    Plain,
    SoftRelu,
)
from closedloop.attacks.gradients.numbers import Numbers
from closedloop.attacks.gradients.transforms import Noise, Scale, Shift, Transform
from closedloop.attacks.objectives import SignedResponse, value_and_gradient
from closedloop.attacks.problem import Method, Problem
from closedloop.attacks.searches import ANNEALED, COSINE, STRENGTHENED, Schedule
from closedloop.models.way_back.rectifiers import rectify

SIDE = 16
TRANSFORMS: list[Transform] = [Shift(0.2), Shift(0.2, whole_pixels=False), Scale(0.2), Noise(0.1)]
ESTIMATORS: list[GradientEstimator] = [
    Plain(),
    Averaged((Shift(0.2), Scale(0.1), Noise(0.1)), samples=3),
    Blurred(0.05, Averaged((Shift(0.2),))),
    Blurred(0.05, SoftRelu(3.0, Averaged((Shift(0.2),), samples=2))),
]


def weights_of(seed: int = 0, *, side: int = SIDE) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((3, side, side), dtype=np.float32))


def images_of(n: int, *, side: int = SIDE) -> Tensor:
    return torch.from_numpy(np.random.default_rng(9).random((n, 3, side, side), dtype=np.float32))


def linear(weights: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda images: (images * weights).sum(dim=(1, 2, 3))


def curved(images: Tensor) -> Tensor:
    return (images * weights_of() / 10).sum(dim=(1, 2, 3)).sin() + images.pow(3).mean(dim=(1, 2, 3))


def at(n: int, *, step: int = 0, first_seed: int = 0) -> Draws:
    return Draws(tuple(range(first_seed, first_seed + n)), (step,) * n)


def test_without_transforms_one_sample_is_the_plain_gradient_bit_for_bit() -> None:
    images = images_of(4)
    plain, averaged = (one.estimate(curved, images, at(4)) for one in (Plain(), Averaged(())))
    assert torch.equal(plain.value, averaged.value)
    assert torch.equal(plain.gradient, averaged.gradient)
    assert Averaged(()).comparable


def mean_over_draws(estimator: GradientEstimator, weights: Tensor, *, n: int) -> NDArray[np.float32]:
    """Mean gradient of a linear model over an item's first draws, (3, side, side)."""
    draws = Draws((1,) * n, tuple(range(n)))
    found = estimator.estimate(linear(weights), torch.zeros(n, *weights.shape), draws)
    return np.asarray(found.gradient.mean(dim=0))


def test_the_mean_over_all_whole_shifts_of_a_linear_model_is_its_weights_blurred_by_a_box() -> None:
    """7 x 7 shifts of 3 px: away from the mirrored border each weight becomes the mean of its neighbourhood."""
    found = mean_over_draws(Averaged((Shift(3 / SIDE),)), weights_of(), n=2000)
    windows = np.lib.stride_tricks.sliding_window_view(weights_of().numpy(), (7, 7), axis=(1, 2))
    np.testing.assert_allclose(found[:, 4:-4, 4:-4], windows.mean(axis=(-1, -2))[:, 1:-1, 1:-1], atol=0.01)


def test_a_gradient_through_a_shift_is_that_of_the_shifted_image_at_the_border_too() -> None:
    """The derivative of the value along any direction, by differences: a linear model has no curvature."""
    value_of, images, direction = linear(weights_of()), images_of(2).double(), images_of(5)[3:].double()
    numbers = Numbers((5, 6), (0, 0))
    for transform in TRANSFORMS:
        moved = [value_of(transform(images + sign * direction, numbers)) for sign in (1, -1)]
        gradient = value_and_gradient(lambda x, one=transform: value_of(one(x, numbers)), images).gradient  # type: ignore[misc]
        along = (gradient * direction).sum(dim=(1, 2, 3))
        np.testing.assert_allclose(along, (moved[0] - moved[1]) / 2, rtol=1e-10)


def test_whole_shifts_move_pixels_unchanged_and_mirror_the_border_as_scipy_does() -> None:
    images = images_of(60)
    shifted = Shift(0.2)(images, Numbers(tuple(range(60)), (0,) * 60)).numpy()
    seen = set()
    for image, moved in zip(images.numpy(), shifted, strict=True):
        by = [(dy, dx) for dy in range(-3, 4) for dx in range(-3, 4) if np.array_equal(moved, mirrored(image, dy, dx))]
        assert len(by) == 1
        seen.update(by)
    assert {dy for dy, _ in seen} == {dx for _, dx in seen} == set(range(-3, 4))


def mirrored(image: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    return np.asarray(shift(image, (0, dy, dx), order=0, mode="mirror"))


def test_a_shift_between_pixels_mixes_them_linearly_as_scipy_does() -> None:
    image, numbers = images_of(1), Numbers((3,), (0,))
    by = (2 * numbers.spread(2)[0] - 1) * 0.2 * SIDE
    moved = Shift(0.2, whole_pixels=False)(image, numbers)[0].numpy()
    np.testing.assert_allclose(moved, shift(image[0].numpy(), (0, *-by), order=1, mode="mirror"), atol=1e-6)


def test_a_zoom_is_about_the_centre() -> None:
    """Scipy reads the same places, which a zoom leaves as far from the centre as the factor says."""
    image, numbers = images_of(1), Numbers((3,), (0,))
    factor = 1 + (2 * numbers.spread(1)[0, 0] - 1) * 0.2
    centre = (SIDE - 1) / 2
    offset = (0, *[centre - centre / factor] * 2)
    expected = affine_transform(image[0].numpy(), (1, 1 / factor, 1 / factor), offset, order=1, mode="mirror")
    np.testing.assert_allclose(Scale(0.2)(image, numbers)[0].numpy(), expected, atol=1e-5)


def test_a_shift_means_the_same_at_another_size() -> None:
    small, large = images_of(1, side=32), images_of(1, side=224)
    numbers = Numbers((11,), (4,))
    moved = [np.argwhere(Shift(3 / 32)(marked(one), numbers)[0, 0].numpy() == 1)[0] for one in (small, large)]
    apart = [place / side - 0.5 for place, side in zip(moved, (32, 224), strict=True)]
    np.testing.assert_allclose(apart[0], apart[1], atol=1.5 / 32 / 2)


def marked(images: Tensor) -> Tensor:
    dark = torch.zeros_like(images)
    dark[..., images.shape[-2] // 2, images.shape[-1] // 2] = 1
    return dark


def test_noise_does_not_bias_a_linear_gradient() -> None:
    found = Averaged((Noise(0.5),), samples=3).estimate(linear(weights_of()), images_of(2), at(2))
    np.testing.assert_allclose(found.gradient, weights_of().expand(2, -1, -1, -1), rtol=1e-6)


def test_noise_is_normal_of_its_standard_deviation_and_independent_between_items_samples_and_transforms() -> None:
    """Moments of 2 x 100,000 numbers, within five standard errors."""
    many = [
        Numbers((1, 2), (samples, samples), stream).normal((100_000,), like=torch.zeros(1)).numpy()
        for samples, stream in ((0, 0), (1, 0), (0, 1))
    ]
    columns = np.concatenate(many)
    n = columns.shape[1]
    assert np.abs(columns.mean(axis=1)).max() < 5 / np.sqrt(n)
    assert np.abs((columns**2).mean(axis=1) - 1).max() < 5 * np.sqrt(2 / n)
    assert np.abs((columns**4).mean(axis=1) - 3).max() < 5 * np.sqrt(96 / n)
    correlations = np.corrcoef(columns)[np.triu_indices(len(columns), k=1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(n)
    noisy = Noise(0.25)(torch.zeros(1, 3, 200, 200), Numbers((7,), (0,)))
    assert float(noisy.std()) == pytest.approx(0.25, rel=5 / np.sqrt(2 * 120_000))


def test_few_successive_draws_of_an_item_lie_evenly() -> None:
    """64 points in 8 x 8 cells: independent ones leave e^-1 of the cells empty, 23 or so; these less than half that."""
    points = np.concatenate([Numbers((5,), (sample,)).spread(2) for sample in range(64)])
    cells = {tuple(cell) for cell in np.floor(points * 8).astype(int).tolist()}
    assert len(cells) > 52
    first = np.concatenate([Numbers((seed,), (0,)).spread(1) for seed in range(2000)])
    assert np.abs(np.histogram(first, bins=10, range=(0, 1))[0] - 200).max() < 5 * np.sqrt(200)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_an_item_gets_the_same_estimate_in_any_batch_and_place(estimator: GradientEstimator) -> None:
    images = images_of(5)
    together = estimator.estimate(curved, images, at(5, step=7))
    for place in range(5):
        alone = estimator.estimate(curved, images[place : place + 1], at(1, step=7, first_seed=place))
        np.testing.assert_allclose(alone.gradient[0], together.gradient[place], atol=1e-5)
        assert float(alone.value) == pytest.approx(float(together.value[place]), abs=1e-5)


@pytest.mark.parametrize("samples", [1, 4])
def test_several_samples_are_the_mean_of_the_single_ones_in_their_order(samples: int) -> None:
    """The gradient number, not the step, decides a draw: equal budgets see equal draws."""
    transforms, images = (Shift(0.2), Noise(0.1)), images_of(3)
    at_once = Averaged(transforms, samples=samples).estimate(curved, images, at(3, step=2))
    singles = [
        Averaged(transforms).estimate(curved, images, at(3, step=2 * samples + one)).gradient for one in range(samples)
    ]
    np.testing.assert_allclose(at_once.gradient, torch.stack(singles).mean(dim=0), rtol=1e-5, atol=1e-7)
    assert Averaged(transforms, samples=samples).n_gradients == samples


def test_the_value_that_candidates_are_compared_by_is_the_same_whenever_it_is_asked() -> None:
    estimator, images = Averaged((Shift(0.2), Noise(0.1)), judged_by=4), images_of(3)
    assert torch.equal(estimator.value(curved, images), estimator.value(curved, images))
    same = estimator.value(curved, images[:1].expand(3, -1, -1, -1))
    assert torch.equal(same, same[:1].expand(3))


def test_a_blurred_gradient_is_scipys_gaussian_filter_of_it() -> None:
    found = Blurred(1.5 / SIDE).estimate(linear(weights_of()), images_of(1), at(1))
    expected = gaussian_filter(weights_of().numpy(), (0, 1.5, 1.5), mode="constant", truncate=30)
    np.testing.assert_allclose(found.gradient[0], expected, atol=1e-5)
    assert float(found.value) == pytest.approx(float(linear(weights_of())(images_of(1))), rel=1e-6)


def rectified(images: Tensor) -> Tensor:
    return rectify((images - 0.5) * weights_of() / 10).sum(dim=(1, 2, 3))


def softly_rectified(images: Tensor) -> Tensor:
    """What has the derivative of a soft rectifier: softplus, in units of what goes in."""
    before = (images - 0.5) * weights_of() / 10
    spread = before.detach().flatten(1).std(dim=1, correction=0).view(-1, 1, 1, 1)
    return (torch.nn.functional.softplus(3 * before / spread) * spread / 3).sum(dim=(1, 2, 3))


@pytest.mark.parametrize("around", [Plain, lambda: Averaged((Shift(0.2), Noise(0.1)), samples=3)])
@pytest.mark.parametrize("blur", [0.0, 0.05])
def test_soft_rectifiers_go_together_with_shifts_and_a_blur(
    around: Callable[[], GradientEstimator], blur: float
) -> None:
    """The gradient is that of the smooth function; the value stays that of the rectified one."""
    soft, inner = SoftRelu(3.0, around()), around()
    outer = (Blurred(blur, soft), Blurred(blur, inner)) if blur else (soft, inner)
    found, hard = (one.estimate(rectified, images_of(3), at(3, step=2)) for one in outer)
    expected = outer[1].estimate(softly_rectified, images_of(3), at(3, step=2))
    assert torch.equal(found.value, hard.value)
    torch.testing.assert_close(found.gradient, expected.gradient, rtol=1e-4, atol=1e-6)
    assert torch.equal(outer[0].value(rectified, images_of(3)), outer[1].value(rectified, images_of(3)))
    assert (soft.n_gradients, soft.comparable) == (inner.n_gradients, inner.comparable)


class TwoSums(torch.nn.Module):
    """Two linear responses."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weights = torch.stack([weights_of(seed), weights_of(seed + 1)])

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weights.flatten(1).T


def test_an_ensemble_follows_the_mean_of_its_models() -> None:
    together, images = Ensemble([TwoSums(1), TwoSums(5)]).eval(), images_of(3)
    found = value_and_gradient(lambda x: together(x)[:, 1], images)
    mean = (weights_of(2) + weights_of(6)) / 2
    np.testing.assert_allclose(found.gradient, mean.expand(3, -1, -1, -1), rtol=1e-5)
    with pytest.raises(ValueError, match="at least one model"):
        Ensemble([])


def linear_problem(weights: Tensor) -> tuple[Problem, Tensor]:
    images = images_of(2) * 0.02 + 0.49

    def model(asked: Tensor) -> Tensor:
        return linear(weights)(asked).view(-1, 1)

    objective = SignedResponse(torch.zeros(4, dtype=torch.int64), torch.ones(4))
    return Problem(model, lambda places: images[list(places)], objective), images


def test_a_search_under_shifts_finds_the_blurred_weights_direction() -> None:
    """One sample a step and steps that end at nothing: the optimum is that of the mean gradient."""
    smooth = torch.from_numpy(gaussian_filter(weights_of().numpy(), (0, 2, 2)))
    problem, _ = linear_problem(smooth)
    estimator = Averaged((Shift(2 / SIDE),))
    method = Method(replace(COSINE, steps=100, step_fraction=0.2), estimator)
    (found,) = find(problem, [Task(0, 0, (0.05,), 3)], method=method, batch_size=4)
    mean = torch.from_numpy(mean_over_draws(estimator, smooth, n=500))
    cosine = (found.delta * mean).sum() / found.delta.norm() / mean.norm()
    assert float(cosine) > 0.99
    assert float(found.delta.norm()) == pytest.approx(0.05, rel=1e-3)
    assert found.n_gradients == 100


def test_the_last_iterate_is_found_where_steps_do_not_compare() -> None:
    """A linear model's value rises with every step along its weights, so that noise in the values would mislead."""
    weights = weights_of()
    problem, images = linear_problem(weights)
    method = Method(replace(COSINE, steps=3, random_start=False), Averaged((Noise(10.0),)))
    (found,) = find(problem, [Task(1, 1, (0.05,), 3)], method=method, batch_size=4)
    best = float(linear(weights)(images[1:2])) + 0.05 * float(weights.norm())
    assert found.value == pytest.approx(best, abs=1e-4)
    assert found.score == found.value


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_random_search_finds_the_same_in_any_batch(batch_size: int) -> None:
    problem, _ = linear_problem(weights_of())
    method = Method(
        replace(COSINE, steps=5, restarts=2), Blurred(0.05, Averaged((Shift(0.2), Noise(0.1)), samples=2, judged_by=2))
    )
    tasks = [Task(row, row % 2, (0.02, 0.05), row) for row in range(4)]

    def deltas(n: int) -> dict[tuple[int, int], Tensor]:
        return {
            (one.task.row, one.radius_index): one.delta for one in find(problem, tasks, method=method, batch_size=n)
        }

    expected, found = deltas(4), deltas(batch_size)
    assert found.keys() == expected.keys()
    for key, delta in found.items():
        np.testing.assert_allclose(delta, expected[key], atol=1e-6)


def test_a_larger_radius_is_never_worse_by_the_value_that_is_compared() -> None:
    problem, _ = linear_problem(weights_of())
    method = Method(replace(COSINE, steps=2), Averaged((Shift(0.2), Noise(0.1))))
    found = list(find(problem, [Task(0, 0, (0.01, 0.011, 0.012, 0.05), 1)], method=method, batch_size=4))
    scores = [one.score for one in sorted(found, key=lambda one: one.radius_index)]
    assert scores == sorted(scores)


@pytest.mark.parametrize("search", [ANNEALED, STRENGTHENED], ids=lambda search: search.name)
def test_a_search_that_goes_back_refuses_steps_that_do_not_compare(search: Schedule) -> None:
    with pytest.raises(ValueError, match="compare between steps"):
        Method(search, Blurred(0.1, Averaged((Noise(0.1),))))
    Method(search, Blurred(0.1))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Shift(0),
        lambda: Shift(1),
        lambda: Scale(0),
        lambda: Noise(0),
        lambda: Blurred(0),
        lambda: Averaged((), 0),
        lambda: SoftRelu(0),
    ],
)
def test_sizes_that_mean_nothing_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="found"):
        wrong()
