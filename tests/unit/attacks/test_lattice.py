from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from closedloop.attacks.lattice import (
    first_order_optimum,
    first_order_share,
    lattice_ball,
    on_lattice,
    realised_epsilon,
    realised_norm,
    scale_to_norm,
    squared_levels,
    to_lattice,
)


def best_gain(x: NDArray[np.int64], gain: NDArray[np.float64], budget: int, levels: int) -> float:
    """Brute force over every image of the lattice inside the ball."""
    reach = int(np.sqrt(budget))
    steps = [[q for q in range(-reach, reach + 1) if 0 <= value + q <= levels] for value in x]
    changes = np.array([q for q in itertools.product(*steps) if sum(v * v for v in q) <= budget])
    return float((changes @ gain).max())


@given(
    seed=st.integers(0, 2**32 - 1),
    side=st.integers(1, 5),
    epsilon=st.floats(0.0, 60.0),
    scale=st.sampled_from([0.0, 1e-30, 1e-4, 1.0, 1e6]),
    levels=st.sampled_from([1, 255, 1023, 4095]),
)
@settings(max_examples=150, deadline=None)
def test_the_image_on_the_lattice_is_in_the_box_and_never_beyond_the_radius(
    seed: int, side: int, epsilon: float, scale: float, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, levels + 1, (2, side, side, 3)).astype(np.uint8 if levels < 256 else np.uint16)
    clean[rng.random(clean.shape) < 0.3] = rng.choice([0, levels])
    delta = scale * rng.standard_normal(clean.shape)
    radius = np.array([epsilon, epsilon / 3]) * side / 224
    gain = rng.standard_normal(clean.shape)
    shown = to_lattice(clean, delta, radius=radius, gain_gradient=gain, levels=levels)
    assert shown.dtype == clean.dtype
    assert int(shown.max()) <= levels
    for squared, r in zip(squared_levels(clean, shown), radius, strict=True):
        assert Fraction(int(squared)) <= (levels * Fraction(r)) ** 2


@pytest.mark.parametrize("seed", range(12))
def test_the_lattice_image_is_within_one_move_of_the_brute_force_optimum_of_a_linear_response(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels, budget = 7, int(rng.integers(1, 20))
    clean = rng.integers(0, levels + 1, (1, 1, 2, 3)).astype(np.uint8)
    gain = rng.standard_normal(clean.shape)
    radius = np.array([np.sqrt(budget + 0.5) / levels])
    shown = to_lattice(clean, gain, radius=radius, levels=levels)
    change = (shown.astype(int) - clean).ravel()
    optimum = best_gain(clean.ravel().astype(int), gain.ravel(), budget, levels)
    # A greedy fill of a knapsack lacks at most the one move that did not fit.
    assert optimum - np.abs(gain).max() <= change @ gain.ravel() <= optimum + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_no_move_along_the_gain_is_left_that_would_still_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, 256, (1, 4, 4, 3), dtype=np.uint8)
    delta, gain = rng.standard_normal((2, *clean.shape))
    radius = np.array([rng.uniform(0.005, 0.2)])
    change = to_lattice(clean, delta, radius=radius, gain_gradient=gain).astype(int) - clean
    left = (255 * radius[0]) ** 2 - (change**2).sum()
    outward = np.sign(gain) * change >= 0
    inside = (clean + change + np.sign(gain) >= 0) & (clean + change + np.sign(gain) <= 255)
    assert bool((2 * np.abs(change) + 1 > left)[outward & inside].all())


def test_a_direction_of_equal_pixels_is_filled_one_level_at_a_time() -> None:
    clean = np.full((1, 2, 2, 3), 100, dtype=np.uint8)
    radius = np.array([np.sqrt(5.0) / 255 * (1 + 1e-12)])  # five pixels may change by one level, twelve want to
    shown = to_lattice(clean, np.ones(clean.shape), radius=radius)
    assert sorted((shown.astype(int) - clean).ravel()) == [0] * 7 + [1] * 5


