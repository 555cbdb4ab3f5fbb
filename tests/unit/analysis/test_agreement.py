"""The alarm for a wrong channel map or wrong signs: it rings for both, and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.analysis.agreement import map_agreement, sign_agreement

Floats = NDArray[np.float64]


def _day(seed: int) -> tuple[Floats, Floats]:
    """Return predictions that explain a ninth of 21 sites, which resemble one another, and the sites' responses."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(300, 1))
    signal = common + rng.normal(size=(300, 21))
    return signal + 2 * rng.normal(size=(300, 21)), signal + 2 * rng.normal(size=(300, 21))


def test_it_rings_for_permuted_sites_and_not_for_their_own() -> None:
    days = [_day(seed) for seed in range(30)]
    rng = np.random.default_rng(0)
    permuted = [
        map_agreement(predicted, measured[:, rng.permutation(21)], seed=1).rings for predicted, measured in days
    ]
    assert not any(map_agreement(predicted, measured, seed=1).rings for predicted, measured in days)
    assert sum(permuted) >= 28


def test_the_correlations_are_numpys() -> None:
    predicted, measured = _day(0)
    found = map_agreement(predicted, measured, seed=0)
    r = np.corrcoef(predicted.T, measured.T)[:21, 21:]
    assert found.own == pytest.approx(np.diag(r).mean())
    assert found.other == pytest.approx((r.sum() - np.trace(r)) / 420)


def test_silent_sites_and_missing_images_are_left_out() -> None:
    predicted, measured = _day(0)
    measured[:, 0], measured[:10, 1] = 3.0, np.nan
    predicted[:, 2] = 1.0
    found = map_agreement(predicted, measured, seed=0)
    assert found.n_sites == 19
    assert not found.rings


def test_of_few_sites_it_cannot_be_told() -> None:
    predicted, measured = _day(0)
    found = map_agreement(predicted[:, :5], measured[:, :5], seed=0)
    assert np.isnan(found.p)
    assert not found.rings


def test_shapes_that_differ_are_the_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="one shape"):
        map_agreement(np.zeros((3, 2)), np.zeros((3, 1)), seed=0)


def test_signs_dealt_anew_ring_and_right_ones_do_not() -> None:
    rng = np.random.default_rng(5)
    image, site = np.tile(np.arange(84), 9), np.repeat(np.arange(9), 84)
    right, dealt, turned = 0, 0, 0
    for _ in range(40):
        predicted = rng.choice([-1.0, 1.0], image.size) * rng.uniform(0.1, 1, image.size)
        changes = 0.4 * predicted + rng.normal(size=image.size)
        anew = np.abs(predicted) * rng.choice([-1.0, 1.0], image.size)
        right += sign_agreement(changes, predicted, image_index=image, site_index=site).rings
        dealt += sign_agreement(changes, anew, image_index=image, site_index=site).rings
        turned += sign_agreement(changes, -predicted, image_index=image, site_index=site).rings
    assert right == 0
    assert dealt >= 37
    assert turned == 40


def test_without_predictions_the_signs_cannot_be_judged() -> None:
    found = sign_agreement(np.ones(4), np.zeros(4), image_index=np.arange(4), site_index=np.zeros(4, int))
    assert np.isnan(found.p)
    assert not found.rings
