"""What a list of spikes tells of when it was recorded: its ends, its holes, and where nothing was lost."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.recording.activity import SpikeActivity
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes

TICK_HZ = 30_000
RATE_HZ = 500.0


def fired(*stretches: tuple[float, float], rate_hz: float = RATE_HZ, clock_segment: int = 0) -> Spikes:
    """Return spikes that come by chance in stretches of seconds."""
    random = np.random.default_rng(0)
    seconds = np.concatenate([random.uniform(a, b, round((b - a) * rate_hz)) for a, b in stretches])
    tick = np.sort((seconds * TICK_HZ).astype(np.int64))
    return Spikes(
        np.full(len(tick), clock_segment, np.uint16), tick, random.integers(1, 97, len(tick)).astype(np.uint16)
    )


def recorded(*stretches: tuple[float, float], clock_segment: int = 0) -> list[Segment]:
    ticks = [(round(a * TICK_HZ), round(b * TICK_HZ)) for a, b in stretches]
    return [Segment(clock_segment, a, b, b - a) for a, b in ticks]


def activity(*spikes: Spikes) -> SpikeActivity:
    found = SpikeActivity(TICK_HZ)
    for part in spikes:
        for first in range(0, len(part), 1000):  # as a file gives them: in pieces
            rows = slice(first, first + 1000)
            found.add(Spikes(part.clock_segment[rows], part.tick[rows], part.electrode_id[rows]))
    return found


def seconds(segments: tuple[Segment, ...]) -> list[tuple[int, float, float]]:
    return [(one.clock_segment, one.first_tick / TICK_HZ, one.end_tick / TICK_HZ) for one in segments]


def test_a_whole_list_leaves_the_recording_as_it_is() -> None:
    known = recorded((0, 60), (90, 120))
    found = activity(fired((0, 60), (90, 120))).coverage(known)
    assert (found.segments, found.silences) == (tuple(known), ())


@pytest.mark.parametrize("rate_hz", [2.0, 20.0, 2000.0])
def test_chance_alone_sets_nothing_aside_whatever_the_rate(rate_hz: float) -> None:
    known = recorded((0, 1000))
    found = activity(fired((0, 1000), rate_hz=rate_hz)).coverage(known)
    assert found.segments == tuple(known)


def test_minutes_of_noise_do_not_make_the_usual_silence_strange() -> None:
    known = recorded((0, 1000))
    noisy = np.sort(np.concatenate([fired((0, 1000), rate_hz=10).tick, fired((400, 460), rate_hz=20_000).tick]))
    spikes = Spikes(np.zeros(len(noisy), np.uint16), noisy, np.ones(len(noisy), np.uint16))
    assert activity(spikes).coverage(known).segments == tuple(known)


def test_a_list_that_was_cut_off_ends_with_its_last_spike() -> None:
    found = activity(fired((0, 80))).coverage(recorded((0, 100)))
    (only,) = seconds(found.segments)
    assert only == (0, 0, pytest.approx(80, abs=0.02))
    (silence,) = found.silences
    assert (silence.where, silence.seconds) == ("end", pytest.approx(20, abs=0.02))


def test_a_list_cut_off_before_a_pause_and_a_reset_covers_nothing_after_them() -> None:
    known = [*recorded((0, 40), (50, 100)), *recorded((0, 30), clock_segment=1)]
    found = activity(fired((0, 30))).coverage(known)
    assert seconds(found.segments) == [(0, 0, pytest.approx(30, abs=0.02))]
    assert [(one.clock_segment, one.where, round(one.seconds)) for one in found.silences] == [
        (0, "end", 60),
        (1, "middle", 30),
    ]


def test_a_hole_is_cut_out_and_a_pause_of_the_recording_is_none() -> None:
    known = recorded((0, 40), (60, 100))
    found = activity(fired((0, 40), (60, 70), (75, 100))).coverage(known)
    assert seconds(found.segments) == [
        (0, 0, 40),
        (0, 60, pytest.approx(70, abs=0.02)),
        (0, pytest.approx(75, abs=0.02), 100),
    ]
    assert [(one.where, round(one.seconds, 1)) for one in found.silences] == [("middle", 5.0)]


def test_a_hole_that_reaches_into_a_pause_is_cut_on_both_sides() -> None:
    found = activity(fired((0, 37), (62, 100))).coverage(recorded((0, 40), (60, 100)))
    assert seconds(found.segments) == [
        (0, 0, pytest.approx(37, abs=0.02)),
        (0, pytest.approx(62, abs=0.02), 100),
    ]
    assert round(found.silences[0].seconds, 1) == 5.0


def test_a_list_that_begins_late_begins_with_its_first_spike() -> None:
    found = activity(fired((5, 100))).coverage(recorded((0, 100)))
    assert seconds(found.segments) == [(0, pytest.approx(5, abs=0.02), 100)]


def test_spikes_that_go_on_after_the_voltage_was_cut_off_count_to_the_last_one() -> None:
    found = activity(fired((0, 100))).coverage(recorded((0, 60)))
    assert seconds(found.segments) == [(0, 0, pytest.approx(100, abs=0.02))]


def test_without_a_spike_nothing_was_recorded() -> None:
    assert activity().coverage(recorded((0, 100))).segments == ()


def test_nanoseconds_since_1970_are_taken_as_well() -> None:
    origin = 1_714_982_400_000_000_000
    tick = origin + np.sort(np.random.default_rng(0).integers(0, 80_000_000_000, 40_000))
    found = SpikeActivity(1_000_000_000)
    found.add(Spikes(np.zeros(len(tick), np.uint16), tick, np.ones(len(tick), np.uint16)))
    (only,) = found.coverage([Segment(0, origin, origin + 100_000_000_000, 3_000_000)]).segments
    assert (only.end_tick - origin) / 1e9 == pytest.approx(80, abs=0.02)