def test_of_equal_moves_the_first_are_made_in_each_image_by_its_own_budget() -> None:
    clean = np.full((3, 8, 8, 3), 100, dtype=np.uint8)
    radius = np.sqrt([5.0, 0.0, 130.0]) * (1 + 1e-6) / 255
    moved = to_lattice(clean, np.ones(clean.shape), radius=radius).reshape(3, -1).astype(int) - 100
    for changes, n_moved in zip(moved, (5, 0, 130), strict=True):
        assert changes.tolist() == [1] * n_moved + [0] * (192 - n_moved)


def test_rounding_a_perturbation_that_is_on_the_lattice_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    clean = rng.integers(60, 200, (3, 8, 8, 3), dtype=np.uint8)
    levels = rng.integers(-4, 5, clean.shape)
    radius = np.sqrt((levels**2).sum(axis=(1, 2, 3))) / 255 * (1 + 1e-12)
    assert np.array_equal(to_lattice(clean, levels / 255, radius=radius), clean + levels)


def test_the_gain_decides_where_the_rest_of_the_budget_goes() -> None:
    clean = np.full((1, 1, 1, 3), 100, dtype=np.uint8)
    delta = np.array([[[[1.0, 1e-9, 1e-9]]]])
    gain = np.array([[[[1.0, 0.1, -0.9]]]])
    shown = to_lattice(clean, delta, radius=np.array([np.sqrt(2.5) / 255]), gain_gradient=gain)
    assert shown.ravel().tolist() == [101, 100, 99]


def test_a_radius_below_one_level_shows_the_clean_image() -> None:
    clean = np.full((1, 2, 2, 3), 10, dtype=np.uint8)
    assert np.array_equal(to_lattice(clean, np.ones(clean.shape), radius=np.array([0.999 / 255])), clean)


def test_saturated_pixels_stop_at_the_box() -> None:
    clean = np.full((1, 1, 1, 3), 250, dtype=np.uint8)
    shown = to_lattice(clean, np.ones(clean.shape), radius=np.array([100.0]))
    assert shown.ravel().tolist() == [255, 255, 255]


def test_realised_epsilon_is_stated_on_224_pixels() -> None:
    clean = np.zeros((32, 32, 3), dtype=np.uint8)
    shown = clean.copy()
    shown[0, 0] = [0, 30, 40]
    assert float(realised_norm(clean, shown)) == pytest.approx(50 / 255, rel=1e-12)
    assert float(realised_epsilon(clean, shown)) == pytest.approx(50 / 255 * 7, rel=1e-12)


def test_realised_epsilon_does_not_wrap_around_in_uint8() -> None:
    black = np.zeros((2, 224, 224, 3), dtype=np.uint8)
    white = np.full_like(black, 255)
    expected = [np.sqrt(3) * 224] * 2
    assert realised_epsilon(white, black).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("epsilon", [1.0, 2.5, 10.0])
def test_a_gaussian_control_reaches_the_norm_asked_for_within_a_thousandth(epsilon: float) -> None:
    rng = np.random.default_rng(5)
    clean = rng.integers(30, 220, (4, 32, 32, 3), dtype=np.uint8)
    wanted = np.full(4, epsilon / 7)
    shown = scale_to_norm(clean, rng.standard_normal(clean.shape), norm=wanted)
    reached = realised_norm(clean, shown)
    assert bool((reached <= wanted).all())
    assert reached.tolist() == pytest.approx(wanted.tolist(), rel=1e-3)


