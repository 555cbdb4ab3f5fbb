"""Slopes over epsilon of sites and images, by their names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import SLOPES
from closedloop.stages.evaluate.pairs import ImagePairs, join_pairs
from closedloop.stages.evaluate.slopes import slope_rows
from tests.unit.stages.evaluate.test_intervals import N_IMAGES, N_SITES, day_of_pairs


def at_two_epsilons() -> ImagePairs:
    """Return attacks that move site 0 by .3 sigma for a unit of epsilon, and no other site."""
    rng = np.random.default_rng(3)
    made = []
    for epsilon in (1.0, 10.0):
        pairs = day_of_pairs(seed=int(epsilon))
        attacks = pairs.select(kind="attacked")
        moved = np.where(attacks.site_index == 0, 0.3 * epsilon, 0.0) * attacks.predicted_sign
        changed = rng.normal(scale=0.5, size=attacks.repetitions_changed.shape) + moved[:, None]
        clean = rng.normal(scale=0.5, size=changed.shape)
        made.append(
            replace(attacks, epsilon=np.full(len(moved), epsilon), repetitions_clean=clean, repetitions_changed=changed)
        )
    return join_pairs(made)


def test_each_site_and_each_image_has_a_row_by_its_name() -> None:
    rows = slope_rows(at_two_epsilons())
    assert {name for row in rows for name in ("day", *row)} == set(SLOPES.columns)
    named = {(row["of"], row["name"]) for row in rows}
    assert named == {("site", f"site-{k}") for k in range(N_SITES)} | {("image", f"image-{k}") for k in range(N_IMAGES)}


def test_the_site_that_moves_with_epsilon_is_told_from_those_that_do_not() -> None:
    rows = {row["name"]: row for row in slope_rows(at_two_epsilons())}
    assert rows["site-0"]["slope"] == pytest.approx(0.3, abs=4 * rows["site-0"]["standard_error"])
    assert rows["site-0"]["p_corrected"] < 1e-6
    assert min(rows[f"site-{k}"]["p_corrected"] for k in range(1, N_SITES)) > 0.05


def test_one_epsilon_has_no_slope() -> None:
    assert slope_rows(day_of_pairs()) == []
