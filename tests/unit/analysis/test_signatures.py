"""Signatures of electrodes: what is noise in them, what all share, and which images they are over."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.signatures import DayAnswers, signatures_on_both

NAMES = np.array([f"e{e:02d}" for e in range(20)])


def day(seed: int, *, n_images: int = 2000, noise: float = 2.0, repetitions: int = 4) -> DayAnswers:
    """Return responses of variance 1 over images, the same on every day, with noise on each presentation."""
    image = np.repeat(np.arange(n_images), repetitions)
    tuning = np.random.default_rng(0).standard_normal((n_images, len(NAMES)))
    rates = 10 + tuning[image] + noise * np.random.default_rng([seed, 1]).standard_normal((len(image), len(NAMES)))
    return DayAnswers(NAMES, image.astype(str), rates)


def test_the_reliability_is_the_part_of_the_variance_that_is_no_noise() -> None:
    """Of a signal of variance 1 and noise of variance 4, four repetitions leave a half."""
    both = signatures_on_both(day(0), day(1), least_reliability=0.1)
    assert both is not None
    for one in both:
        assert one.reliability.mean() == pytest.approx(0.5, abs=0.01)
        assert one.rate_hz == pytest.approx(10.0, abs=0.2)


def test_what_all_electrodes_share_is_no_part_of_a_signature() -> None:
    then, now = day(0), day(1)
    common = 5 * np.random.default_rng(8).standard_normal(2000)
    shared = [
        DayAnswers(one.neuroid_id, one.stimulus_id, one.rates_hz + common[one.stimulus_id.astype(int)][:, None])
        for one in (then, now)
    ]
    both = signatures_on_both(shared[0], shared[1], least_reliability=0.1)
    assert both is not None
    assert np.abs(both[0].response.mean(axis=1)).max() < 1e-9


def test_images_of_one_day_alone_are_left_out() -> None:
    then, now = day(0, n_images=50), day(1, n_images=30)
    both = signatures_on_both(then, now, least_reliability=0.1)
    assert both is not None
    assert (both[0].n_images, both[1].n_images) == (30, 30)


def test_rates_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rates of presentations and electrodes"):
        DayAnswers(NAMES, np.array(["a", "b"]), np.zeros((3, len(NAMES))))