def test_an_interpolation_control_lies_between_the_two_images() -> None:
    rng = np.random.default_rng(6)
    clean, other = rng.integers(0, 256, (2, 1, 16, 16, 3), dtype=np.uint8)
    shown = scale_to_norm(clean, other.astype(float) - clean, norm=np.array([0.7]))
    low, high = np.minimum(clean, other), np.maximum(clean, other)
    assert bool(((shown >= low) & (shown <= high)).all())
    change = (shown.astype(float) - clean).ravel()
    full = (other.astype(float) - clean).ravel()
    assert change @ full / np.linalg.norm(change) / np.linalg.norm(full) > 0.99


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    clean = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="one radius an image"):
        to_lattice(clean, np.zeros((2, 4, 4, 3)), radius=np.array([1.0]))


def test_three_cheap_moves_are_preferred_to_one_dear_one_of_little_more_gain() -> None:
    clean = np.full((1, 1, 2, 3), 100, dtype=np.uint8)
    delta = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]).reshape(clean.shape)  # takes one level each: two of five
    gain = np.array([1.2, 1.2, 0.9, 0.9, 0.9, 0.0]).reshape(clean.shape)  # a second level there costs all three left
    shown = to_lattice(clean, delta, radius=np.array([np.sqrt(5.5) / 255]), gain_gradient=gain)
    assert (shown.astype(int) - clean).ravel().tolist() == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("seed", range(12))
def test_the_first_order_optimum_is_that_of_brute_force_up_to_the_move_that_did_not_fit(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    levels, budget = 5, int(rng.integers(1, 16))
    clean = rng.integers(0, levels + 1, (1, 1, 2, 3)).astype(np.uint8)
    gradient = rng.standard_t(3, clean.shape)
    shown = first_order_optimum(clean, gradient, radius=np.array([np.sqrt(budget + 0.5) / levels]), levels=levels)
    gain = float((shown.astype(int) - clean).ravel() @ gradient.ravel())
    optimum = best_gain(clean.ravel().astype(int), gradient.ravel(), budget, levels)
    assert optimum - np.abs(gradient).max() <= gain <= optimum + 1e-12


def greedy_by_hand(
    clean: NDArray[np.int64], gradient: NDArray[np.float64], budget: int, levels: int
) -> NDArray[np.int64]:
    """Single-level moves in the order of gain over cost, each ladder's costs 1, 3, 5, ...; skip what does not fit."""
    room = np.where(gradient > 0, levels - clean, clean)
    moves = [
        (abs(g) / (2 * k + 1), 2 * k + 1, place)
        for place, (g, n) in enumerate(zip(gradient, room, strict=True))
        for k in range(min(int(n), int(budget**0.5) + 1))
    ]
    change, closed = np.zeros_like(clean), set[int]()
    for _, cost, place in sorted(moves, reverse=True):
        if place in closed or cost > budget:
            closed.add(place)
            continue
        change[place] += int(np.sign(gradient[place]))
        budget -= cost
    return change


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.5, 10.0])
@pytest.mark.parametrize("levels", [255, 1023])
def test_the_first_order_optimum_gains_what_a_greedy_one_by_hand_gains(epsilon: float, levels: int) -> None:
    rng = np.random.default_rng(int(epsilon * 10) + levels)
    clean = rng.integers(0, levels + 1, (1, 8, 8, 3)).astype(np.uint8 if levels < 256 else np.uint16)
    gradient = rng.laplace(size=clean.shape)
    radius = epsilon * 8 / 224
    by_hand = greedy_by_hand(clean.astype(int).ravel(), gradient.ravel(), int((levels * radius) ** 2), levels)
    shown = first_order_optimum(clean, gradient, radius=np.array([radius]), levels=levels)
    gain = float((shown.astype(int) - clean).ravel() @ gradient.ravel())
    assert gain == pytest.approx(float(by_hand @ gradient.ravel()), rel=1e-3)


def test_the_lattice_allows_two_thirds_of_a_normal_gradient_at_half_and_nine_tenths_at_one() -> None:
    rng = np.random.default_rng(2)
    gradient = torch.from_numpy(rng.standard_normal((4, 3 * 64 * 64)))
    clean = torch.full(gradient.shape, 128.0)
    for epsilon, expected in ((0.5, 0.665), (1.0, 0.898)):
        # At half: the largest p of all values move by one level, E[|z| | z > t] sqrt(p) with p = 2 (1 - Phi(t)); .665.
        ball = lattice_ball(clean, np.full(4, epsilon * 64 / 224), levels=255)
        assert first_order_share(ball, gradient).numpy() == pytest.approx(np.full(4, expected), abs=0.01)


