"""The day's other numbers, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.stages.evaluate.examples import find_examples
from closedloop.stages.evaluate.pairs import measure, pairs_of
from closedloop.stages.evaluate.summary import evaluate_epsilon, evaluation_report
from tests.unit.stages.evaluate.small_days import MEANS, SEALED, SIGMA, small_day


def report() -> EvaluationReport:
    day = small_day()
    measured = measure(day)
    return evaluation_report(
        day,
        measured,
        pairs_of(day, measured, true_rates_hz=None),
        recording_day=2,
        simulated=True,
        epsilons=(2.5,),
        sealed=SEALED.astype(np.float32),
        rasters=(),
        left_out={},
    )


def test_the_mean_rate_of_attacked_images_is_of_those_that_were_to_raise_it() -> None:
    """One attack was to raise site 0, which answered with 40 Hz, and one to lower it, at which it answered with 30."""
    day = small_day()
    found = evaluate_epsilon(day, pairs_of(day, measure(day), true_rates_hz=None), 2.5)
    assert found.mean_attacked_hz == 40.0


def test_an_epsilon_says_what_was_predicted_what_the_bytes_hold_and_whose_sign_was_right() -> None:
    day = small_day()
    found = evaluate_epsilon(day, pairs_of(day, measure(day), true_rates_hz=MEANS), 2.5)
    assert (found.n_pairs, found.sign_agreement_measured, found.sign_agreement_true) == (2, 0.5, 0.5)
    assert (found.realised_epsilon_mean, found.realised_epsilon_max) == (pytest.approx(2.4), 2.5)
    assert found.predicted_change == pytest.approx((1.5 + 0.5 + 1.0) / 3)


def test_a_change_of_nothing_is_no_answer_for_or_against_the_sign() -> None:
    """In truth the first attack raised site 0 as it was to; the second left it at the clean image's 20 Hz."""
    day, true_rates_hz = small_day(), MEANS.copy()
    true_rates_hz[5, 0] = true_rates_hz[1, 0]
    found = evaluate_epsilon(day, pairs_of(day, measure(day), true_rates_hz=true_rates_hz), 2.5)
    assert (found.n_pairs, found.sign_agreement_true) == (2, 1.0)


def test_without_hidden_truth_there_is_no_agreement_with_it() -> None:
    day = small_day()
    found = evaluate_epsilon(day, pairs_of(day, measure(day), true_rates_hz=None), 2.5)
    assert found.sign_agreement_true is None


def test_each_site_has_its_spread_its_prediction_and_its_preferred_category() -> None:
    """Categories of the fresh images are 0, 1, 0: means (20, 20) Hz at site 0, (20, 10) at site 1."""
    found = report()
    names = ("array1-007", "array1-003")
    assert found.sigma_hz == {name: pytest.approx(sigma, abs=1e-4) for name, sigma in zip(names, SIGMA, strict=True)}
    assert found.r_predicted == {names[0]: 1.0, names[1]: -1.0}
    assert found.preferred_hz == {names[0]: 20.0, names[1]: 20.0}
    assert (found.day, found.n_sites, found.n_attacked) == (2, 2, 3)


def test_a_random_pair_of_images_differs_by_the_mean_over_all_pairs_in_sigma() -> None:
    """10, 20, 30 Hz differ by 10, 10 and 20; 10, 10, 30 Hz by 0, 20 and 20."""
    assert report().random_pair == pytest.approx(np.mean(np.array([40, 40]) / 3 / SIGMA), abs=1e-4)


def test_the_example_is_the_attack_of_median_effect_at_the_largest_epsilon() -> None:
    """Along the sealed sign site 0 moved by 2 and by -1 sigma; of two the upper one is taken."""
    (example,) = report().examples
    assert (example.neuroid_id, example.epsilon, example.clean_index, example.attacked_index) == (
        "array1-007",
        2.5,
        3,
        4,
    )
    assert (example.rate_clean_hz, example.rate_attacked_hz) == (20.0, 40.0)


def test_examples_are_of_the_largest_epsilon_alone() -> None:
    day = small_day()
    measured = measure(day)
    pairs = pairs_of(day, measured, true_rates_hz=None)
    assert (pairs.stimulus[0], pairs.stimulus[1]) == (4, 5)
    for epsilon, expected in (([5.0, 2.5], 4), ([2.5, 5.0], 5)):
        two = replace(pairs, epsilon=np.array([*epsilon, 2.5, 2.5]))
        (example,) = find_examples(day, measured, two)
        assert (example.epsilon, example.attacked_index) == (5.0, expected)
