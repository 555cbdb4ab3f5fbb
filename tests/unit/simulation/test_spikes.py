"""Poisson spikes of a session: how many, when, and where one rate ends and another begins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from closedloop.simulation.cortex.trials import PsthProfile, psth_profile
from closedloop.simulation.spikes import SpikeTrains, draw_spikes

FLAT = PsthProfile(np.array([70.0, 170.0]), np.array([1.0]))
Floats = np.ndarray


def session(
    *,
    light_s: Floats,
    evoked_hz: Floats,
    baseline_hz: Floats,
    span_s: tuple[float, float],
    profile: PsthProfile = FLAT,
    seed: int = 0,
) -> SpikeTrains:
    return draw_spikes(light_s, evoked_hz, baseline_hz=baseline_hz, profile=profile, span_s=span_s, seed=seed)


def within_five_sigma(count: int, expected: float) -> bool:
    """A Poisson count of mean and variance `expected`."""
    return abs(count - expected) <= 5 * np.sqrt(expected)


def test_windows_hold_the_evoked_rate_and_the_rest_the_baseline() -> None:
    light_s = np.arange(2000) * 0.4 + 1
    rates = np.array([100.0, 20.0])
    evoked = np.tile(rates, (2000, 1))
    baseline = np.array([5.0, 50.0])
    spikes = session(light_s=light_s, evoked_hz=evoked, baseline_hz=baseline, span_s=(0, 801.0))
    since_ms = (spikes.time_s - 1) % 0.4 * 1000
    inside = (spikes.time_s > 1) & (since_ms >= 70) & (since_ms < 170)
    for electrode in (1, 2):
        own = spikes.electrode_id == electrode
        assert within_five_sigma(int((own & inside).sum()), rates[electrode - 1] * 2000 * 0.1)
        assert within_five_sigma(int((own & ~inside).sum()), baseline[electrode - 1] * (801 - 2000 * 0.1))


def test_counts_of_single_presentations_are_poisson() -> None:
    light_s = np.arange(3000) * 0.2
    spikes = session(
        light_s=light_s, evoked_hz=np.full((3000, 1), 60.0), baseline_hz=np.array([9.0]), span_s=(0, 600.2)
    )
    counts = np.bincount(((spikes.time_s - 0.07) // 0.2).astype(int)[(spikes.time_s - 0.07) % 0.2 < 0.1])
    bins = np.r_[0:13]
    observed = np.r_[[np.sum(counts == k) for k in bins[:-1]], np.sum(counts >= 12)]
    expected = 3000 * np.r_[stats.poisson.pmf(bins[:-1], 6), stats.poisson.sf(11, 6)]
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


def test_each_presentation_has_its_own_rate() -> None:
    light_s = np.arange(200) * 0.2
    evoked = np.where(np.arange(200) % 2 == 0, 200.0, 0.0)[:, None]
    spikes = session(light_s=light_s, evoked_hz=evoked, baseline_hz=np.zeros(1), span_s=(0, 41))
    presentation = ((spikes.time_s - 0.07) // 0.2).astype(int)
    assert set(presentation % 2) == {0}
    assert within_five_sigma(len(presentation), 100 * 20)


def test_the_windows_are_half_open_and_nothing_else_is_evoked() -> None:
    light_s = np.array([1.0, 2.0, 3.0])
    spikes = session(light_s=light_s, evoked_hz=np.full((3, 1), 2000.0), baseline_hz=np.zeros(1), span_s=(0, 5))
    since = spikes.time_s - light_s[np.searchsorted(light_s, spikes.time_s) - 1]
    assert since.min() == pytest.approx(0.07, abs=0.005)
    assert since.max() == pytest.approx(0.17, abs=0.005)
    assert (since >= 0.07 - 1e-12).all()
    assert (since < 0.17).all()


def test_without_a_response_the_windows_are_silent_to_their_very_edges() -> None:
    spikes = session(light_s=np.array([1.0]), evoked_hz=np.zeros((1, 1)), baseline_hz=np.array([3000.0]), span_s=(0, 2))
    before, after = spikes.time_s[spikes.time_s < 1.1], spikes.time_s[spikes.time_s > 1.1]
    assert before.max() < 1.07
    assert after.min() >= 1.17
    assert before.max() == pytest.approx(1.07, abs=0.005)
    assert after.min() == pytest.approx(1.17, abs=0.005)
    assert within_five_sigma(len(spikes.time_s), 3000 * 1.9)


def test_a_window_ends_where_the_next_one_begins() -> None:
    """Two onsets 40 ms apart: 1000 Hz for 40 ms, then 3000 Hz for 100 ms, never both."""
    n = 100
    light_s = (np.arange(n) + np.array([[0.0], [0.04]])).T.ravel()
    evoked = np.tile([1000.0, 3000.0], n)[:, None]
    spikes = session(light_s=light_s, evoked_hz=evoked, baseline_hz=np.zeros(1), span_s=(0, n + 1))
    phase = (spikes.time_s % 1 - 0.07) * 1000
    assert within_five_sigma(int(((phase >= 0) & (phase < 40)).sum()), n * 40)
    assert within_five_sigma(int(((phase >= 40) & (phase < 140)).sum()), n * 300)
    assert len(phase) == int(((phase >= 0) & (phase < 140)).sum())


def test_spikes_follow_the_profile_in_time() -> None:
    profile = psth_profile()
    light_s = np.arange(2000) * 1.0
    spikes = session(
        light_s=light_s,
        evoked_hz=np.full((2000, 1), 100.0),
        baseline_hz=np.zeros(1),
        span_s=(0, 2001),
        profile=profile,
    )
    observed, _ = np.histogram(spikes.time_s % 1 * 1000, profile.edges_ms)
    expected = profile.relative_rate / profile.relative_rate.sum() * observed.sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_spikes_come_in_order_and_within_the_recording() -> None:
    spikes = session(
        light_s=np.arange(20) * 0.2,
        evoked_hz=np.full((20, 3), 80.0),
        baseline_hz=np.full(3, 10.0),
        span_s=(-3.0, 6.0),
    )
    assert (np.diff(spikes.time_s) >= 0).all()
    assert -3 <= spikes.time_s.min() < -2.8
    assert 5.8 < spikes.time_s.max() < 6
    assert set(spikes.electrode_id) == {1, 2, 3}


def test_an_electrodes_spikes_do_not_depend_on_the_others() -> None:
    light_s = np.arange(50) * 0.2
    evoked = np.random.default_rng(1).uniform(0, 100, (50, 4))
    baseline = np.array([5.0, 10.0, 15.0, 20.0])
    all_four = session(light_s=light_s, evoked_hz=evoked, baseline_hz=baseline, span_s=(0, 11))
    first_two = session(light_s=light_s, evoked_hz=evoked[:, :2], baseline_hz=baseline[:2], span_s=(0, 11))
    for electrode in (1, 2):
        np.testing.assert_array_equal(
            all_four.time_s[all_four.electrode_id == electrode], first_two.time_s[first_two.electrode_id == electrode]
        )
    other = session(light_s=light_s, evoked_hz=evoked, baseline_hz=baseline, span_s=(0, 11), seed=1)
    assert not np.array_equal(other.time_s, all_four.time_s)
