"""Unbiased kernel alignment against sums over all quadruples, its known value, and what shuffling leaves of it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from closedloop.analysis.representation.cka import cka, cka_ceiling, hsic, linear_kernel
from closedloop.analysis.representation.halves import Uncertain, image_halves

Floats = np.ndarray


def by_quadruples(first: Floats, second: Floats) -> float:
    """Return HSIC as Gretton et al. 2005 define it: an expectation over four independent images, all four different."""
    return float(
        np.mean(
            [
                first[i, j] * (second[i, j] + second[q, r] - 2 * second[i, q])
                for i, j, q, r in permutations(range(len(first)), 4)
            ]
        )
    )


def halved(first: Floats, second: Floats, *, seed: int) -> Uncertain:
    errors = []
    for in_first in image_halves(len(first), seed=seed):
        of_halves = [cka(first[np.ix_(own, own)], second[np.ix_(own, own)]) for own in (in_first, ~in_first)]
        errors.append((of_halves[0] - of_halves[1]) / 2)
    return Uncertain(cka(first, second), np.array(errors))


def kernels(n: int, seed: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 3))
    responses = features @ random.normal(size=(3, 4)) + random.normal(size=(n, 4))
    return linear_kernel(features), linear_kernel(responses)


def test_hsic_is_the_mean_over_all_four_different_images() -> None:
    first, second = kernels(9, seed=1)
    assert hsic(first, second) == pytest.approx(by_quadruples(first, second), rel=1e-9)


def test_it_is_song_et_als_closed_form() -> None:
    first, second = kernels(30, seed=3)
    a, b, one, n = first.copy(), second.copy(), np.ones(30), 30
    np.fill_diagonal(a, 0)
    np.fill_diagonal(b, 0)
    closed = np.trace(a @ b) + one @ a @ one * (one @ b @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ a @ b @ one
    assert hsic(first, second) == pytest.approx(closed / (n * (n - 3)), rel=1e-10)


def test_the_diagonal_and_the_origin_play_no_part() -> None:
    first, second = kernels(12, seed=4)
    assert hsic(first + np.diag(np.arange(12.0)), second) == pytest.approx(hsic(first, second), rel=1e-9)
    shift = np.arange(12.0)
    assert hsic(first + shift[:, None] + shift, second) == pytest.approx(hsic(first, second), rel=1e-6)


def test_many_features_of_noise_are_aligned_with_nothing_where_the_biased_estimate_says_they_are() -> None:
    found, biased = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        a, b = (linear_kernel(random.normal(size=(40, p))) for p in (400, 20))
        found.append(cka(a, b))
        biased.append((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
    assert np.mean(biased) > 0.4
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(60)


def test_independent_noise_leaves_hsic_of_two_systems_as_it_is_and_the_ceiling_says_what_it_costs_cka() -> None:
    random = np.random.default_rng(5)
    true = random.normal(size=(1500, 6)) * np.arange(1, 7)
    halves = [true + 3 * random.normal(size=true.shape) for _ in range(2)]
    noiseless, recorded = linear_kernel(true), linear_kernel(sum(halves) / 2)
    assert hsic(noiseless, recorded) == pytest.approx(hsic(noiseless, noiseless), rel=0.02)
    # tr(S^2) / sqrt(tr(S^2) tr((S + N)^2)), S = diag(1, 4, ..., 36), N = 9 / 2: 1 / sqrt(1 + ...)
    s = np.arange(1.0, 7.0) ** 2
    expected = np.sqrt((s**2).sum() / ((s + 4.5) ** 2).sum())
    assert cka_ceiling(*halves) == pytest.approx(expected, abs=0.02)
    assert cka(noiseless, recorded) == pytest.approx(expected, abs=0.02)


def test_shuffled_responses_have_an_alignment_of_zero_within_their_interval() -> None:
    covers = 0
    for seed in range(60):
        first, second = kernels(80, seed=seed)
        order = np.random.default_rng(seed).permutation(80)
        shuffled = second[np.ix_(order, order)]
        low, high = halved(first, shuffled, seed=seed).interval
        covers += low <= 0 <= high
    assert covers >= 54  # 95 %: fewer with a probability below .01


@pytest.mark.slow
def test_intervals_over_images_cover_the_alignment_of_infinitely_many() -> None:
    mix = np.random.default_rng(0).normal(size=(5, 4))
    sizes = np.array([2.0, 1.5, 1.0, 1.0, 0.5])
    of_x, of_y = np.diag(sizes**2), mix.T @ np.diag(sizes**2) @ mix + np.eye(4)
    between = np.diag(sizes**2) @ mix
    truth = (between**2).sum() / np.sqrt((of_x**2).sum() * (of_y**2).sum())
    covers = 0
    for seed in range(200):
        random = np.random.default_rng([7, seed])
        x = random.normal(size=(150, 5)) * sizes
        first, second = linear_kernel(x), linear_kernel(x @ mix + random.normal(size=(150, 4)))
        low, high = halved(first, second, seed=seed).interval
        covers += low <= truth <= high
    assert covers >= 0.91 * 200  # of 95 %, fewer with a probability below .01


def test_kernels_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="two kernels"):
        hsic(np.eye(5), np.eye(6))
    with pytest.raises(ValueError, match="four or more"):
        hsic(np.eye(3), np.eye(3))
