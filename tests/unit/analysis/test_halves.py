"""Halved images: the error of a mean, paired differences, and what cannot be told from the best."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.representation.halves import Uncertain, alike_the_best, image_halves, mean_of


def halved_mean(values: np.ndarray, *, seed: int = 0) -> Uncertain:
    halves = image_halves(len(values), seed=seed, n_halvings=400)
    errors = [(values[first].mean() - values[~first].mean()) / 2 for first in halves]
    return Uncertain(float(values.mean()), np.array(errors))


def test_half_the_difference_of_two_halves_has_the_error_of_their_mean() -> None:
    values = np.random.default_rng(0).exponential(size=60)
    found = halved_mean(values)
    # the mean square over all halvings is s^2 / n exactly; 400 of them are within 3.5 of their own standard errors
    expected = values.var(ddof=1) / 60
    assert found.standard_error**2 == pytest.approx(expected, rel=3.5 * np.sqrt(2 / 400))


def test_the_interval_is_students_with_a_degree_for_each_halving() -> None:
    low, high = Uncertain(1.0, np.full(25, 0.1)).interval
    assert high - 1 == pytest.approx(2.0595 * 0.1, rel=1e-4)
    assert 1 - low == pytest.approx(2.0595 * 0.1, rel=1e-4)


def test_differences_and_means_are_paired() -> None:
    random = np.random.default_rng(1)
    shared, own = random.normal(size=60), 0.1 * random.normal(size=60)
    difference = halved_mean(shared + own) - halved_mean(shared)
    assert difference.standard_error == pytest.approx(halved_mean(own).standard_error)
    assert mean_of([halved_mean(shared), halved_mean(own)]).value == pytest.approx((shared + own).mean() / 2)


def test_the_truly_best_stays_among_those_that_cannot_be_told_from_it() -> None:
    """Eight numbers, three of them equally large, measured with a correlated error that 25 halvings tell."""
    truth = np.array([1.0, 1.0, 1.0, 0.9, 0.8, 0.5, 0.2, 0.0])
    root = np.linalg.cholesky(0.01 * (0.5 * np.eye(8) + 0.5))
    stayed, n_kept = 0, []
    for seed in range(200):
        random = np.random.default_rng(seed)
        values, errors = truth + root @ random.normal(size=8), root @ random.normal(size=(8, 25))
        kept = alike_the_best([Uncertain(value, own) for value, own in zip(values, errors, strict=True)], seed=seed)
        stayed += bool(kept[0])
        n_kept.append(kept.sum())
        assert kept[values.argmax()]
    assert stayed >= 0.91 * 200  # of 95 %, fewer with a probability below .01
    assert np.mean(n_kept) < 6  # and those that are far away are out


def test_numbers_that_never_differ_are_told_by_their_values() -> None:
    same = np.linspace(-1, 1, 25)
    assert alike_the_best([Uncertain(value, same) for value in (1.0, 2.0, 2.0)]).tolist() == [False, True, True]


def test_what_has_no_interval_is_not_told_and_tells_nothing_of_others() -> None:
    errors = np.random.default_rng(0).normal(0, 0.1, (3, 25))
    known = [Uncertain(value, own) for value, own in zip((1.0, 1.05, 0.0), errors, strict=True)]
    half_empty = Uncertain(9.0, np.append(np.zeros(24), np.nan))
    empty = Uncertain(float("nan"), np.full(25, np.nan))
    assert not half_empty.has_interval
    assert alike_the_best([half_empty, *known, empty]).tolist() == [True, True, True, False, True]
    assert alike_the_best([half_empty, empty]).tolist() == [True, True]


def test_the_two_halves_share_no_image_and_have_them_all() -> None:
    halves = image_halves(7, seed=3, n_halvings=5)
    assert halves.sum(axis=1).tolist() == [3] * 5
    assert len({row.tobytes() for row in halves}) == 5
