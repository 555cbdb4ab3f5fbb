"""Clocks of devices beside the rig's: when they are read, and how fast they ran."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from closedloop.artifacts.day.journal_rows import ClockCompared, LaunchOpened, Paused, TrialBegun, TrialEnded
from closedloop.artifacts.day.presented.clock_drift import clock_drifts
from rig.machine.between.clocks import ClockLog
from rig.ports.timed import ClockReading
from tests.unit.rig.recorders.conftest import Operator


class Tracker:
    """A clock that gains 40 ppm, and may be gone for a while."""

    def __init__(self, now_s, gone=(1e9, 1e9)):
        self._now_s, self._gone = now_s, gone

    def clock(self):
        now_s = self._now_s()
        if self._gone[0] <= now_s < self._gone[1]:
            raise OSError("no answer")
        return ClockReading("tracker", now_s, 7.0 + now_s * (1 + 40e-6), 1e-3)


class NoAnswerYet:
    def clock(self):
        return None


def compared(journal, device="tracker"):
    return [row for row in journal.rows if isinstance(row, ClockCompared) and row.device == device]


@pytest.mark.slow
def test_are_read_at_the_launch_about_each_minute_and_at_the_end(make_bench):
    bench = make_bench(300)
    journal = bench.run(bench.by_hand(folder=False), operator=Operator(lambda _: None), clocks=(tracker(bench),))
    at_s = [row.rig_s for row in compared(journal)]
    assert at_s[0] == journal.launches[0].time_s
    assert at_s[-1] == pytest.approx(journal.ended.time_s, abs=1.0)
    assert all(60.0 <= later - earlier < 64.0 for earlier, later in pairwise(at_s[:-1]))
    assert len(at_s) == 4


def tracker(bench, **gone):
    return Tracker(lambda: bench.screen.frame / 60.0, **gone)


@pytest.mark.slow
def test_are_never_read_while_an_image_may_be_up(make_bench):
    bench = make_bench(300)
    journal = bench.run(bench.by_hand(folder=False), operator=Operator(lambda _: None), clocks=(tracker(bench),))
    is_trial = False
    for row in journal.rows:
        if isinstance(row, TrialBegun):
            is_trial = True
        elif isinstance(row, TrialEnded):
            is_trial = False
        assert not (is_trial and isinstance(row, ClockCompared))


@pytest.mark.slow
def test_a_clock_that_does_not_answer_is_a_device_that_failed(make_bench):
    bench = make_bench(300)
    operator = Operator(lambda _: None, lambda _: None)
    bench.run(bench.by_hand(folder=False), operator=operator, clocks=(tracker(bench, gone=(50.0, 80.0)), NoAnswerYet()))
    (paused,) = [row for row in bench.journal.rows if isinstance(row, Paused) and "no answer" in row.why]
    assert paused.by == "device"
    assert paused.why.startswith("clock: expected the device to answer, found: no answer.")
    assert len(compared(bench.journal)) == 3


@pytest.mark.slow
def test_the_recorders_clock_is_among_them_and_its_drift_is_found(make_bench):
    bench = make_bench(300)
    journal = bench.run(bench.blackrock())
    (drift,) = clock_drifts(journal.rows)
    assert (drift.device, drift.launch) == ("recorder (NSP)", 0)
    assert drift.drift_ppm == pytest.approx(25.0, abs=0.01)
    assert drift.offset_s == pytest.approx(5000.0, abs=0.01)


def rows(*readings, launch=0):
    opened = LaunchOpened(
        segment=launch,
        session_id="s",
        simulated=False,
        display="psychopy",
        clock="real",
        refresh_hz=60,
        first_ordinal=0,
        first_trial=0,
        time_s=0.0,
        utc=None,
    )
    return [
        opened,
        *(
            ClockCompared(device=device, rig_s=rig_s, device_s=device_s, uncertainty_s=uncertainty_s, time_s=rig_s)
            for device, rig_s, device_s, uncertainty_s in readings
        ),
    ]


def test_an_exact_line_is_found_exactly():
    readings = [("a", t, 1.7e9 + t + 12e-6 * (t - 100), 1e-4) for t in (100.0, 160.0, 220.0, 3700.0)]
    (drift,) = clock_drifts(rows(*readings))
    assert (drift.n_readings, drift.span_s, drift.at_s) == (4, 3600.0, 100.0)
    assert drift.offset_s == pytest.approx(1.7e9, abs=1e-6)
    assert drift.drift_ppm == pytest.approx(12.0, abs=1e-3)
    assert drift.largest_residual_s < 1e-6


def test_a_slow_question_counts_for_little():
    exact = [("a", t, t + 5.0, 1e-4) for t in (0.0, 60.0, 120.0, 180.0)]
    late = ("a", 240.0, 245.0 + 0.05, 0.05)
    (drift,) = clock_drifts(rows(*exact, late))
    # Weights as the inverse squares: by hand, a 500 times less certain reading moves the slope by about 2e-9.
    assert abs(drift.drift_ppm) < 0.01
    assert drift.largest_residual_s == pytest.approx(0.05, abs=1e-4)


def test_noise_averages_out_as_its_closed_form_says():
    random, n, sd = np.random.default_rng(4), 301, 1e-4
    t = np.arange(n) * 60.0
    expected_sd = sd / np.sqrt(((t - t.mean()) ** 2).sum()) * 1e6
    readings = [("a", at, at * (1 - 30e-6) + noise, sd) for at, noise in zip(t, random.normal(0, sd, n), strict=True)]
    (drift,) = clock_drifts(rows(*readings))
    assert drift.drift_ppm == pytest.approx(-30.0, abs=4 * expected_sd)


def test_one_reading_says_no_drift_and_launches_and_devices_are_kept_apart():
    first = rows(("b", 10.0, 11.0, 1e-3), ("a", 10.0, 15.0, 1e-3), ("a", 20.0, 25.0, 1e-3))
    second = rows(("a", 5.0, 6.5, 0.0), launch=1)
    found = [(one.launch, one.device, one.offset_s, one.drift_ppm) for one in clock_drifts([*first, *second])]
    assert found == [(0, "a", 5.0, pytest.approx(0.0, abs=1e-6)), (0, "b", 1.0, None), (1, "a", 1.5, None)]


def test_without_a_clock_nothing_is_written():
    ClockLog((), notebook=None, devices=None).compare()
    assert clock_drifts(rows()) == []
