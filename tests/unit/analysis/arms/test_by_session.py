"""Means where earlier sessions decided how much an arm attacked: by hand, and where pooling is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.arms.allocating import chance_of_best, deal_out, known_arms, parts_moved
from closedloop.analysis.arms.by_session import mean_of_sessions, true_mean_of_sessions
from closedloop.analysis.arms.comparing import ArmChanges, compare_arms
from closedloop.analysis.bootstrap import bootstrap_mean

VALUES = np.array([1.0, 2.0, 3.0, 2.0, 7.0, 9.0])
SESSION = np.array([0, 0, 0, 0, 1, 1])
OWN = {"image_index": np.arange(6), "site_index": np.arange(6), "session": SESSION, "seed": 0}


def test_two_sessions_by_hand() -> None:
    """Every pair has an image and a site of its own: the variance is the sum of squared parts, of six clusters."""
    found = mean_of_sessions(VALUES, weights={0: 1.0, 1: 3.0}, **OWN)
    assert found.mean == pytest.approx(0.25 * 2 + 0.75 * 8)
    parts = 0.25 / 4 * np.array([-1.0, 0, 1, 0]), 0.75 / 2 * np.array([-1.0, 1])
    assert found.standard_error == pytest.approx(np.sqrt(6 / 5 * sum((part**2).sum() for part in parts)))
    assert (found.n_pairs, found.n_images, found.n_sites) == (6, 6, 6)
    assert true_mean_of_sessions(VALUES, session=SESSION, weights={0: 1.0, 1: 3.0}) == pytest.approx(6.5)


def test_without_weights_it_is_the_mean_that_it_was() -> None:
    assert mean_of_sessions(VALUES, weights=None, **OWN) == bootstrap_mean(
        VALUES, image_index=OWN["image_index"], site_index=OWN["site_index"], seed=0
    )
    assert true_mean_of_sessions(VALUES, session=SESSION, weights=None) == pytest.approx(4.0)


def test_weights_by_pairs_pool_and_a_session_without_any_has_none() -> None:
    assert mean_of_sessions(VALUES, weights={0: 4.0, 1: 2.0}, **OWN).mean == pytest.approx(4.0)
    one = np.where(SESSION == 1, np.nan, VALUES)
    assert mean_of_sessions(one, weights={0: 1.0}, **OWN).mean == pytest.approx(2.0)
    assert np.isnan(mean_of_sessions(np.full(6, np.nan), weights={}, **OWN).mean)
    assert np.isnan(true_mean_of_sessions(np.full(6, np.nan), session=SESSION, weights={}))


N_DAYS, N_IMAGES, N_SITES, N_PAIRS, KEPT = 4, 20, 10, 40, 10
IMAGES, SITES = np.tile(np.arange(N_IMAGES), N_SITES), np.repeat(np.arange(N_SITES), N_IMAGES)


def experiment(seed: int) -> list[ArmChanges]:
    """Return two arms that are alike, on days on which both move sites further and further."""
    random = np.random.default_rng(seed)
    n_pairs = np.full(2, N_PAIRS)
    arms = [ArmChanges(name, np.empty(0), *(np.empty(0, dtype=np.int64) for _ in range(3))) for name in "ab"]
    for day in range(N_DAYS):
        if day:
            known = known_arms(arms)
            best = chance_of_best(known.mean, known.covariance, degrees=known.n_images - 1)
            parts = parts_moved(best, np.full(2, N_PAIRS - KEPT))
            n_pairs = KEPT + deal_out(parts, 2 * (N_PAIRS - KEPT), most=np.full(2, len(IMAGES) - KEPT))
        pairs = random.permutation(len(IMAGES))
        shared = random.normal(size=len(IMAGES))
        arms = [
            ArmChanges(
                arm.name,
                np.append(arm.change, 1.0 + day + 0.5 * shared[own] + random.normal(size=n)),
                np.append(arm.image_index, IMAGES[own]),
                np.append(arm.site_index, SITES[own]),
                np.append(arm.session, np.full(n, day)),
            )
            for arm, n, own in zip(arms, n_pairs, (pairs[:n] for n in n_pairs), strict=True)
        ]
    return arms


@pytest.mark.slow
def test_intervals_cover_and_means_are_right_where_pooled_ones_are_not() -> None:
    """Two equal arms of mean 2.5 over days 1, 2, 3, 4: the one that wins by chance has more of the late days."""
    n, truth, weights = 400, 2.5, dict.fromkeys(range(N_DAYS), 1.0)
    covered, errors, pooled, found = list[bool](), list[float](), list[float](), 0
    for seed in range(n):
        arms = experiment(seed)
        most = max(arms, key=lambda arm: len(arm.change))
        estimate = most.mean(seed=0, weights=weights)
        covered.append(estimate.interval[0] <= truth <= estimate.interval[1])
        errors.append(np.mean([arm.mean(seed=0, weights=weights).mean - truth for arm in arms]))
        pooled.append(most.mean(seed=0).mean - truth)
        found += compare_arms(arms, seed=0, weights=weights)[0].p < 0.05
    assert 0.92 <= np.mean(covered) <= 0.99
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(n)
    assert np.mean(pooled) > 0.1
    assert found / n <= 0.08


def test_a_session_with_one_pair_leaves_no_interval() -> None:
    session = np.array([0, 0, 0, 1])
    found = mean_of_sessions(
        np.array([1.0, 2.0, 3.0, 9.0]),
        image_index=np.array([0, 1, 2, 0]),
        site_index=np.array([0, 1, 0, 1]),
        session=session,
        weights={0: 1.0, 1: 1.0},
        seed=0,
    )
    assert found.mean == pytest.approx(5.5)
    assert np.isnan(found.interval).all()
