"""Experiments without an effect: as many as there are images, with the study's own noise, and no effect in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from closedloop.analysis.intervals import wilson
from closedloop.studies.image_sensitivity.gather import GatheredPairs
from closedloop.studies.image_sensitivity.shams import (
    count_alarms,
    deal_repetitions,
    draw_counts,
    leave_shard,
    read_alarms,
    sham_shards,
)
from closedloop.studies.image_sensitivity.tables import curves_table, sites_table, truth_table

WINDOW_S, SIGMA_HZ = 0.1, 20.0
EPSILON = np.array([1.0, 2.5, 10.0])


def gathered(n_images: int = 40, n_repetitions: int = 10, *, ratio: float = 1.0, slope: float = 0.0) -> GatheredPairs:
    """Return one site's images: counts of 3 to 12 with this ratio of variance to mean, in sigma of 20 Hz."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(3, 12, size=n_images)
    image = np.repeat(np.arange(n_images), 3)
    epsilon = np.tile(EPSILON, n_images)

    def counts(means: np.ndarray) -> np.ndarray:
        size = (len(means), n_repetitions)
        if ratio == 1:
            return rng.poisson(means[:, None], size=size).astype(float)
        return rng.negative_binomial(means[:, None] / (ratio - 1), 1 / ratio, size=size).astype(float)

    per_count = 1 / (WINDOW_S * SIGMA_HZ)
    return GatheredPairs(
        day=2,
        shown="repeated",
        clean=counts(mean)[image] * per_count,
        changed=counts(mean[image] + slope * epsilon / per_count) * per_count,
        sign=np.ones(len(image), dtype=np.int64),
        epsilon=epsilon,
        image_index=image.astype(np.int64),
        site_index=np.zeros(len(image), dtype=np.int64),
        image_ids=tuple(f"image {place}" for place in range(n_images)),
        sites=("array1-001",),
        sigma_hz=np.array([SIGMA_HZ]),
        true_change=slope * epsilon,
    )


def test_drawn_counts_have_the_ratio_of_the_studys_and_no_effect() -> None:
    pairs = gathered(200, ratio=2.0, slope=0.3)
    clean, changed = draw_counts(pairs, window_s=WINDOW_S, generator=np.random.default_rng(1))
    counts = changed * WINDOW_S * SIGMA_HZ
    assert np.allclose(counts, np.rint(counts))
    ratio = counts.var(axis=1, ddof=1).mean() / counts.mean()
    assert ratio == pytest.approx(2.0, rel=0.1)
    of_largest, of_smallest = changed[pairs.epsilon == 10], changed[pairs.epsilon == 1]
    assert stats.ttest_rel(of_largest.mean(axis=1), of_smallest.mean(axis=1)).pvalue > 0.01
    np.testing.assert_array_equal(clean[0], clean[2])  # one clean image, shown once to all of its pairs


def test_dealt_repetitions_are_the_studys_own_about_one_mean() -> None:
    pairs = gathered(20, slope=0.3)
    clean, changed = deal_repetitions(pairs, generator=np.random.default_rng(1))
    own = np.concatenate([pairs.clean[:1], pairs.changed[:3]])
    residuals = (own - own.mean(axis=1, keepdims=True)) * np.sqrt(10 / 9)
    dealt = np.concatenate([clean[:1], changed[:3]])
    np.testing.assert_allclose(np.sort(dealt.ravel()), np.sort(residuals.ravel()))
    np.testing.assert_array_equal(clean[0], clean[1])


def test_what_is_missing_stays_missing() -> None:
    pairs = gathered(5)
    changed = pairs.changed.copy()
    changed[:, 7:] = np.nan
    for clean, other in (
        draw_counts(replace(pairs, changed=changed), window_s=WINDOW_S, generator=np.random.default_rng(1)),
        deal_repetitions(replace(pairs, changed=changed), generator=np.random.default_rng(1)),
    ):
        assert np.isfinite(clean).all()
        np.testing.assert_array_equal(np.isfinite(other), np.isfinite(changed))


def test_an_effect_would_ring() -> None:
    pairs = gathered(slope=0.3)
    rang, tested = count_alarms(pairs, pairs.clean, pairs.changed)
    assert tested.tolist() == [[40, 40, 1], [1, 1, 1]]
    assert rang[0, 1] > 30
    assert rang[1].tolist() == [1, 1, 1]


def test_pieces_give_the_same_alarms_in_whichever_order_they_are_made(tmp_path: Path) -> None:
    pairs = gathered(10)
    first = sham_shards(pairs, tmp_path / "first", window_s=WINDOW_S, n=25, seed=3)
    second = sham_shards(pairs, tmp_path / "second", window_s=WINDOW_S, n=25, seed=3)
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    for shard in first:
        leave_shard(shard)
    for shard in reversed(second):
        leave_shard(shard)
    for one, other in zip(read_alarms(first), read_alarms(second), strict=True):
        np.testing.assert_array_equal(one, other)
    assert read_alarms(first)[1][0, 0, 0] == 25 * 10
    assert {shard.path.read_bytes() for shard in first} == {shard.path.read_bytes() for shard in second}


def test_the_interval_of_a_rate_is_scipys() -> None:
    told = stats.binomtest(7, 120).proportion_ci(method="wilson")
    assert wilson(7, 120) == pytest.approx((told.low, told.high))


def test_tables_have_the_hidden_slopes_beside_the_measured_ones() -> None:
    pairs = gathered(slope=0.3)
    curves = curves_table(pairs)
    truth, sites = truth_table(pairs, curves), sites_table(curves)
    assert truth["slope"][0] == pytest.approx(0.3)
    assert truth["n_positive"][0] == 40
    assert sites["slope"][0] == pytest.approx(0.3, abs=0.03)
    assert sites["n_changed"][0] == 10


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 2.5])
def test_tests_keep_their_level_without_an_effect(tmp_path: Path, ratio: float) -> None:
    shards = sham_shards(gathered(50, ratio=ratio), tmp_path, window_s=WINDOW_S, n=60, seed=0)
    for shard in shards:
        leave_shard(shard)
    alarms, n = read_alarms(shards)
    for noise in range(2):
        rate = alarms[noise, 0, 0] / n[noise, 0, 0]
        assert 0.03 < rate < 0.05 + 2 * np.sqrt(0.05 * 0.95 / n[noise, 0, 0])
        assert alarms[noise, 0, 1] / n[noise, 0, 1] < 0.03
