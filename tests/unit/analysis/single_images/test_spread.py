"""The true SD of slopes: found without bias, and within its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from closedloop.analysis.single_images.spread import true_spread


def test_noise_alone_is_no_spread() -> None:
    rng = np.random.default_rng(0)
    found = [true_spread(rng.normal(size=100), np.ones(100), seed=seed) for seed in range(60)]
    assert abs(np.mean([np.sign(one.sd) * one.sd**2 for one in found])) < 0.06
    assert sum(one.is_measurable for one in found) <= 6


@pytest.mark.parametrize("true_sd", [0.5, 2.0])
def test_the_interval_holds_the_true_sd(true_sd: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(100):
        noise = rng.uniform(0.5, 1.5, size=100)
        slopes = true_sd * rng.normal(size=100) + np.sqrt(noise) * rng.normal(size=100)
        low, high = true_spread(slopes, noise, seed=seed).interval
        held += low <= true_sd <= high
    assert 87 <= held <= 100


def test_of_few_images_no_interval_is_told() -> None:
    found = true_spread(np.array([1.0, 2.0, np.nan]), np.ones(3))
    assert found.n_images == 2
    assert math.isnan(found.interval[0])
    assert not found.is_measurable
