"""One axis for several clocks: what a file of NWB says of times, against clocks whose rates and resets are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from closedloop.devices.device import Device
from closedloop.exchange.nwb.clock import ClockOnsets, RigTimes, fit_line, session_clock
from closedloop.recording.codes import ReceivedCodes
from closedloop.recording.segments import Segment

HZ = 30_000
ONSET_S = np.arange(20.0, 300.0, 0.4)  # by a clock that never errs
RIG = RigTimes(np.zeros(len(ONSET_S), np.int64), ONSET_S + 5_000.0)


def device(processor: int, runs: Sequence[tuple[int, int]], tick_hz: int = HZ) -> Device:
    """A processor that counted from the first to the last tick of each run of its clock."""
    none = np.zeros(0, np.int64)
    segments = tuple(Segment(number, first, end, end - first) for number, (first, end) in enumerate(runs))
    codes = ReceivedCodes(none, none, none)
    return Device(f"array{processor}", processor, tick_hz, (), segments, codes, (), None, (), ())


def onsets(
    processor: int, resets_s: Sequence[float], *, ppm: float = 0.0, starts_s: float = 0.0
) -> tuple[ClockOnsets, list[tuple[int, int]]]:
    """Onsets by a clock that began, ran fast by some ppm and was set to 0 at some moments; and its runs."""
    rate = HZ * (1 + ppm * 1e-6)
    edges = np.array([starts_s, *resets_s])
    run = np.searchsorted(edges, ONSET_S, side="right") - 1
    tick = np.rint((ONSET_S - edges[run]) * rate)
    ends = [*resets_s, 310.0]
    return (
        ClockOnsets(processor, run.astype(np.int64), tick.astype(np.float64)),
        [(0, round((end - start) * rate)) for start, end in zip(edges, ends, strict=True)],
    )


def test_the_first_processors_ticks_are_seconds_as_they_are() -> None:
    own, runs = onsets(1, ())
    clock = session_clock([device(1, runs)], [own], RIG)
    np.testing.assert_array_equal(clock.onsets([own]), own.tick / HZ)
    assert clock.begun_before_s == 0


@pytest.mark.parametrize("ppm", [-50.0, 5.0, 50.0])
def test_a_second_clock_is_laid_on_the_first_by_its_rate_not_by_a_shift(ppm: float) -> None:
    first, runs = onsets(1, ())
    second, others = onsets(2, (), ppm=ppm, starts_s=3.0)
    clock = session_clock([device(1, runs), device(2, others)], [first, second], RIG)
    found = clock.seconds(2, second.clock_segment, second.tick)
    np.testing.assert_allclose(found, ONSET_S, atol=0.6 / HZ)
    assert clock.of_processor(2)[0].ticks_per_s == pytest.approx(HZ * (1 + ppm * 1e-6), rel=1e-7)


def test_the_axis_begins_with_whichever_processor_began_first() -> None:
    first, runs = onsets(1, (), starts_s=7.0)
    second, others = onsets(2, ())
    clock = session_clock([device(1, runs), device(2, others)], [first, second], RIG)
    assert clock.begun_before_s == pytest.approx(7.0, abs=1 / HZ)
    np.testing.assert_allclose(clock.onsets([first, second]), ONSET_S, atol=1 / HZ)


@pytest.mark.parametrize("processors", [1, 2])
def test_between_two_runs_of_the_first_clock_lies_what_another_clock_counted(processors: int) -> None:
    """With one processor the rig's clock tells; the recorder lost 40 s at its reset, which no tick says."""
    first, runs = onsets(1, (120.0,))
    runs[0] = (0, 80 * HZ)
    lost = (first.clock_segment == 0) & (first.tick >= 80 * HZ)
    first = ClockOnsets(1, np.where(lost, -1, first.clock_segment), np.where(lost, np.nan, first.tick))
    second, others = onsets(2, (), starts_s=1.0)
    devices, told = [device(1, runs), device(2, others)][:processors], [first, second][:processors]
    clock = session_clock(devices, told, RIG)
    found = clock.onsets(told)
    assert np.isnan(found).sum() == (lost.sum() if processors == 1 else 0)
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], ONSET_S[known], atol=2 / HZ)


def test_a_second_clock_that_was_reset_is_laid_run_by_run() -> None:
    first, runs = onsets(1, (150.0,))
    second, others = onsets(2, (90.0, 200.0), ppm=30.0, starts_s=2.0)
    clock = session_clock([device(1, runs), device(2, others)], [first, second], RIG)
    found = clock.seconds(2, second.clock_segment, second.tick)
    np.testing.assert_allclose(found, ONSET_S, atol=2 / HZ)
    assert [(one.clock_segment, one.n_onsets > 0) for one in clock.of_processor(2)] == [
        (0, True),
        (1, True),
        (1, True),
        (2, True),
    ]


def test_a_run_that_nothing_places_is_named_and_a_stub_is_not() -> None:
    first, runs = onsets(1, ())
    silent = device(2, [(0, 500), (0, 60 * HZ)])
    clock = session_clock([device(1, runs), silent], [first], RIG)
    assert clock.unplaced == ((2, 1),)
    assert np.isnan(clock.seconds(2, np.array([1]), np.array([10]))).all()


def test_clocks_of_one_network_need_no_onsets() -> None:
    nanosecond, began = 1_000_000_000, 1_700_000_000_000_000_000
    tick = began + (ONSET_S * nanosecond).astype(np.int64)
    run = (began, began + 310 * nanosecond)
    own = ClockOnsets(1, np.zeros(len(tick), np.int64), tick.astype(np.float64))
    clock = session_clock([device(1, [run], nanosecond), device(2, [run], nanosecond)], [own], RIG)
    found = clock.seconds(2, np.zeros(len(tick), np.int64), tick)
    np.testing.assert_allclose(found, ONSET_S, atol=1e-9)


def test_a_line_leaves_out_codes_that_were_mistaken_for_others() -> None:
    there = ONSET_S * (1 + 20e-6)
    wrong = there.copy()
    wrong[[3, 200, 500]] += [0.4, -0.2, 1.2]
    line = fit_line(ONSET_S, wrong, nominal=1.0)
    np.testing.assert_allclose(line.at(ONSET_S), there, atol=1e-6)
    assert line.n_points == len(ONSET_S) - 3
