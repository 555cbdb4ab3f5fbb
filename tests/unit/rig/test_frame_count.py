"""Frames are counted: by the driver where it really counts, else on a raster that a late stamp does not move."""

from __future__ import annotations

import numpy as np
import pytest

from rig.display.frame_count import BlankCount, FrameRaster, SyncValues, counts_blanks

HZ = 60.0


def counted(frames, *, late_frames=0.0, hz=HZ, counted_at=HZ):
    """Return what a raster counts for flips of so many frames each, stamped so much too late."""
    raster = FrameRaster(counted_at)
    begins = np.cumsum([0, *frames]) + np.concatenate([[0], np.broadcast_to(late_frames, len(frames))])
    return [raster.count(frame / hz) for frame in begins][1:]


def test_frames_are_counted_and_missed_ones_are_seen():
    frames = [1, 1, 2, 1, 3, 1, 1, 60, 1]
    assert counted(frames) == frames


@pytest.mark.parametrize("late", [0.1, 0.5, 0.7])
def test_a_stamp_that_comes_late_adds_no_frame_and_takes_none_from_the_next(late):
    # A difference of times, rounded, says 2 and 0 frames (or 7 and 5 for an image) from half a frame on.
    frames, lateness = [1] * 40, np.zeros(40)
    lateness[[10, 11, 25]] = late
    assert counted(frames, late_frames=lateness) == frames


def test_a_missed_frame_is_seen_behind_late_stamps_too():
    frames, lateness = [1] * 40, np.zeros(40)
    frames[20], lateness[19], lateness[20] = 2, 0.6, 0.6
    assert counted(frames, late_frames=lateness) == frames


@pytest.mark.parametrize("stamped", [0.01, 0.3, 0.6])
def test_a_flip_that_waits_for_no_frame_is_none_and_takes_none_from_the_next(stamped):
    raster = FrameRaster(HZ)
    frames = [*range(20), 19 + stamped, *range(20, 40), 39 + stamped / 2, 39 + stamped, *range(40, 60)]
    expected = [1] * 20 + [0] + [1] * 20 + [0, 0] + [1] * 20
    assert [raster.count(frame / HZ) for frame in frames] == expected


def test_flips_that_never_wait_are_as_many_frames_as_there_were():
    raster = FrameRaster(HZ)
    for frame in range(20):
        raster.count(frame / HZ)
    unwaited = [raster.count(19 / HZ + k / 1000) for k in range(1, 2001)]
    assert set(unwaited) == {0, 1}
    assert abs(sum(unwaited) - 2 * HZ) <= 1


def test_a_first_stamp_that_was_late_spoils_nothing():
    raster = FrameRaster(HZ)
    times_s = np.arange(30) / HZ
    times_s[0] += 0.7 / HZ
    assert [raster.count(time_s) for time_s in times_s] == [1] * 30


def test_jitter_and_a_rate_known_to_a_thousandth_do_not_add_up_over_an_hour():
    n = int(3600 * HZ)
    late = np.random.default_rng(2).exponential(0.05, n).clip(max=0.6)
    assert sum(counted([1] * n, late_frames=late, hz=59.94, counted_at=60.0)) == n
    assert sum(counted([1] * n, late_frames=late, hz=60.06, counted_at=60.0)) == n


def values(*blanks):
    return [SyncValues(time_us=16_667 * n, n_blanks=n, n_swaps=k) for k, n in enumerate(blanks, 1)]


def test_a_driver_counts_when_its_numbers_move_with_the_flips():
    assert counts_blanks(values(100, 101, 102, 104))


@pytest.mark.parametrize(
    "read",
    [
        [None, None, None],
        [*values(100, 101), None],
        [SyncValues(0, 0, 0)] * 4,  # an entry point that returns and says nothing
        [SyncValues(1, 100, n) for n in range(4)],
        values(100, 101, 101, 102),
        values(100),
        [],
    ],
)
def test_an_entry_point_is_no_proof_of_a_count(read):
    assert not counts_blanks(read)


def test_the_driver_s_count_of_a_flip_that_did_not_wait_is_none():
    read = iter(values(100, 101, 101, 102))
    count = BlankCount(lambda: next(read))
    assert [count.count() for _ in range(4)] == [None, 1, 0, 1]


def test_a_driver_s_count_that_begins_anew_is_no_count():
    read = iter(values(100, 101, 7, 8))
    count = BlankCount(lambda: next(read))
    assert [count.count() for _ in range(4)] == [None, 1, None, 1]


def test_the_driver_s_count_is_the_number_of_frames_and_says_where_it_ends():
    read = iter([*values(100, 101, 103), None, *values(104, 105)])
    count = BlankCount(lambda: next(read))
    assert [count.count() for _ in range(6)] == [None, 1, 2, None, None, 1]
