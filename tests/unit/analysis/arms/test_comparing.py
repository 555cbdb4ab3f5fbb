"""Differences of arms on the pairs that both attacked, and their correction for how many differences there are."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.arms.comparing import ArmChanges, compare_arms

N_IMAGES, N_SITES = 20, 8
IMAGES, SITES = np.tile(np.arange(N_IMAGES), N_SITES), np.repeat(np.arange(N_SITES), N_IMAGES)


def arm(name: str, change: np.ndarray, keep: slice = slice(None), session: int = 0) -> ArmChanges:
    return ArmChanges(name, change[keep], IMAGES[keep], SITES[keep], np.full(len(IMAGES[keep]), session))


def test_what_pairs_share_is_no_noise_of_a_difference() -> None:
    shared = 5 * np.random.default_rng(0).normal(size=len(IMAGES))
    [found] = compare_arms([arm("a", shared + 0.3), arm("b", shared)], seed=0)
    assert found.difference.mean == pytest.approx(0.3)
    assert found.difference.interval == pytest.approx((0.3, 0.3))


def test_only_pairs_of_both_count_and_only_of_one_session() -> None:
    change = np.random.default_rng(1).normal(size=len(IMAGES))
    [found] = compare_arms([arm("a", change + 1), arm("b", change, slice(0, 60))], seed=0)
    assert (found.difference.n_pairs, found.difference.mean) == (60, pytest.approx(1.0))
    [apart] = compare_arms([arm("a", change), arm("b", change, session=1)], seed=0)
    assert apart.difference.n_pairs == 0
    assert np.isnan(apart.p)


def test_three_differences_are_corrected_by_holm() -> None:
    random = np.random.default_rng(2)
    arms = [arm(name, size + random.normal(size=len(IMAGES))) for name, size in (("a", 0.0), ("b", 0.25), ("c", 0.6))]
    found = compare_arms(arms, seed=0)
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    smallest = min(found, key=lambda one: one.p)
    assert smallest.corrected_p == pytest.approx(3 * smallest.p)
    assert all(one.corrected_p >= one.p for one in found)


@pytest.mark.slow
def test_without_a_difference_hardly_more_than_one_of_twenty_is_found() -> None:
    n_found, n = 0, 400
    for seed in range(n):
        random = np.random.default_rng(seed)
        by_image, by_site = random.normal(size=(2, N_IMAGES)), random.normal(size=(2, N_SITES))
        arms = [
            arm(str(k), by_image[k][IMAGES] + by_site[k][SITES] + random.normal(size=len(IMAGES))) for k in range(2)
        ]
        n_found += compare_arms(arms, seed=0)[0].p < 0.05
    assert n_found / n <= 0.08
