"""Tables of the study: a row a pair, direction, search; ranks of what goes with an attack's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.studies.networks import parse_network
from closedloop.studies.response_geometry.settings import EPSILONS, SCALES, GeometrySettings
from closedloop.studies.response_geometry.shards import geometry_shards, leave_shard, read_geometry
from closedloop.studies.response_geometry.subjects import LookedAt, network_units
from closedloop.studies.response_geometry.tables import (
    Found,
    attack_rows,
    curvature_rows,
    explained_rows,
    pair_rows,
)

SETTINGS = GeometrySettings(n_units=3, images_per_unit=2, n_clean=12, seed=5)


@pytest.fixture(scope="module")
def looked_at() -> LookedAt:
    return network_units(parse_network("small_resnet_robust:layer3.0", architecture=None), SETTINGS)


@pytest.fixture(scope="module")
def found(looked_at: LookedAt, tmp_path_factory: pytest.TempPathFactory) -> Found:
    shards = geometry_shards(looked_at, SETTINGS, tmp_path_factory.mktemp("shards"), device="cpu")
    for shard in shards:
        leave_shard(shard)
    return read_geometry(shards)


def test_a_small_attack_is_as_large_as_a_linear_unit_says_and_lies_along_the_gradient(
    looked_at: LookedAt, found: Found
) -> None:
    attacks = attack_rows(looked_at, found)
    small = (attacks["search"] == "plain") & (attacks["epsilon"] == EPSILONS[0])
    assert len(attacks["change"]) == 6 * 2 * len(EPSILONS)
    np.testing.assert_allclose(np.abs(attacks["change"][small]), attacks["linear"][small], rtol=0.35)
    has_gradient = found["steepness"] > 0
    assert (attacks["cosine"][small][has_gradient] > 0.6).all()
    assert np.isnan(attacks["cosine"][small][~has_gradient]).all()
    np.testing.assert_allclose(attacks["excess"], np.abs(attacks["change"]) - attacks["linear"])
    loop = (attacks["search"] == "loop") & (attacks["epsilon"] == EPSILONS[0])
    assert (attacks["smoothed_cosine"][loop] > attacks["cosine"][loop])[has_gradient].all()


def test_random_directions_hardly_bend_and_where_there_is_no_gradient_nothing_is_said(
    looked_at: LookedAt, found: Found
) -> None:
    table = curvature_rows(looked_at, found)
    assert len(table["curvature"]) == 6 * 3 * len(SCALES)
    size = {
        name: np.nanmedian(np.abs(table["curvature"][(table["direction"] == name) & (table["scale"] == 1.0)]))
        for name in ("first", "second", "random")
    }
    assert min(size["first"], size["second"]) > 5 * size["random"]
    known = np.isfinite(table["curvature"]).reshape(6, -1)
    np.testing.assert_array_equal(known.all(axis=1), found["steepness"] > 0)
    np.testing.assert_array_equal(known.any(axis=1), found["steepness"] > 0)


def test_a_walk_keeps_what_a_line_loses(looked_at: LookedAt, found: Found) -> None:
    pairs = pair_rows(looked_at, found)
    assert np.nanmedian(pairs["walked"]) < 0.05 * np.nanmedian(pairs["straight"])
    np.testing.assert_array_equal(np.isfinite(pairs["walked"]), pairs["steepness"] > 0)
    np.testing.assert_allclose(pairs["sd"], looked_at.sd)


def test_what_was_asked_otherwise_is_another_file(looked_at: LookedAt, tmp_path: Path) -> None:
    (one,) = geometry_shards(looked_at, SETTINGS, tmp_path, device="cpu")
    (two,) = geometry_shards(looked_at, GeometrySettings(walk=5.0, seed=5), tmp_path, device="cpu")
    assert one.path != two.path


def test_ranks_are_over_pairs_that_have_a_gradient(looked_at: LookedAt, found: Found) -> None:
    flat = {name: values.copy() for name, values in found.items()}
    flat["steepness"][0], flat["curvature"][0] = 0.0, np.nan
    tables = pair_rows(looked_at, flat), curvature_rows(looked_at, flat), attack_rows(looked_at, flat)
    explained = explained_rows(*tables, scale=1.0, seed=0)
    assert set(explained["n"].tolist()) == {int((found["steepness"][1:] > 0).sum())}
    assert len(explained["rho"]) == 2 * len(EPSILONS) * 2 * 3
    size = (explained["of"] == "size") & (explained["by"] == "steepness") & (explained["search"] == "plain")
    assert explained["rho"][size][0] >= 0.8 - 1e-9  # of four or five pairs