def test_what_the_lattice_allows_is_compared_with_what_the_box_allows() -> None:
    clean = torch.tensor([[255.0, 254.0, 0.0, 100.0]])
    gradient = torch.tensor([[5.0, 4.0, 3.0, 0.0]])  # no room for the first, one level for the second
    ball = lattice_ball(clean, np.array([np.sqrt(50.0) / 255 * (1 + 1e-12)]), levels=255)
    share = float(first_order_share(ball, gradient)[0])
    assert share == pytest.approx((4 * 1 + 3 * 7) / (4 * 1 + 3 * 7), rel=1e-6)  # 1^2 + 7^2 = 50: nothing is lost
    smaller = lattice_ball(clean, np.array([np.sqrt(45.0) / 255 * (1 + 1e-12)]), levels=255)
    best = 4 * 1 + 3 * np.sqrt(44.0)
    assert float(first_order_share(smaller, gradient)[0]) == pytest.approx((4 + 3 * 6) / best, rel=1e-6)


def test_a_zero_gradient_loses_nothing_and_moves_nothing() -> None:
    clean = np.full((1, 2, 2, 3), 7, dtype=np.uint8)
    zero = np.zeros(clean.shape)
    assert np.array_equal(first_order_optimum(clean, zero, radius=np.array([1.0])), clean)
    ball = lattice_ball(torch.from_numpy(clean), np.array([1.0]), levels=255)
    assert first_order_share(ball, torch.zeros(1, 12)).tolist() == [1.0]


def test_the_first_order_gain_grows_with_the_radius() -> None:
    rng = np.random.default_rng(9)
    clean = rng.integers(0, 256, (1, 12, 12, 3), dtype=np.uint8)
    gradient = rng.standard_normal(clean.shape)
    gains = [
        float(((first_order_optimum(clean, gradient, radius=np.array([r])).astype(int) - clean) * gradient).sum())
        for r in np.linspace(0.004, 0.6, 40)
    ]
    assert all(after >= before for before, after in itertools.pairwise(gains))
    assert gains[-1] > 10 * gains[0] > 0


def test_an_item_is_rounded_alike_in_any_batch() -> None:
    rng = np.random.default_rng(4)
    clean = rng.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    delta = rng.standard_normal(clean.shape) * np.array([1e-6, 1.0, 1e6, 0.0, 3.0])[:, None, None, None]
    radius = np.array([0.01, 0.3, 0.05, 0.1, 4.0])
    together = to_lattice(clean, delta, radius=radius)
    for place in range(5):
        alone = to_lattice(clean[place : place + 1], delta[place : place + 1], radius=radius[place : place + 1])
        assert np.array_equal(together[place], alone[0])


def test_a_ten_bit_display_shows_the_nearest_of_its_levels() -> None:
    images = np.array([0, 1, 128, 255], dtype=np.uint8)
    assert on_lattice(images, 1023).tolist() == [0, 4, 514, 1023]  # 1023 / 255 = 4.01; 128 * 1023 / 255 = 513.5
    assert on_lattice(images, 1023).dtype == np.uint16
    assert np.array_equal(on_lattice(images, 255), images)


def test_eight_bits_do_not_hold_a_ten_bit_lattice() -> None:
    clean = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="uint16 images on 1023 levels"):
        to_lattice(clean, np.zeros(clean.shape), radius=np.array([1.0]), levels=1023)
    with pytest.raises(ValueError, match="1 to 4095"):
        to_lattice(clean, np.zeros(clean.shape), radius=np.array([1.0]), levels=65535)
