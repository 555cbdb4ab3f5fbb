"""Intervals over images and sites, and sensitivity in Hz and in sigma without the counts' noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.evaluation import INTERVALS
from closedloop.stages.evaluate.intervals import interval_rows
from closedloop.stages.evaluate.pairs import ImagePairs
from closedloop.stages.evaluate.rows import measured_rows

N_IMAGES, N_SITES = 12, 5
SIGMA_HZ = np.array([5.0, 10.0, 20.0, 10.0, 5.0])


def day_of_pairs(seed: int = 0) -> ImagePairs:
    """Return attacks on 12 anchors at five sites and shams of them, shown four times: changes of 1 sigma, and none."""
    rng = np.random.default_rng(seed)
    image, site, kind = (index.ravel() for index in np.indices((N_IMAGES, N_SITES, 2)))
    n = len(image)
    is_attack = kind == 0
    change = np.where(is_attack, rng.choice([-1.0, 1.0], n), 0.0)
    clean, changed = rng.normal(size=(2, n, 4))
    changed += change[:, None]
    return ImagePairs(
        stimulus=np.arange(n),
        stimulus_id=np.array([f"s{k}" for k in range(n)]),
        kind=np.where(is_attack, "attacked", "sham"),
        role=np.full(n, "anchor"),
        image_id=np.array([f"image-{k}" for k in image]),
        clean_index=image,
        site_index=site,
        neuroid_id=np.array([f"site-{k}" for k in site]),
        epsilon=np.where(is_attack, 2.5, 0.0),
        realised_epsilon=np.where(is_attack, 2.5, 0.0),
        predicted_sign=change.astype(np.int64),
        rate_clean_hz=clean.mean(axis=1),
        rate_changed_hz=changed.mean(axis=1),
        change=changed.mean(axis=1) - clean.mean(axis=1),
        repetitions_clean=clean,
        repetitions_changed=changed,
        true_change=change,
        n_repetitions=np.full(n, 4),
        sigma_hz=SIGMA_HZ[site],
        sigma_corrected_hz=SIGMA_HZ[site] / 2,
    )


def row_of(rows: list[dict[str, Any]], **equal: Any) -> dict[str, Any]:
    (found,) = [row for row in rows if all(row[name] == value for name, value in equal.items())]
    return found


MEAN = {"estimate": "paper", "truth": False, "site": "", "over": "images"}


def test_rows_have_the_columns_of_the_table() -> None:
    rows = interval_rows(day_of_pairs(), has_truth=True)
    assert {name for row in rows for name in ("day", *row)} == set(INTERVALS.columns)
    assert {row["image_set"] for row in rows} == {"anchors"}
    assert {
        row["image_set"] for row in interval_rows(replace(day_of_pairs(), role=np.full(120, "clean")), has_truth=False)
    } == {"all"}


def test_the_estimates_are_those_of_the_sensitivity_table() -> None:
    rows = interval_rows(day_of_pairs(), has_truth=False)
    for known in measured_rows(day_of_pairs()):
        if known["image_set"] == "anchors":
            named = {name: known[name] for name in ("estimate", "epsilon", "site")}
            found = row_of(rows, **named, unit="sigma", over="images")
            for name in ("mean", "standard_error", "interval_low", "interval_high", "n_images", "n_sites"):
                assert found[name] == pytest.approx(known[name], nan_ok=True), (named, name)


def test_hertz_are_sigma_times_the_sites_sigma_and_half_a_sigma_makes_twice_as_many() -> None:
    rows = interval_rows(day_of_pairs(), has_truth=False)
    for site, sigma_hz in enumerate(SIGMA_HZ):
        at = {"estimate": "paper", "site": f"site-{site}"}
        mean = row_of(rows, **at, unit="sigma")["mean"]
        assert row_of(rows, **at, unit="hz")["mean"] == pytest.approx(sigma_hz * mean)
        assert row_of(rows, **at, unit="sigma_corrected")["mean"] == pytest.approx(2 * mean)
    whole = row_of(rows, **MEAN, unit="hz")["mean"]
    assert whole == pytest.approx(
        np.mean([row_of(rows, estimate="paper", site=f"site-{k}", unit="hz")["mean"] for k in range(5)])
    )


def test_sites_that_differ_make_the_interval_over_sites_wider_than_that_over_images() -> None:
    made = day_of_pairs()
    strong = made.site_index < 2
    rows = interval_rows(replace(made, change=np.where(strong, 3 * made.change, made.change)), has_truth=False)
    fixed, both = (row_of(rows, **MEAN | {"over": over}, unit="sigma") for over in ("images", "images_and_sites"))
    assert both["mean"] == fixed["mean"]
    assert both["interval_high"] - both["interval_low"] > 1.5 * (fixed["interval_high"] - fixed["interval_low"])


def test_the_truth_of_a_control_is_its_root_mean_square_and_of_an_attack_its_mean_size() -> None:
    rows = interval_rows(replace(day_of_pairs(), true_change=np.full(120, -2.0)), has_truth=True)
    for estimate in ("true", "sham"):
        found = row_of(rows, estimate=estimate, truth=True, site="", over="images_and_sites", unit="sigma")
        assert (found["mean"], found["interval_low"], found["interval_high"]) == pytest.approx((2, 2, 2))


def test_a_sham_is_nothing_in_every_unit() -> None:
    rows = interval_rows(day_of_pairs(), has_truth=False)
    for unit in ("sigma", "sigma_corrected", "hz"):
        found = row_of(rows, estimate="sham", site="", over="images_and_sites", unit=unit)
        assert found["interval_low"] < 0 < found["interval_high"]


def test_intervals_depend_on_the_pairs_and_not_on_their_order() -> None:
    made = day_of_pairs()
    order = np.random.default_rng(1).permutation(len(made.kind))
    turned = ImagePairs(**{name: getattr(made, name)[order] for name in ImagePairs.__dataclass_fields__})
    for one, other in zip(interval_rows(made, has_truth=True), interval_rows(turned, has_truth=True), strict=True):
        for name, value in one.items():
            assert other[name] == (value if isinstance(value, str) else pytest.approx(value, nan_ok=True)), name
