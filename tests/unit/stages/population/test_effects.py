"""What became of a day's attacks on its decoder, worked out by hand: two sites, two categories, no noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.population.kinds import POPULATION, POPULATION_NOISE
from closedloop.artifacts.day.population.sealed import SealedDecoder
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.stages.population.effects import SealedPopulationOfDay, population_effects
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns

ROWS = [
    stimulus("clean", "normalizer", 0),
    stimulus("clean", "normalizer", 1),
    stimulus("clean", "anchor", 2, category="a"),
    stimulus(POPULATION, "anchor", 2, category="a", epsilon=10.0),
    stimulus(POPULATION_NOISE, "anchor", 2, category="a", epsilon=10.0),
    stimulus(POPULATION_NOISE, "anchor", 2, category="unknown", epsilon=2.5),
]
# Normalizers with mean 10 and SD 2 at both sites, so that z = (rate - 10) / 2
SPREAD = np.sqrt(2.0)
RATES = {0: [(10 - SPREAD, 10 - SPREAD)], 1: [(10 + SPREAD, 10 + SPREAD)]}
RATES |= {2: [(14.0, 10.0), (16.0, 10.0), (8.0, 10.0), (10.0, 10.0)], 3: [(6.0, 10.0), (8.0, 14.0)]}
RATES |= {4: [(16.0, 10.0), (14.0, 10.0)], 5: [(10.0, 10.0)] * 2}
WEIGHTS, OFFSETS = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, 0.5])


def day() -> DayResponses:
    image_index = np.array([image for image, shown in RATES.items() for _ in shown])
    columns = stimulus_columns(ROWS)
    return DayResponses(
        stimuli=StimulusSet(columns, pixels(len(ROWS))),
        sites=site_table(1, index_of={1: 0, 2: 1}).chosen(),
        presentations={"image_index": image_index},
        rates_hz=np.array([one for shown in RATES.values() for one in shown]),
    )


def sealed() -> SealedPopulationOfDay:
    document = SealedDecoder(
        simulated=True,
        day=1,
        days=(0,),
        categories=("a", "b"),
        n_images=9,
        n_sites=1,
        shrinkage=0.0,
        accuracy=1.0,
        chance=0.5,
    )
    predictions: dict[str, Any] = {
        "image_index": np.array([5, 4, 3]),
        "margin_clean": np.array([1.0, 1.0, 3.0]),
        "margin_changed": np.array([1.0, 0.5, -4.0]),
        "rival": np.array(["b", "b", "b"]),
    }
    return SealedPopulationOfDay(document, WEIGHTS, OFFSETS, predictions)


def test_accuracy_margin_and_movement_are_those_worked_out_by_hand() -> None:
    found = population_effects(day(), sealed(), true_rates_hz=None)
    assert found["kind"].tolist() == [POPULATION, POPULATION_NOISE, POPULATION_NOISE]
    assert found["n_repetitions"].tolist() == [2, 2, 2]
    # clean z at site 0: 2, 3, -1, 0; pairs of two have means 2.5 and -.5: scores 2.5 > -2.5 + .5, but -.5 < .5 + .5
    np.testing.assert_allclose(found["decoded_clean"], [0.5, 0.5, np.nan])
    np.testing.assert_allclose(found["decoded_changed"], [0.0, 1.0, np.nan])
    np.testing.assert_allclose(found["margin_clean"], [2 * 1.0 - 0.5, 2 * 1.0 - 0.5, np.nan])
    np.testing.assert_allclose(found["margin_changed"], [2 * -1.5 - 0.5, 2 * 2.5 - 0.5, np.nan])
    np.testing.assert_allclose(found["predicted_loss"], [7.0, 0.5, 0.0])
    noise_clean = np.var([2, 3, -1, 0], ddof=1) / 4
    square = [(-1.5 - 1) ** 2 - noise_clean - np.var([-2, -1], ddof=1) / 2]
    square += [(2.5 - 1) ** 2 - noise_clean - np.var([3, 2], ddof=1) / 2, np.nan]
    np.testing.assert_allclose(found["square_moved"], square)
    np.testing.assert_allclose(found["square_along"], square)  # all weight is at the one site that is read
    assert np.isnan(found["true_decoded_changed"]).all()


def test_the_truth_is_decoded_on_the_measured_scale() -> None:
    true = np.array([[10.0, 10.0]] * 2 + [[14.0, 10.0], [8.0, 10.0], [14.0, 0.0], [0.0, 0.0]])
    found = population_effects(day(), sealed(), true_rates_hz=true)
    np.testing.assert_allclose(found["true_margin_clean"], [3.5, 3.5, np.nan])
    np.testing.assert_allclose(found["true_margin_changed"], [-2.5, 3.5, np.nan])
    np.testing.assert_allclose(found["true_decoded_changed"], [0.0, 1.0, np.nan])


def test_a_showing_without_a_response_of_a_site_that_is_read_does_not_count() -> None:
    gone = day()
    gone.rates_hz[6, 0] = np.nan  # the first showing of the attack
    gone.rates_hz[8, 1] = np.nan  # of a site that is not read
    found = population_effects(gone, sealed(), true_rates_hz=None)
    assert found["n_repetitions"].tolist() == [1, 2, 2]
    assert found["margin_changed"][0] == pytest.approx(2 * -1.0 - 0.5)
    assert np.isnan(found["square_moved"][0])
