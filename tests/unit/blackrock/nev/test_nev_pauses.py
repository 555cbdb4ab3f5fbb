"""When a NEV alone tells that nothing was recorded: the recorder's own events, and silences too long for chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.survey import Pause
from closedloop.recording.segments import Segment
from tests.unit.blackrock.nev.nev_files import batch, with_codes, write

HZ = 30_000


def steady(first: int, end: int, step: int = 300) -> list[tuple[int, int]]:
    return [(tick, 1) for tick in range(first, end, step)]


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_recording_events_around_nothing_are_a_pause(tmp_path: Path, specification: str) -> None:
    made = batch([*steady(0, 60_000), *steady(75_000, 120_000)], pauses=[(60_000, 75_000)])
    events = read_nev(write(tmp_path / "made.nev", made, specification=specification))
    assert events.pauses == (Pause(0, 60_000, 75_000),)
    assert [(one.first_tick, one.end_tick) for one in events.segments] == [(0, 60_001), (75_000, 119_701)]
    assert events.n_other == 2


def test_a_packet_on_its_way_when_recording_paused_does_not_hide_the_pause(tmp_path: Path) -> None:
    made = batch([*steady(0, 60_000), (60_004, 2), (74_998, 2), *steady(75_000, 90_000)], pauses=[(60_000, 75_000)])
    assert read_nev(write(tmp_path / "made.nev", made)).pauses == (Pause(0, 60_000, 75_000),)


def test_recording_events_with_packets_between_are_no_pause(tmp_path: Path) -> None:
    made = batch([*steady(0, 90_000)], pauses=[(30_000, 60_000)])
    events = read_nev(write(tmp_path / "made.nev", made))
    assert (events.pauses, len(events.segments)) == ((), 1)


def test_a_recording_event_that_opens_the_file_is_no_pause(tmp_path: Path) -> None:
    starts = replace(batch(), pause_tick=np.array([0]))
    made = batch(steady(50_000, 90_000), pauses=[(45_000, 49_000)])
    assert read_nev(write(tmp_path / "made.nev", starts, made)).pauses == (Pause(0, 45_000, 49_000),)


def test_pauses_are_found_in_every_clock_segment_and_not_across_resets(tmp_path: Path) -> None:
    first = batch([*steady(0, 60_000), *steady(90_000, 120_000)], pauses=[(60_000, 90_000)])
    open_end = replace(batch(), pause_tick=np.array([130_000]))
    second = batch([*steady(300, 60_000), *steady(95_000, 120_000)], pauses=[(60_000, 95_000)])
    events = read_nev(write(tmp_path / "made.nev", first, open_end, second, in_order=False))
    assert events.pauses == (Pause(0, 60_000, 90_000), Pause(1, 60_000, 95_000))


def test_a_silence_of_everything_is_a_pause_where_it_is_no_chance(tmp_path: Path) -> None:
    ticks = [*range(0, 60 * HZ, 300), *range(65 * HZ, 90 * HZ, 300)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks))
    assert events.segments == (
        Segment(0, 0, 60 * HZ - 299, 60 * HZ - 299),
        Segment(0, 65 * HZ, 90 * HZ - 299, 25 * HZ - 299),
    )
    assert events.pauses == ()


def test_sparse_packets_are_not_taken_for_pauses(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    ticks = np.cumsum(random.exponential(3 * HZ, 3000)).astype(np.int64)
    assert np.diff(ticks).max() > 20 * HZ
    assert len(read_nev(with_codes(tmp_path / "made.nev", ticks)).segments) == 1


@pytest.mark.parametrize(("gap", "n_segments"), [(HZ, 1), (HZ + 1, 2)])
def test_a_silence_of_a_second_is_none_a_longer_one_is(tmp_path: Path, gap: int, n_segments: int) -> None:
    last = 299 * 250
    ticks = [*range(0, last + 1, 250), *range(last + gap, last + gap + 300 * 250, 250)]
    assert len(read_nev(with_codes(tmp_path / "made.nev", ticks)).segments) == n_segments


def test_segments_of_a_ptp_file_count_samples_of_30_khz(tmp_path: Path) -> None:
    start = 1_700_000_000 * 10**9
    file = with_codes(tmp_path / "made.nev", [start, start + 2 * 10**9 - 1], specification="3.0-ptp")
    assert read_nev(file).segments == (Segment(0, start, start + 2 * 10**9, 60_000),)


def test_one_packet_is_a_segment_of_its_own(tmp_path: Path) -> None:
    assert read_nev(with_codes(tmp_path / "made.nev", [77])).segments == (Segment(0, 77, 78, 1),)


def test_a_stray_far_ahead_at_the_very_end_does_not_stretch_the_recording(tmp_path: Path) -> None:
    events = read_nev(with_codes(tmp_path / "made.nev", [*range(0, 60 * HZ, 300), 2**31]))
    assert [one.n_samples for one in events.segments] == [60 * HZ - 299, 1]
