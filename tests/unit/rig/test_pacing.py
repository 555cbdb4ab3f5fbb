"""Which flips are a screen's, and a timer in place of one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.display.pacing import TimerPacing, judge_flips, measure_evenness, refuse_uneven

SOFTWARE, CARD = "llvmpipe (LLVM 15.0.6, 256 bits)", "GeForce"


def flips(hz, *, jitter=0.0):
    intervals_s = 1 / hz + np.random.default_rng(1).uniform(-jitter, jitter, 60) / hz
    return list(np.cumsum(intervals_s))


@pytest.mark.parametrize("renderer", [SOFTWARE, CARD])
def test_flips_at_the_planned_rate_are_a_screens(renderer):
    rate = judge_flips(flips(59.94, jitter=0.05), refresh_hz=60.0, renderer=renderer, simulated=False)
    assert rate.pacing == "vblank"
    assert rate.measured_hz == pytest.approx(59.94, rel=0.01)


def test_flips_that_do_not_wait_are_paced_by_a_timer_in_a_simulated_session():
    rate = judge_flips(flips(500, jitter=0.5), refresh_hz=60.0, renderer=SOFTWARE, simulated=True)
    assert rate.pacing == "timer"


def test_a_busy_machine_does_not_make_unpaced_flips_a_screen():
    slow = [*[1 / 60] * 45, *[1 / 300] * 15]  # the median alone would pass for 60 Hz
    rate = judge_flips(list(np.cumsum(slow)), refresh_hz=60.0, renderer=SOFTWARE, simulated=True)
    assert rate.pacing == "timer"


@pytest.mark.parametrize(
    ("hz", "renderer", "simulated"),
    [(75, CARD, True), (30, CARD, False), (144, CARD, True), (500, SOFTWARE, False), (75, SOFTWARE, True)],
)
def test_another_rate_is_refused_with_both_numbers(hz, renderer, simulated):
    with pytest.raises(SessionError, match=rf"expected 60 frames per second, found {hz}\.\d \({renderer[:4]}"):
        judge_flips(flips(hz), refresh_hz=60.0, renderer=renderer, simulated=simulated)


def doubled(every, *, n=600, hz=60.0):
    """Return the times of flips of which every so many-th shows its picture for two frames."""
    frames = np.where(np.arange(1, n + 1) % every == 0, 2, 1)
    return list(np.cumsum(frames) / hz)


def test_long_intervals_are_counted_and_the_longest_is_told():
    times_s = list(np.cumsum([1 / 60] * 300 + [3.1 / 60] + [1 / 60] * 400 + [2 / 60]))
    found = measure_evenness(times_s, refresh_hz=60.0)
    assert (found.n_intervals, found.n_long) == (701, 2)
    assert found.longest_frames == pytest.approx(3.1)
    assert found.measured_hz == pytest.approx(60.0)
    refuse_uneven(found, refresh_hz=60.0)


@pytest.mark.parametrize("every", [20, 5, 3])
def test_a_screen_that_doubles_its_frames_is_refused_though_its_median_is_right(every):
    times_s = doubled(every)
    assert judge_flips(times_s, refresh_hz=60.0, renderer=CARD, simulated=False).pacing == "vblank"
    found = measure_evenness(times_s, refresh_hz=60.0)
    assert found.n_long in (600 // every, 600 // every - 1)
    with pytest.raises(SessionError, match=rf"at most 1% of intervals .* found 60\.00 Hz .* {found.n_long} of 599"):
        refuse_uneven(found, refresh_hz=60.0)


def test_a_screen_of_another_rate_is_refused_over_the_whole_measurement_too():
    with pytest.raises(SessionError, match=r"expected 60 frames per second, found 50\.00 Hz over 12\.0 s"):
        refuse_uneven(measure_evenness(list(np.arange(601) / 50), refresh_hz=60.0), refresh_hz=60.0)


def test_a_measurement_shorter_than_ten_seconds_proves_nothing():
    with pytest.raises(SessionError, match=r"a measurement of 10 s, found 1\.0 s"):
        refuse_uneven(measure_evenness(flips(60), refresh_hz=60.0), refresh_hz=60.0)


class SteppingClock:
    """Each look at it takes a tenth of a millisecond."""

    kind = "real"

    def __init__(self):
        self.ticks = itertools.count()
        self.ahead_s = 0.0

    def now_s(self):
        return next(self.ticks) * 1e-4 + self.ahead_s

    def utc(self):
        return None


def test_the_timer_returns_on_a_raster_of_frames():
    clock = SteppingClock()
    pacing = TimerPacing(clock, refresh_hz=2000.0)  # half a millisecond: the wait is spent looking at the clock
    returned_s = []
    for _ in range(20):
        pacing.wait()
        returned_s.append(clock.now_s())
    assert np.diff(returned_s) == pytest.approx(np.full(19, 0.0005), abs=1.01e-4)
    assert returned_s[-1] - returned_s[0] == pytest.approx(19 * 0.0005, abs=2e-4)


def test_a_missed_frame_is_gone_and_the_raster_stays():
    clock = SteppingClock()
    pacing = TimerPacing(clock, refresh_hz=2000.0)
    pacing.wait()
    first_s = clock.now_s()
    clock.ahead_s += 0.00125  # two and a half frames late
    pacing.wait()
    assert clock.now_s() - first_s == pytest.approx(0.0015, abs=2e-4)
