"""Power beforehand against the paper's own size, closed forms, and drawn answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedloop.analysis.discrimination.power import (
    DiscriminationDesign,
    power_of,
    smallest_seen,
    standard_error_of,
    subjects_needed,
)

DESIGN = DiscriminationDesign(n_subjects=20, n_images=25, trials_a_subject=60, sd_subjects=0.02, sd_images=0.03)


def test_51_percent_are_two_standard_errors_from_chance_after_ten_thousand_guesses() -> None:
    alike = DiscriminationDesign(n_subjects=50, n_images=100, trials_a_subject=200, false_rate=0.5)
    assert 0.01 / standard_error_of(alike, 0.5) == pytest.approx(2.0)


def test_the_standard_error_is_that_of_drawn_subjects_images_and_answers() -> None:
    random = np.random.default_rng(0)
    n, correct = 4000, 0.6
    hits = 2 * correct - 1 + DESIGN.false_rate
    half = round(DESIGN.n_trials / 2)
    people = random.normal(0, DESIGN.sd_subjects, (n, DESIGN.n_subjects)).mean(axis=1)
    images = random.normal(0, DESIGN.sd_images, (n, DESIGN.n_images)).mean(axis=1)
    said = random.binomial(half, hits, n) / half, random.binomial(half, DESIGN.false_rate, n) / half
    spread = np.std((said[0] + 1 - said[1]) / 2 + people + images)
    assert standard_error_of(DESIGN, correct) == pytest.approx(spread, rel=0.04)


def test_as_many_subjects_as_are_needed_reach_the_power_and_one_less_does_not() -> None:
    needed = subjects_needed(DESIGN, 0.55, power=0.8)
    assert needed is not None
    assert power_of(replace(DESIGN, n_subjects=needed), 0.55) >= 0.8
    assert power_of(replace(DESIGN, n_subjects=needed - 1), 0.55) < 0.8


def test_no_number_of_subjects_makes_up_for_images_that_differ_too_much() -> None:
    assert subjects_needed(replace(DESIGN, n_images=4, sd_images=0.1), 0.51, power=0.8) is None


def test_the_smallest_accuracy_seen_has_the_power() -> None:
    smallest = smallest_seen(DESIGN, power=0.8)
    assert power_of(DESIGN, smallest) == pytest.approx(0.8, abs=0.02)
