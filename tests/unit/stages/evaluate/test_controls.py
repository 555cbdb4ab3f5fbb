"""Controls beside noise and interpolation: attacks at other sites, attacks of the day before, shams."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.analysis.sensitivity import noise_corrected_rms
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.stages.evaluate.pairs import ImagePairs, join_pairs, measure, other_site_pairs, pairs_of
from closedloop.stages.evaluate.rows import measured_rows, truth_rows
from tests.unit.days import pixels, site_table, stimulus, stimulus_columns

ROWS = [
    stimulus("clean", "clean", 0),
    stimulus("clean", "clean", 1),
    stimulus("clean", "clean", 2),
    stimulus("clean", "anchor", 3),
    stimulus("attacked", "anchor", 3, site_index=0, epsilon=2.5, predicted_sign=1),
    stimulus("attacked", "clean", 1, site_index=1, epsilon=2.5, predicted_sign=-1),
    stimulus("attacked", "anchor", 3, site_index=7, epsilon=2.5, predicted_sign=1),  # an output without an electrode
    stimulus("yesterday", "anchor", 3, site_index=0, epsilon=2.5, predicted_sign=-1),
    stimulus("sham", "anchor", 3),
    stimulus("probe", "clean", 2, site_index=0, epsilon=30.0, predicted_sign=1),
]
MEANS = np.array(  # Hz, at sites 0 and 1, whose SD over the three clean images is 10
    [[10, 20], [20, 30], [30, 40], [20, 20], [26, 17], [28, 50], [20, 24], [17, 60], [20, 20], [90, 90]], dtype=float
)


def day(rates_hz: NDArray[np.float64]) -> DayResponses:
    """Return a day of two sites; rates_hz is (n_images, 2, n_repetitions)."""
    n_images, _, n_repetitions = rates_hz.shape
    return DayResponses(
        stimuli=StimulusSet(stimulus_columns(ROWS), pixels(len(ROWS))),
        sites=site_table(0, index_of={7: 0, 3: 1}).chosen(),
        presentations={"image_index": np.repeat(np.arange(n_images), n_repetitions)},
        rates_hz=rates_hz.transpose(0, 2, 1).reshape(-1, 2),
    )


def evaluated() -> ImagePairs:
    """Return all pairs of the day, each image shown twice and answered alike, with the same as hidden truth."""
    one = day(np.repeat(MEANS[:, :, None], 2, axis=2))
    measured = measure(one)
    return join_pairs([make(one, measured, true_rates_hz=MEANS) for make in (pairs_of, other_site_pairs)])


def row_of(rows: list[dict[str, Any]], estimate: str, **equal: Any) -> dict[str, Any]:
    wanted = {"estimate": estimate, "image_set": "all", "site": ""} | equal
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def test_an_attack_is_a_control_at_every_site_that_it_was_not_made_for() -> None:
    found = evaluated().select(kind="other_site")
    assert list(zip(found.stimulus.tolist(), found.site_index.tolist(), strict=True)) == [
        (4, 1),
        (5, 0),
        (6, 0),
        (6, 1),
    ]
    assert set(found.predicted_sign.tolist()) == {0}
    np.testing.assert_allclose(found.change, [-0.3, 0.8, 0.0, 0.4])


def test_what_attacks_do_at_other_sites_is_the_root_mean_square_of_it() -> None:
    """Changes of -.3, .8, 0 and .4 sigma: the root of .89 / 4. On anchors without the .8: the root of .25 / 3."""
    for rows in (measured_rows(evaluated()), truth_rows(evaluated())):
        assert row_of(rows, "other_site")["mean"] == pytest.approx(np.sqrt(0.89 / 4))
        assert row_of(rows, "other_site", image_set="anchors")["mean"] == pytest.approx(np.sqrt(0.25 / 3))


def test_an_attack_of_the_day_before_counts_at_its_own_site_by_the_sign_sealed_then() -> None:
    found = evaluated().select(kind="yesterday")
    assert (found.stimulus.tolist(), found.site_index.tolist()) == ([7], [0])
    assert row_of(measured_rows(evaluated()), "yesterday")["mean"] == pytest.approx(0.3)
    wrong = replace(evaluated(), predicted_sign=-evaluated().predicted_sign)
    assert row_of(measured_rows(wrong), "yesterday")["mean"] == pytest.approx(-0.3)
    assert row_of(truth_rows(wrong), "yesterday")["mean"] == pytest.approx(-0.3)
    assert row_of(truth_rows(evaluated()), "yesterday")["mean"] == pytest.approx(0.3)


def test_a_sham_is_compared_at_every_site_and_has_one_row_without_an_epsilon() -> None:
    found = evaluated().select(kind="sham")
    assert found.site_index.tolist() == [0, 1]
    row = row_of(measured_rows(evaluated()), "sham")
    assert (row["epsilon"], row["mean"], row["n_sites"]) == (0.0, 0.0, 2)


def test_attacks_are_estimated_as_without_these_controls() -> None:
    one = day(np.repeat(MEANS[:, :, None], 2, axis=2))
    alone = pairs_of(one, measure(one), true_rates_hz=None).select(kind="attacked")
    found = measured_rows(evaluated())
    for name in ("paper", "cross_fitted"):
        own, among = ([repr(row) for row in rows if row["estimate"] == name] for rows in (measured_rows(alone), found))
        assert own == among != []


def test_nothing_but_attacks_and_controls_is_a_pair() -> None:
    assert set(evaluated().kind.tolist()) == {"attacked", "other_site", "yesterday", "sham"}
    assert 9 not in evaluated().stimulus


@pytest.mark.parametrize("n_clean", [2, 4])
def test_a_sham_is_called_a_change_in_at_most_a_twentieth_of_experiments(n_clean: int) -> None:
    """Counts of 16 images at 21 sites that share a presentation's gain, with nothing changed; 400 experiments.

    Two-sided 95 % intervals lie above zero by chance in 2.5 %; of 400 with a chance of .05, more than 30 in one of 300.
    """
    rng = np.random.default_rng(5)
    image, site = (index.ravel() for index in np.indices((16, 21)))
    called, squares = 0, []
    for _ in range(400):
        mean = rng.gamma(2.0, 3.0, (16, 21, 1))
        clean, sham = (
            rng.poisson(mean * rng.gamma(50, 1 / 50, (16, 1, n))).reshape(16 * 21, n).astype(float)
            for n in (n_clean, 2)
        )
        found = noise_corrected_rms(clean, sham, image_index=image, site_index=site)
        called += found.is_measurable
        squares.append(np.sign(found.mean) * found.mean**2)
    assert called <= 30
    assert abs(np.mean(squares)) < 3 * np.std(squares) / 20
