"""Pairs and rows of a day small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts.day.evaluation import PAIRS, SENSITIVITY
from closedloop.stages.evaluate.pairs import ImagePairs, join_pairs, measure, pairs_of
from closedloop.stages.evaluate.rows import Row, absolute_rows, measured_rows, truth_rows
from tests.unit.stages.evaluate.small_days import MEANS, RATES, SIGMA, small_day


def pairs(*, true_rates_hz: NDArray[np.float64] | None = None) -> ImagePairs:
    return pairs_of(small_day(), measure(small_day()), true_rates_hz=true_rates_hz)


def row_of(rows: list[Row], **equal: Any) -> Row:
    (found,) = [row for row in rows if all(row[name] == value for name, value in equal.items())]
    return found


def test_repetitions_are_averaged_where_usable_and_counted() -> None:
    measured = measure(small_day())
    np.testing.assert_allclose(measured.rates_hz, MEANS)
    assert measured.n_usable.tolist() == [[2, 2]] * 5 + [[2, 1], [2, 2], [2, 1]]


def test_sigma_is_over_the_days_fresh_clean_images_and_no_others() -> None:
    np.testing.assert_allclose(measure(small_day()).sigma_hz, SIGMA)


def test_every_usable_repetition_is_there_once() -> None:
    found = np.sort(measure(small_day()).repetitions_hz, axis=2)  # NaN last
    np.testing.assert_allclose(found, np.sort(RATES.transpose(0, 2, 1), axis=2))


def test_attacks_are_paired_at_their_own_site_and_controls_at_every_site() -> None:
    found = pairs()
    assert list(zip(found.stimulus.tolist(), found.site_index.tolist(), strict=True)) == [
        (4, 0),
        (5, 0),
        (7, 0),
        (7, 1),
    ]
    assert found.clean_index.tolist() == [3, 1, 3, 3]
    assert found.neuroid_id.tolist() == ["array1-007", "array1-007", "array1-007", "array1-003"]
    assert found.predicted_sign.tolist() == [1, -1, 0, 0]


def test_an_attack_at_an_output_without_an_electrode_is_no_pair() -> None:
    assert 6 not in pairs().stimulus


def test_changes_are_changed_minus_clean_in_units_of_the_sites_sigma() -> None:
    found = pairs()
    np.testing.assert_allclose(found.rate_clean_hz, [20, 20, 20, 30])
    np.testing.assert_allclose(found.rate_changed_hz, [40, 30, 24, 25])
    np.testing.assert_allclose(found.change, [2.0, 1.0, 0.4, -5 / SIGMA[1]])
    np.testing.assert_allclose(np.sort(found.repetitions_changed[:2]), [[3.0, 5.0], [2.0, 4.0]])
    np.testing.assert_allclose(found.repetitions_clean[:2], 2.0)
    assert found.n_repetitions.tolist() == [2, 2, 2, 1]
    assert np.isnan(found.true_change).all()


def test_the_truth_of_a_simulation_is_scaled_by_the_measured_sigma() -> None:
    found = pairs(true_rates_hz=MEANS + np.arange(8)[:, None])
    np.testing.assert_allclose(found.true_change, [2.1, 1.4, 0.8, -1 / SIGMA[1]])


def test_the_table_has_the_columns_of_its_layout() -> None:
    assert set(pairs().table()) == set(PAIRS.columns)
    assert {len(values) for values in pairs().table().values()} == {4}


def test_a_selection_keeps_whole_pairs() -> None:
    found = pairs().select(kind="attacked", predicted_sign=-1)
    assert (found.stimulus.tolist(), found.change.tolist()) == ([5], [1.0])
    assert len(pairs().select(kind="linear").stimulus) == 0


def test_the_papers_row_is_the_mean_of_sealed_sign_times_change() -> None:
    """One sign was right and one wrong: (2 - 1) / 2; the pairs lie 1.5 from it, so the standard error is 1.5.

    Student's t with one degree of freedom: 12.706 standard errors to either side.
    """
    row = row_of(measured_rows(pairs()), estimate="paper", image_set="all", site="")
    assert row == {
        "epsilon": 2.5,
        "estimate": "paper",
        "truth": False,
        "image_set": "all",
        "site": "",
        "mean": 0.5,
        "standard_error": 1.5,
        "n_images": 2,
        "n_sites": 1,
        "interval_low": pytest.approx(0.5 - 12.7062 * 1.5, abs=1e-3),
        "interval_high": pytest.approx(0.5 + 12.7062 * 1.5, abs=1e-3),
    }
    assert {"day", *row} == set(SENSITIVITY.columns)


def test_anchors_and_fresh_images_have_rows_of_their_own() -> None:
    rows = measured_rows(pairs())
    anchors = row_of(rows, estimate="paper", image_set="anchors", site="")
    fresh = row_of(rows, estimate="paper", image_set="fresh", site="")
    assert (anchors["mean"], fresh["mean"]) == (2.0, -1.0)
    assert (anchors["n_images"], fresh["n_images"]) == (1, 1)


def test_every_site_that_has_pairs_has_a_row_and_no_other_has() -> None:
    rows = measured_rows(pairs())
    assert {row["site"] for row in rows if row["estimate"] == "paper"} == {"", "array1-007"}
    assert {row["site"] for row in rows if row["estimate"] == "gaussian"} == {"", "array1-007", "array1-003"}
    assert not [row for row in rows if row["estimate"] == "linear"]
    assert not [row for row in rows if row["estimate"] == "gaussian" and row["image_set"] == "fresh"]


def test_the_cross_fitted_row_takes_the_sign_from_the_other_half() -> None:
    """The halves moved by (1, 3) and by (2, 0) sigma: (1 + 3) / 2 and, a half without a sign, 0."""
    row = row_of(measured_rows(pairs()), estimate="cross_fitted", image_set="all", site="")
    assert row["mean"] == pytest.approx((2.0 + 0.0) / 2)


def test_the_controls_row_is_the_root_of_the_product_of_the_halves() -> None:
    """Both halves of the control moved site 0 by 0.4 sigma; at site 1 one half is missing, so that it is left out."""
    rows = measured_rows(pairs())
    one = row_of(rows, estimate="gaussian", image_set="all", site="array1-007")
    assert one["mean"] == pytest.approx(0.4)
    assert row_of(rows, estimate="gaussian", image_set="all", site="")["mean"] == pytest.approx(0.4)
    assert np.isnan(row_of(rows, estimate="gaussian", image_set="all", site="array1-003")["mean"])


def test_a_control_has_no_sign_to_cross_fit() -> None:
    """Halves of 0.1 and 0.4 sigma: the root of their product is 0.2, and the cross-fitted mean would be 0.25."""
    found = pairs().select(kind="gaussian", site_index=0)
    halves = replace(found, repetitions_clean=np.zeros((1, 2)), repetitions_changed=np.array([[0.1, 0.4]]))
    for kind in ("gaussian", "linear"):
        rows = measured_rows(replace(halves, kind=np.array([kind])))
        assert row_of(rows, estimate=kind, image_set="all", site="")["mean"] == pytest.approx(0.2)


def test_truth_rows_are_mean_absolute_changes_of_attacks_and_rms_of_controls() -> None:
    rows = truth_rows(pairs(true_rates_hz=MEANS + np.arange(8)[:, None]))
    assert {row["truth"] for row in rows} == {True}
    assert row_of(rows, estimate="true", image_set="all", site="")["mean"] == pytest.approx((2.1 + 1.4) / 2)
    rms = np.sqrt((0.8**2 + (1 / SIGMA[1]) ** 2) / 2)
    assert row_of(rows, estimate="gaussian", image_set="all", site="")["mean"] == pytest.approx(rms)


def test_changes_known_without_noise_are_averaged_by_epsilon_whatever_their_sign() -> None:
    rows = absolute_rows(
        "white_box",
        np.array([1.0, -3.0, 5.0]),
        epsilon=np.array([1.0, 1.0, 10.0]),
        image_index=np.array([0, 1, 0]),
        site_index=np.array([0, 0, 1]),
        image_set="anchors",
    )
    assert [(row["epsilon"], row["mean"], row["n_images"]) for row in rows] == [(1.0, 2.0, 2), (10.0, 5.0, 1)]
    assert {(row["estimate"], row["truth"], row["image_set"]) for row in rows} == {("white_box", True, "anchors")}


def test_pairs_of_a_days_two_sessions_are_joined_each_in_its_own_units() -> None:
    first = pairs()
    second = replace(
        first, image_id=np.array(["a", "new", "a", "a"]), change=first.change + 1, repetitions_clean=np.ones((4, 3)),
        repetitions_changed=np.zeros((4, 3)),
    )  # fmt: skip
    first = replace(first, image_id=np.array(["a", "b", "a", "a"]))
    joined = join_pairs([first, second])
    np.testing.assert_allclose(joined.change, [*first.change, *second.change])
    same = joined.clean_index[:, None] == joined.clean_index[None, :]
    assert same.tolist() == (joined.image_id[:, None] == joined.image_id[None, :]).tolist()
    assert joined.repetitions_clean.shape == (8, 3)
    assert np.isnan(joined.repetitions_clean[:4, 2]).all()
    row = row_of(measured_rows(joined), estimate="paper", image_set="anchors", site="")
    assert row["mean"] == pytest.approx((first.change[0] + second.change[0]) / 2)
    assert row["n_images"] == 1
    assert row_of(measured_rows(joined), estimate="paper", image_set="all", site="")["n_images"] == 3
    assert join_pairs([first]) is first
