from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import (
    ADAPTATION,
    SHARED_TRIAL_NOISE,
    PresentationSequence,
    psth_profile,
    slow_gain,
    trial_rates_hz,
)
from closedloop.stimuli.pools import ProceduralPool, load_images

torch.set_num_threads(1)


@cache
def cortex() -> HiddenCortex:
    return HiddenCortex(seed=9, n_electrodes=24)


@cache
def images() -> NDArray[np.uint8]:
    pool = ProceduralPool(seed=78, n_per_category=2)
    return load_images(pool, tuple(image.image_id for image in pool.images()))


def sequence(order: list[int], *, follows: bool = False, first: int = 0, period_s: float = 0.2) -> PresentationSequence:
    n = len(order)
    ordinal = np.arange(first, first + n)
    return PresentationSequence(
        images(), np.array(order), ordinal, ordinal * period_s, np.arange(n) > 0 if follows else np.zeros(n, dtype=bool)
    )


def test_noise_leaves_the_hidden_rate_as_the_mean() -> None:
    order = [4] * 4000
    rates = trial_rates_hz(cortex(), sequence(order, period_s=60.0), day=0)  # over 67 hours the slow gain averages out
    truth = cortex().rates_hz(images()[4:5], day=0)[0]
    np.testing.assert_allclose(rates.mean(axis=0) / truth, 1, atol=0.05)


def test_trial_noise_has_each_electrodes_spread_and_a_shared_part() -> None:
    at_once = PresentationSequence(
        images(), np.zeros(3000, dtype=int), np.arange(3000), np.zeros(3000), np.zeros(3000, dtype=bool)
    )
    log_rate = np.log(trial_rates_hz(cortex(), at_once, day=0))
    private = cortex().electrodes.trial_noise
    np.testing.assert_allclose(log_rate.std(axis=0), np.hypot(private, SHARED_TRIAL_NOISE), rtol=0.06)
    covariance = np.cov(log_rate.T)
    between = covariance[~np.eye(len(covariance), dtype=bool)]
    assert between.mean() == pytest.approx(SHARED_TRIAL_NOISE**2, rel=0.15)


def test_a_presentations_rates_do_not_depend_on_what_was_computed_before() -> None:
    whole = trial_rates_hz(cortex(), sequence([0, 1, 2, 3, 4, 5]), day=2)
    part = trial_rates_hz(cortex(), sequence([3, 4, 5], first=3), day=2)
    assert np.array_equal(whole[3:], part)


def test_noise_differs_between_days_ordinals_and_subjects() -> None:
    def gains(subject: HiddenCortex, day: int, first: int) -> NDArray[np.float64]:
        rates = trial_rates_hz(subject, sequence([0], first=first), day=day)
        slow = slow_gain(subject, np.array([first * 0.2]), day=day)  # it differs between days by itself
        return np.asarray(rates / subject.rates_hz(images()[:1], day=day) / slow)

    once = gains(cortex(), 0, 0)
    assert np.array_equal(once, gains(HiddenCortex(seed=9, n_electrodes=24), 0, 0))
    for other in (gains(cortex(), 1, 0), gains(cortex(), 0, 1), gains(HiddenCortex(seed=8, n_electrodes=24), 0, 0)):
        assert not np.allclose(once, other, rtol=0.01)


def test_the_same_image_again_costs_twelve_percent_and_another_one_less() -> None:
    pairs = [image for other in range(60) for image in (other, 5)]
    followed = trial_rates_hz(cortex(), sequence(pairs, follows=True), day=0)
    factor = (followed / trial_rates_hz(cortex(), sequence(pairs), day=0))[1::2]
    np.testing.assert_allclose(factor[5], 1 - ADAPTATION, rtol=1e-9)
    others = np.delete(factor, 5, axis=0)
    assert others.min() > 1 - ADAPTATION
    assert others.max() < 1
    assert others.mean() == pytest.approx(1 - ADAPTATION / 2, abs=0.01)


def test_the_first_image_of_a_fixation_is_not_adapted() -> None:
    separate = trial_rates_hz(cortex(), sequence([7, 7]), day=0)
    joined = trial_rates_hz(cortex(), sequence([7, 7], follows=True), day=0)
    assert np.array_equal(separate[0], joined[0])
    assert bool((separate[1] > joined[1]).all())


def test_the_slow_gain_is_steady_over_seconds_and_wanders_over_minutes() -> None:
    time_s = np.arange(0, 6 * 3600.0, 10.0)
    log_gain = np.log(slow_gain(cortex(), time_s, day=0))
    assert np.abs(np.diff(log_gain, axis=0)).max() < 0.1
    assert np.abs(np.diff(log_gain, axis=0)).mean() < 0.01
    assert 0.04 < log_gain.std() < 0.1
    shared = np.corrcoef(log_gain.T)[np.triu_indices(24, 1)].mean()
    assert 0.3 < shared < 0.95


def test_the_time_course_makes_the_count_in_the_window_the_rate_times_a_tenth_of_a_second() -> None:
    profile = psth_profile()
    assert profile.edges_ms[0] == 70
    assert profile.edges_ms[-1] == 170
    widths_s = np.diff(profile.edges_ms) / 1000
    assert float((profile.relative_rate * widths_s).sum()) == pytest.approx(0.1, rel=1e-12)
    assert bool((profile.relative_rate > 0).all())
    peak_ms = profile.edges_ms[np.argmax(profile.relative_rate)]
    assert 85 <= peak_ms <= 110


def test_sequences_that_cannot_be_are_refused() -> None:
    two = np.arange(2)
    with pytest.raises(ValueError, match="nothing to follow"):
        PresentationSequence(images(), two, two, two * 0.2, np.array([True, True]))
    with pytest.raises(ValueError, match="one entry a presentation"):
        PresentationSequence(images(), two, two, np.zeros(3), np.zeros(2, dtype=bool))
