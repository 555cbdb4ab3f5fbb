"""Counts at the edges of the window, in parts, in bins, across clock segments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.recording.counts import count_spikes, edge_ticks, spike_counter
from closedloop.recording.spikes import Spikes

KHZ_30 = 30_000.0
PTP_HZ = 1e9
SINCE_1970 = 1_700_000_000 * 10**9  # a PTP clock's ticks: beyond what a float holds exactly


def spikes(ticks: object, electrodes: object, clock_segments: object = 0) -> Spikes:
    tick = np.asarray(ticks, np.int64)
    return Spikes(
        np.broadcast_to(np.asarray(clock_segments, np.uint16), tick.shape),
        tick,
        np.broadcast_to(np.asarray(electrodes, np.uint16), tick.shape),
    )


def count_one(tick: int, onset: float, tick_hz: float) -> float:
    found = count_spikes(
        spikes([tick], 7),
        onset_clock_segment=np.zeros(1, np.int64),
        onset_tick=np.array([onset]),
        electrodes=[7],
        tick_hz=tick_hz,
    )
    return float(found[0, 0])


@pytest.mark.parametrize(("after", "counted"), [(2099, 0), (2100, 1), (5099, 1), (5100, 0)])
def test_a_spike_at_exactly_70_ms_counts_and_one_at_exactly_170_ms_does_not(after: int, counted: int) -> None:
    assert count_one(1000 + after, 1000.0, KHZ_30) == counted


@pytest.mark.parametrize(("after", "counted"), [(69_999_999, 0), (70_000_000, 1), (169_999_999, 1), (170_000_000, 0)])
def test_the_rule_holds_to_the_nanosecond_on_a_clock_that_counts_since_1970(after: int, counted: int) -> None:
    onset = SINCE_1970 + 256 * 12345
    assert int(float(onset)) == onset
    assert count_one(onset + after, float(onset), PTP_HZ) == counted


def test_a_fractional_onset_keeps_the_half_open_rule() -> None:
    for tick, onset, counted in ((3100, 1000.5, 0), (3101, 1000.5, 1), (6100, 1000.5, 1), (6101, 1000.5, 0)):
        assert count_one(tick, onset, KHZ_30) == counted


def test_a_bound_of_33_3_ms_is_999_ticks() -> None:
    assert 33.3 * 30_000 / 1000 != 999  # what floats would say
    assert edge_ticks(np.array([5.0]), [-33.3, 0.0, 33.3], tick_hz=KHZ_30).tolist() == [[-994, 5, 1004]]


def test_unusable_presentations_are_nan_and_silent_electrodes_zero() -> None:
    counts = count_spikes(
        spikes([3200], 1),
        onset_clock_segment=np.zeros(2, np.int64),
        onset_tick=np.array([np.nan, 1000.0]),
        electrodes=[1, 2],
        tick_hz=KHZ_30,
    )
    np.testing.assert_array_equal(counts, [[np.nan, np.nan], [1.0, 0.0]])


def test_equal_ticks_of_two_clock_segments_are_two_times() -> None:
    counts = count_spikes(
        spikes([3200, 3200, 3300], 1, [0, 2, 2]),
        onset_clock_segment=np.array([0, 1, 2]),
        onset_tick=np.full(3, 1000.0),
        electrodes=[1],
        tick_hz=KHZ_30,
    )
    assert counts[:, 0].tolist() == [1, 0, 2]


Train = list[tuple[int, int, int]]


@given(
    train=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4000), st.integers(1, 4)), max_size=60),
    onsets=st.lists(st.tuples(st.integers(0, 1), st.floats(0, 3000)), max_size=6),
    edges_ms=st.lists(st.integers(-50, 200), min_size=2, max_size=5, unique=True).map(sorted),
    cuts=st.lists(st.integers(0, 60), max_size=4).map(sorted),
)
def test_any_parts_of_a_recording_give_the_counts_of_a_count_one_by_one(
    train: Train, onsets: list[tuple[int, float]], edges_ms: list[int], cuts: list[int]
) -> None:
    ordered = sorted(train)
    electrodes = [3, 1, 9]
    counter = spike_counter(
        np.array([clock_segment for clock_segment, _ in onsets], np.int64),
        np.array([tick for _, tick in onsets], np.float64),
        electrodes=electrodes,
        tick_hz=1000.0,
        edges_ms=edges_ms,
    )
    for low, high in zip([0, *cuts], [*cuts, len(ordered)], strict=True):
        part = ordered[low:high]
        columns = [np.array([row[place] for row in part], np.int64) for place in (1, 2, 0)]
        counter.add(spikes(*columns))
    expected = [
        [
            [
                sum(e == clock_segment and s == site and onset + a <= t < onset + b for e, t, s in train)
                for a, b in pairwise(edges_ms)
            ]
            for site in electrodes
        ]
        for clock_segment, onset in onsets
    ]
    assert counter.counts().tolist() == expected


def test_a_psth_by_condition_is_the_mean_rate_over_its_usable_presentations() -> None:
    counter = spike_counter(
        np.zeros(4, np.int64),
        np.array([0.0, 1000.0, np.nan, np.nan]),
        electrodes=[5, 6],
        tick_hz=1000.0,
        edges_ms=(0, 20, 70),
        condition=np.array([0, 0, 0, 1]),
        n_conditions=2,
    )
    counter.add(spikes([0, 19, 20, 69, 70, 1010], [5, 5, 5, 6, 6, 5]))
    found = counter.psth()
    np.testing.assert_allclose(found[0], [[3 / 2 / 0.02, 1 / 2 / 0.05], [0, 1 / 2 / 0.05]])
    assert np.isnan(found[1]).all()


def test_overlapping_windows_both_count_a_spike() -> None:
    counts = count_spikes(
        spikes([100], 1),
        onset_clock_segment=np.zeros(2, np.int64),
        onset_tick=np.array([0.0, 20.0]),
        electrodes=[1],
        tick_hz=1000.0,
    )
    assert counts[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("edges_ms", [(70,), (70, 70), (170, 70)])
def test_a_window_that_does_not_end_after_it_starts_is_refused(edges_ms: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        spike_counter(np.zeros(1, int), np.zeros(1), electrodes=[1], tick_hz=1.0, edges_ms=edges_ms)


def test_an_electrode_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        spike_counter(np.zeros(1, int), np.zeros(1), electrodes=[1, 1], tick_hz=1.0)
