"""Counts at the edges of the window, presentations set aside, and the names of sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.errors import RecordingError
from closedloop.recording.arrays import ArrayMap, UtahArray, utah_arrays
from closedloop.recording.counts import IN_GAP, NO_ONSET, OUTSIDE, count_spikes, usable

TICK_HZ = 30_000.0


@dataclass(frozen=True)
class Block:
    first_tick: int
    n_samples: int


def test_a_spike_at_exactly_70_ms_counts_and_one_at_exactly_170_ms_does_not() -> None:
    onset = 1000.0
    ticks = np.array([1000 + 2099, 1000 + 2100, 1000 + 5099, 1000 + 5100])
    counts = count_spikes(ticks, np.full(4, 7), onset_tick=np.array([onset]), electrodes=[7], tick_hz=TICK_HZ)
    assert counts.tolist() == [[2.0]]


def test_a_fractional_onset_keeps_the_half_open_rule() -> None:
    onset = np.array([1000.5, 999.5])  # windows [3100.5, 6100.5) and [3099.5, 6099.5)
    for tick, expected in ((3100, [[0.0], [1.0]]), (6100, [[1.0], [0.0]])):
        found = count_spikes(np.array([tick]), np.array([7]), onset_tick=onset, electrodes=[7], tick_hz=TICK_HZ)
        assert found.tolist() == expected


def test_unusable_presentations_are_nan_and_silent_electrodes_zero() -> None:
    counts = count_spikes(
        np.array([3200]), np.array([1]), onset_tick=np.array([np.nan, 1000.0]), electrodes=[1, 2], tick_hz=TICK_HZ
    )
    np.testing.assert_array_equal(counts, [[np.nan, np.nan], [1.0, 0.0]])
    assert counts.dtype == np.float64


@given(
    spikes=st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 4)), max_size=60),
    onsets=st.lists(st.floats(0, 3000), max_size=6),
    window_ms=st.tuples(st.floats(-50, 50), st.floats(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
def test_counts_equal_a_count_one_by_one(
    spikes: list[tuple[int, int]], onsets: list[float], window_ms: tuple[float, float]
) -> None:
    ticks, ids = (np.array([spike[part] for spike in spikes], np.int64) for part in (0, 1))
    electrodes = [3, 1, 9]
    found = count_spikes(
        ticks, ids, onset_tick=np.array(onsets), electrodes=electrodes, tick_hz=1000.0, window_ms=window_ms
    )
    assert found.shape == (len(onsets), 3)
    for row, onset in enumerate(onsets):
        for column, electrode in enumerate(electrodes):
            low, high = onset + window_ms[0], onset + window_ms[1]
            assert found[row, column] == sum(low <= tick < high for tick, where in spikes if where == electrode)


def test_presentations_near_gaps_and_ends_are_set_aside_with_the_reason() -> None:
    blocks = [Block(3000, 30_000), Block(40_000, 30_000)]  # 3000 to 33000, 40000 to 70000
    onsets = np.array([6000, 5999, 33000 - 5100, 33000 - 5099, 36_000, 42_999, 43_000, 70_000 - 5099, np.nan])
    kept, reasons = usable(onsets, blocks, ticks_per_sample=1, tick_hz=TICK_HZ)
    assert reasons == ("", OUTSIDE, "", IN_GAP, IN_GAP, IN_GAP, "", OUTSIDE, NO_ONSET)
    np.testing.assert_array_equal(kept, np.where([reason == "" for reason in reasons], onsets, np.nan))


def test_blocks_at_a_lower_rate_span_more_ticks_and_no_block_keeps_nothing() -> None:
    _, reasons = usable(np.array([20_000.0]), [Block(0, 2000)], ticks_per_sample=15, tick_hz=TICK_HZ)
    assert reasons == ("",)
    kept, reasons = usable(np.array([20_000.0]), [], ticks_per_sample=15, tick_hz=TICK_HZ)
    assert reasons == (OUTSIDE,)
    assert np.isnan(kept).all()


def test_sites_are_named_by_array_and_place_and_found_by_name() -> None:
    arrays = utah_arrays((96, 96))
    assert arrays.neuroid_id(42) == "array1-042"
    assert arrays.neuroid_id(97) == "array2-001"
    assert arrays.electrode_id("array2-096") == 192
    assert len(set(arrays.neuroid_ids)) == 192


def test_unknown_electrodes_and_sites_are_refused() -> None:
    arrays = utah_arrays((4,))
    with pytest.raises(RecordingError, match="electrode 5: expected an electrode of array1"):
        arrays.neuroid_id(5)
    with pytest.raises(RecordingError, match="site array2-001"):
        arrays.electrode_id("array2-001")


def test_arrays_may_not_overlap() -> None:
    with pytest.raises(ValueError, match="share"):
        ArrayMap((UtahArray("array1", 1, 96), UtahArray("array2", 96, 96)))
