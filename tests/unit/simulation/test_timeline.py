"""What a simulated recorder's clock reads: closed forms."""

from __future__ import annotations

import numpy as np

from closedloop.simulation.timeline import SAMPLE_HZ, Timeline, whole


def read(timeline: Timeline, *samples: int) -> list[tuple[int, int]]:
    clock_segment, tick = timeline.locate(np.array(samples))
    return list(zip(clock_segment.tolist(), tick.tolist(), strict=True))


def test_a_whole_recording_counts_samples() -> None:
    assert read(whole(100), -1, 0, 99, 100) == [(-1, -1), (0, 0), (0, 99), (-1, -1)]


def test_a_pause_records_nothing_and_the_clock_runs_on() -> None:
    timeline = whole(100).pause(40, 60)
    assert read(timeline, 39, 40, 59, 60) == [(0, 39), (-1, -1), (-1, -1), (0, 60)]
    assert [segment.n_samples for segment in timeline.segments] == [40, 40]


def test_a_reset_opens_an_clock_segment_at_tick_zero() -> None:
    assert read(whole(100).reset(60), 59, 60, 99) == [(0, 59), (1, 0), (1, 39)]


def test_a_pause_after_a_reset_belongs_to_the_new_clock_segment_in_whatever_order_they_are_asked_for() -> None:
    expected = [(0, 49), (1, 0), (1, 19), (-1, -1), (1, 30)]
    for timeline in (whole(100).reset(50).pause(70, 80), whole(100).pause(70, 80).reset(50)):
        assert read(timeline, 49, 50, 69, 70, 80) == expected


def test_two_resets_are_two_clock_segments() -> None:
    assert read(whole(100).reset(10).reset(60), 9, 10, 59, 60) == [(0, 9), (1, 0), (1, 49), (2, 0)]


def test_a_jump_back_reads_the_same_ticks_twice_in_two_clock_segments() -> None:
    assert read(whole(100).jump_back(50, ticks=30), 20, 49, 50) == [(0, 20), (0, 49), (1, 20)]


def test_a_ptp_clock_counts_nanoseconds_and_may_run_fast() -> None:
    second = read(whole(2 * SAMPLE_HZ, first_tick=10**18, tick_hz=10**9, drift_ppm=50.0), SAMPLE_HZ)
    assert second == [(0, 10**18 + 1_000_050_000)]
