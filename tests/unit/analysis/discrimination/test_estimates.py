"""Estimates of drawn answers, and what their intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.discrimination.estimates import Detection, estimate_catch_rate, estimate_detection
from closedloop.analysis.discrimination.rates import difference_d_prime, difference_rates

N_SUBJECTS, N_IMAGES = 12, 25
D_PRIME, CRITERION = 1.5, 1.6


def answered(seed: int, *, sd_images: float = 0.0) -> Detection:
    """Answers of observers of one d', each to every image in the four kinds of trial."""
    random = np.random.default_rng(seed)
    subject, image, kind = (index.ravel() for index in np.indices((N_SUBJECTS, N_IMAGES, 4)))
    differs = kind < 2
    d_prime = D_PRIME * np.exp(sd_images * random.standard_normal(N_IMAGES))[image]
    difference = np.where(differs, d_prime, 0) + np.sqrt(2) * random.standard_normal(len(kind))
    return estimate_detection(np.abs(difference) > CRITERION, differs, subject_index=subject, image_index=image, seed=0)


def test_rates_and_percent_correct_are_counted() -> None:
    said = np.array([True, True, False, True, False, False, False, True])
    differs = np.array([True, True, True, True, False, False, False, False])
    found = estimate_detection(
        said, differs, subject_index=np.array([0, 1] * 4), image_index=np.array([0, 0, 1, 1] * 2), seed=0
    )
    assert (found.hit_rate, found.false_rate, found.correct.mean) == (0.75, 0.25, 0.75)
    assert found.d_prime == pytest.approx(float(difference_d_prime(0.75, 0.25)))
    assert (found.n_trials, found.n_different) == (8, 4)


def test_of_different_pairs_alone_nothing_is_said() -> None:
    found = estimate_detection(
        np.array([True, False]), np.array([True, True]), subject_index=np.arange(2), image_index=np.arange(2), seed=0
    )
    assert np.isnan([found.correct.mean, found.d_prime, *found.d_prime_interval]).all()


def test_one_subject_has_no_interval() -> None:
    subject, image = np.zeros(40, dtype=np.int64), np.repeat(np.arange(10), 4)
    differs = np.tile([True, True, False, False], 10)
    found = estimate_detection(differs, differs, subject_index=subject, image_index=image, seed=0)
    assert found.correct.mean == 1.0
    assert np.isnan([*found.correct.interval, *found.d_prime_interval]).all()


def test_the_catch_rate_has_the_interval_of_subjects() -> None:
    said = np.concatenate([np.ones(40, bool), np.zeros(10, bool)])
    alike, sleeper = np.arange(50) % 10, np.arange(50) // 10
    narrow = estimate_catch_rate(said, subject_index=alike, seed=0)
    wide = estimate_catch_rate(said, subject_index=sleeper, seed=0)
    assert narrow.mean == wide.mean == 0.8
    assert wide.standard_error > 5 * max(narrow.standard_error, 0.01)


@pytest.mark.slow
def test_intervals_hold_the_truth_in_95_percent_of_400_studies_but_for_chance() -> None:
    hits, false = difference_rates(D_PRIME, CRITERION)
    truth = float((hits + 1 - false) / 2)
    found = [answered(seed) for seed in range(400)]
    correct = np.mean([one.correct.interval[0] <= truth <= one.correct.interval[1] for one in found])
    d_prime = np.mean([one.d_prime_interval[0] <= D_PRIME <= one.d_prime_interval[1] for one in found])
    assert 0.925 <= correct <= 0.975  # chance alone leaves 2.1 points to either side
    assert 0.925 <= d_prime <= 0.975


def test_intervals_of_two_subjects_end_where_parts_end() -> None:
    subject, image = np.repeat([0, 1], 16), np.tile(np.arange(4), 8)
    differs = np.tile(np.repeat([True, False], 4), 4)
    said = np.where(subject == 0, differs, ~differs)  # one is always right, the other always wrong
    found = estimate_detection(said, differs, subject_index=subject, image_index=image, seed=0)
    assert found.correct.interval == (0.0, 1.0)
    assert estimate_catch_rate(said, subject_index=subject, seed=0).interval[0] >= 0
