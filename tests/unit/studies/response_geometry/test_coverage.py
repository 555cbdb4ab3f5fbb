"""Whether the intervals of planes hold the truth on simulated sites, through all of the simulation's noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.studies.response_geometry.coverage import coverage_rows, coverage_shards, leave_planes, simulate_planes


def test_a_piece_is_the_same_whoever_makes_it(tmp_path: Path) -> None:
    (shard,) = coverage_shards(2, tmp_path, seed=3)
    one, two = simulate_planes(shard), simulate_planes(shard)
    for name, values in one.items():
        assert values.shape == (2, 2)
        np.testing.assert_array_equal(values, two[name])
    leave_planes(shard)
    table = coverage_rows([shard])
    held = (one["low"] <= one["truth"]) & (one["truth"] <= one["high"])
    assert table["held"].tolist() == held.sum(axis=0).tolist()
    assert coverage_shards(2, tmp_path, seed=4)[0].path != shard.path


@pytest.mark.slow
def test_curvature_from_simulated_spikes_holds_the_truth_on_two_hundred_sites(tmp_path: Path) -> None:
    shards = coverage_shards(200, tmp_path, seed=0)
    for shard in shards:
        leave_planes(shard)
    table = coverage_rows(shards)
    rates = dict(zip(table["of"].tolist(), table["rate"].tolist(), strict=True))
    assert table["n"].tolist() == [200, 200]
    assert 0.93 <= rates["curvature"] <= 0.97
