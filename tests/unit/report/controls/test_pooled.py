"""Controls pooled over days, and what part of growth is better attacks: by hand and from what is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import PAIRS
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.controls.forest import controls_forest
from closedloop.report.controls.pooled import (
    growth_parts,
    growth_parts_table,
    pooled_controls,
    pooled_table,
)
from closedloop.report.wording import DASH

SITES, IMAGES = 6, 10
EPSILONS = (1.0, 10.0)


def pairs(kinds: dict[str, float], *, seed: int, noise: float = 0.01) -> Columns:
    """Return each kind's pairs on every anchor at every site, moved by its size towards a sealed sign, or any."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for kind, moved in kinds.items():
        for epsilon in (0.0,) if kind == "sham" else EPSILONS:
            for image in range(IMAGES):
                for site in range(SITES):
                    sign = int(np.random.default_rng(image * SITES + site).choice([-1, 1]))
                    change = sign * moved * (1 if kind == "sham" else epsilon) + noise * rng.normal()
                    rows.append(
                        {
                            "stimulus_id": "x",
                            "kind": kind,
                            "role": "anchor",
                            "image_id": f"image-{image}",
                            "neuroid_id": f"site-{site}",
                            "epsilon": epsilon,
                            "realised_epsilon": epsilon,
                            "predicted_sign": sign if kind in ("attacked", "yesterday") else 0,
                            "rate_clean_hz": 10.0,
                            "rate_changed_hz": 10.0,
                            "change": change,
                            "true_change": np.nan,
                            "n_repetitions": 2,
                            "cross_fitted": abs(change),
                            "square": change**2 - noise**2,
                        }
                    )
    return {name: np.array([row[name] for row in rows]) for name in PAIRS.columns}


def days(*tables: Columns) -> list[Any]:
    return [SimpleNamespace(day=number, pairs=table) for number, table in enumerate(tables)]


def of(kind: str, epsilon: float, *tables: Columns) -> Any:
    (found,) = [one for one in pooled_controls(days(*tables)) if (one.kind, one.epsilon) == (kind, epsilon)]
    return found


def test_noise_is_pooled_over_days_as_a_root_mean_square_and_attacks_are_the_last_days() -> None:
    """Noise moved sites by .3 and .4 at epsilon 1: the root of (.09 + .16) / 2."""
    first, second = pairs({"attacked": 1.0, "gaussian": 0.3}, seed=0), pairs({"attacked": 2.0, "gaussian": 0.4}, seed=1)
    noise, attacks = of("gaussian", 1.0, first, second), of("attacked", 1.0, first, second)
    assert noise.estimate.mean == pytest.approx(np.sqrt(0.125), rel=0.02)
    assert (noise.days, noise.estimate.n_images, noise.n_above, noise.n_sites) == ((0, 1), IMAGES, SITES, SITES)
    assert (attacks.estimate.mean, attacks.days) == (pytest.approx(2.0, rel=0.01), (1,))


def test_pooling_days_narrows_the_interval_of_a_sham() -> None:
    tables = [pairs({"attacked": 1.0, "sham": 0.0}, seed=seed, noise=0.5) for seed in range(6)]
    alone, all_days = [of("sham", 0.0, table) for table in tables], of("sham", 0.0, *tables)

    def width(found: Any) -> float:
        low, high = (np.sign(end) * end**2 for end in found.estimate.interval)
        return float(high - low)

    assert width(all_days) < 0.7 * np.mean([width(one) for one in alone])
    assert all_days.estimate.interval[0] < 0 < all_days.estimate.interval[1]
    assert all_days.n_above <= 1


def test_what_the_days_model_made_is_not_pooled() -> None:
    kinds = {"attacked": 1.0, "other_site": 0.2, "yesterday": 0.5}
    tables = [pairs(kinds, seed=seed) for seed in range(3)]
    assert {of(kind, 10.0, *tables).days for kind in kinds} == {(2,)}


def test_growth_is_better_attacks_and_another_animal() -> None:
    """At epsilon 10 yesterday's attacks moved sites by 5, and today by 4; today's by 7."""
    before = pairs({"attacked": 0.5}, seed=0)
    after = pairs({"attacked": 0.7, "yesterday": 0.4}, seed=1)
    small, large = growth_parts(before, after)
    assert (small.epsilon, large.epsilon) == EPSILONS
    assert [one.mean for one in (large.then, large.again, large.now)] == pytest.approx([5, 4, 7], rel=0.01)
    assert large.better_attacks.mean == pytest.approx(3, rel=0.01)
    assert large.other_animal.mean == pytest.approx(-1, rel=0.02)
    low, high = large.better_attacks.interval
    assert 2.9 < low < 3 < high < 3.1 or low < large.better_attacks.mean < high
    assert growth_parts(before, before) == []


def test_only_attacks_that_both_days_showed_are_compared() -> None:
    before, after = pairs({"attacked": 0.5}, seed=0), pairs({"attacked": 0.7, "yesterday": 0.4}, seed=1)
    known = before["image_id"] != "image-3"
    parts = growth_parts({name: column[known] for name, column in before.items()}, after)
    assert {one.better_attacks.n_images for one in parts} == {IMAGES - 1}


def test_tables_and_the_figure_show_all_of_it() -> None:
    kinds = {"attacked": 1.0, "gaussian": 0.1, "linear": 0.2, "other_site": 0.3, "yesterday": 0.5, "sham": 0.0}
    found = pooled_controls(days(*(pairs(kinds, seed=seed) for seed in range(2))))
    table = pooled_table(found)
    assert [row[1] for row in table.rows] == ["1", "10"] * 5 + [DASH]
    assert {len(row) for row in table.rows} == {len(table.columns)}
    figure = controls_forest(found)
    drawn = {(row[1], row[3]) for row in drawing.numbers_of(figure)}
    assert {name for name, _ in drawn} >= {"attacks", "sham", "Gaussian noise", "attacks on other sites"}
    parts = growth_parts_table(growth_parts(pairs(kinds, seed=0), pairs(kinds, seed=1)), before=0, after=1)
    assert {len(row) for row in parts.rows} == {len(parts.columns)}


def test_a_study_that_an_older_version_evaluated_has_its_attacks_alone() -> None:
    old = pairs({"attacked": 1.0, "gaussian": 0.1}, seed=0)
    old |= {name: np.full(len(old["kind"]), np.nan) for name in ("square", "cross_fitted")}
    assert {one.kind for one in pooled_controls(days(old))} == {"attacked"}


def test_the_truth_of_yesterdays_attacks_has_their_sign_and_that_of_a_size_is_a_root_mean_square() -> None:
    table = pairs({"attacked": 1.0, "yesterday": 0.5, "gaussian": 0.1}, seed=0)
    sign = np.where(table["predicted_sign"] == 0, 1, table["predicted_sign"])
    told = table | {"true_change": np.where(table["kind"] == "attacked", -2.0, -3.0) * sign}
    assert [of(kind, 1.0, told).truth for kind in ("attacked", "yesterday", "gaussian")] == [2.0, -3.0, 3.0]
    assert of("attacked", 1.0, table).truth is None
