"""Arms that bring sites to levels, on a case made by hand: slopes, differences, what is missed, who foretold what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedloop.report.arms.levels import level_tables, levels_of
from closedloop.report.arms.numbers import SessionArms, compared_arms
from closedloop.report.drawing import numbers_of
from closedloop.report.objectives.figures import followed_levels
from closedloop.report.objectives.missed import missed_levels

IMAGES, TARGETS, ARMS = ("a", "b", "c"), (0.0, 1.0, 2.0), ("follows", "half")
N = len(IMAGES) * len(TARGETS)
LEVEL = np.tile(TARGETS, len(IMAGES))


def objectives() -> dict[str, Any]:
    """Return two arms at three levels of three images: one site follows wholly, the other by half, .1 more on c."""
    slope = np.repeat([0.5, 0.5, 0.6], len(TARGETS))
    is_reached = np.ones(2 * N, dtype=bool)
    is_reached[[2, 5]] = False
    return {
        "image_index": np.arange(10, 10 + 2 * N),
        "objective": np.repeat(ARMS, N).astype(object),
        "objective_kind": np.full(2 * N, "level", dtype=object),
        "image_id": np.tile(np.repeat(IMAGES, len(TARGETS)), 2).astype(object),
        "site_index": np.zeros(2 * N, dtype=int),
        "neuroid_id": np.full(2 * N, "array1-000", dtype=object),
        "target": np.tile(LEVEL, 2),
        "target_sd": np.tile(LEVEL, 2),
        "made": np.r_[LEVEL + 3, slope * LEVEL],
        "true_made": np.r_[LEVEL, 0.5 * LEVEL],
        "predicted_made": np.tile(LEVEL, 2),
        "is_reached": is_reached,
    }


def session() -> SessionArms:
    """Return the same with an arm that attacks; of its models one foretells what comes, the other its opposite."""
    asked, n = objectives(), 2 * N + 3
    change = np.r_[asked["made"], 1.0, 2.0, 4.0]
    effects = {
        "arm": np.r_[asked["objective"], ["attacks"] * 3].astype(object),
        "model": np.full(n, "day", dtype=object),
        "image_index": np.arange(10, 10 + n),
        "image_id": np.r_[asked["image_id"], IMAGES].astype(object),
        "neuroid_id": np.full(n, "array1-000", dtype=object),
        "epsilon": np.full(n, 10.0),
        "predicted_sign": np.ones(n, dtype=int),
        "change": change,
        "first_half": change,
        "second_half": change,
        "true_change": np.full(n, np.nan),
    }
    foretold = {
        "image_index": np.tile(effects["image_index"], 2),
        "arm": np.tile(effects["arm"], 2),
        "reviewer": np.repeat(["day", "turned"], n).astype(object),
        "foretold": np.r_[change, -change],
    }
    return SessionArms(effects, foretold, asked, sigma_in_z={"array1-000": 1.0})


def test_slopes_of_arms_and_their_difference_are_those_of_the_images() -> None:
    levels = levels_of([session()])
    assert levels is not None
    of_arms, differences = level_tables(levels)
    rows = {row[0]: row[1:] for row in of_arms.rows}
    assert [float(rows[name][0]) for name in ARMS] == pytest.approx([1.0, 0.533], abs=5e-4)
    assert [float(rows[name][2]) for name in ARMS] == pytest.approx([1.0, 0.5])
    assert [float(rows[name][5]) for name in ARMS] == pytest.approx([1.0, 0.533], abs=5e-4)
    assert [float(rows[name][7]) for name in ARMS] == pytest.approx([3.0, (0.5 + 0.5 + 0.4) / 3], abs=5e-4)
    assert [rows[name][8:] for name in ARMS] == [("9", "3", "7"), ("9", "3", "9")]
    [row] = differences.rows
    assert row[0] == "follows − half"
    assert float(row[1]) == pytest.approx(1 - 1.6 / 3, abs=5e-4)


def of_two_balls() -> SessionArms:
    """Return the same with every image made again within another epsilon, where both arms follow by a tenth of it."""
    one, objective = session(), objectives()
    n = len(objective["objective"])
    effects = {name: np.r_[values, values[:n]] for name, values in one.effects.items()}
    effects["image_index"][-n:] = 100 + np.arange(n)
    effects["epsilon"][-n:] = 30.0
    asked = {name: np.r_[values, values] for name, values in objective.items()}
    asked["image_index"][n:] = 100 + np.arange(n)
    asked["made"][n:] *= 0.1
    asked["objective"] = np.array(
        [f"{name}, epsilon {epsilon}" for epsilon in (10, 30) for name in objective["objective"]], dtype=object
    )
    return replace(one, effects=effects, objectives=asked)


def test_arms_are_compared_within_one_epsilon_and_corrected_for_what_is_shown() -> None:
    levels = levels_of([of_two_balls()])
    assert levels is not None
    of_arms, differences = level_tables(levels)
    assert [row[0] for row in of_arms.rows] == [f"{arm}, epsilon {epsilon}" for epsilon in (10, 30) for arm in ARMS]
    assert [row[0] for row in differences.rows] == [
        f"follows, epsilon {epsilon} − half, epsilon {epsilon}" for epsilon in (10, 30)
    ]
    p, corrected = (float(differences.rows[0][column]) for column in (3, 4))
    assert corrected == pytest.approx(2 * p, abs=1.1e-3)  # two are shown, not six


def test_a_ball_that_was_widened_between_days_is_another_one() -> None:
    later = session()
    later.effects["epsilon"][:] = 30.0
    levels = levels_of([session(), later])
    assert levels is not None
    _, differences = level_tables(levels)
    assert len(differences.rows) == 2


def test_each_site_has_a_slope_where_there_are_several() -> None:
    one = session()
    objective = objectives()
    second = np.isin(objective["image_id"], ["b"])
    objective["neuroid_id"][second], objective["site_index"][second] = "array1-001", 1
    levels = levels_of([replace(one, objectives=objective)])
    assert levels is not None
    _, by_site, _ = level_tables(levels)
    rows = {row[:2]: row[2:] for row in by_site.rows}
    assert [float(rows["half", f"array1-00{site}"][0]) for site in (0, 1)] == pytest.approx([0.55, 0.5])
    assert [rows["half", f"array1-00{site}"][-1] for site in (0, 1)] == ["2", "1"]


def test_levels_that_are_not_reached_are_open_and_percentiles_are_called_so() -> None:
    one, objective = session(), objectives()
    objective["target"] = 10 * objective["target_sd"] + 50
    objective["is_reached"][[2, 5, 8]] = False
    levels = levels_of([replace(one, objectives=objective)])
    assert levels is not None
    series = {row[1]: row for row in numbers_of(followed_levels(levels))}
    assert float(series["follows, not reached"][3]) == 2.0
    assert "half, not reached" not in series
    missed = missed_levels(levels)
    assert missed is not None
    assert missed.rows[0][2] == "70.00 percentile"


def test_one_image_has_no_interval() -> None:
    one = session()
    alone = {name: values[objectives()["image_id"] == "a"] for name, values in objectives().items()}
    levels = levels_of([replace(one, objectives=alone)])
    assert levels is not None
    bars = [bar for drawn in followed_levels(levels).axes[0].containers for bar in drawn.lines[2]]
    assert len(bars) == len(ARMS)
    assert not any(len(line) for bar in bars for line in bar.get_segments())


def test_levels_that_are_not_reached_are_named_with_their_site() -> None:
    levels = levels_of([session()])
    assert levels is not None
    missed = missed_levels(levels)
    assert missed is not None
    assert missed.rows == (("follows", "array1-000", "2.000 SD", "2.000", "2", "3"),)
    levels["is_reached"][:] = True
    assert missed_levels(levels) is None


def test_sessions_without_levels_have_no_table() -> None:
    other = objectives() | {"objective_kind": np.full(2 * N, "maximise", dtype=object)}
    assert levels_of([replace(session(), objectives=other)]) is None
    assert levels_of([]) is None


def test_each_level_of_a_pair_is_compared_with_the_same_level_and_attacks_stand_alone() -> None:
    attacks, levels = compared_arms([session()])
    assert (attacks.kind, [arm.name for arm in attacks.arms]) == ("attack", ["attacks"])
    assert (levels.kind, {arm.name for arm in levels.arms}) == ("level", set(ARMS))
    [difference] = levels.differences
    assert difference.difference.n_pairs == N
    assert difference.difference.mean == pytest.approx((LEVEL + 3).mean() - (1.6 / 3 * LEVEL).mean())


def test_the_cross_prediction_of_a_case_made_by_hand_is_right() -> None:
    _, levels = compared_arms([session()])
    for arm in levels.arms:
        reviews = {review.reviewer: review for review in arm.reviews.reviews}
        assert reviews["day"].n == N
        assert [reviews[name].r.value for name in ("day", "turned")] == pytest.approx([1.0, -1.0])
        assert [reviews[name].slope.value for name in ("day", "turned")] == pytest.approx([1.0, -1.0])
        assert reviews["day"].r2.value == pytest.approx(1.0)
        assert arm.reviews.ceiling == pytest.approx(1.0)


def test_sizes_are_compared_in_the_unit_of_the_model() -> None:
    """A site whose sigma is two SD of what models foretell: a model that foretells sizes has a slope of 1 there."""
    one = session()
    foretold = {**one.foretold, "foretold": 2 * one.foretold["foretold"]}
    [attacks, _] = compared_arms([replace(one, foretold=foretold, sigma_in_z={"array1-000": 2.0})])
    right, turned = attacks.arms[0].reviews.reviews
    assert (right.r.value, right.slope.value, right.r2.value) == pytest.approx((1, 1, 1))
    assert (turned.r.value, turned.slope.value) == pytest.approx((-1, -1))
    [attacks, _] = compared_arms([replace(one, sigma_in_z={})])  # evaluated before anybody knew the two SD
    assert np.isnan(attacks.arms[0].reviews.reviews[0].slope.value)
