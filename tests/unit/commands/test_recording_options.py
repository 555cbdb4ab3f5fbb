"""What `--channels`, `--units` and `--time` mean, in every command under `closedloop recording`."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.commands.recording_files.options import (
    ALL_BUT_NOISE,
    LAST_TICK,
    parse_channels,
    parse_time,
    parse_units,
)
from closedloop.errors import OptionError, RecordingError
from closedloop.recording.segments import Segment
from tests.unit.messages import refused

FILE = Path("day3.ns6")
CHANNELS = [(1, "IT-01"), (2, "IT-02"), (40, "elec40"), (129, "ainp1"), (130, "7")]
ONE_CLOCK = [Segment(0, 300, 30_300, 30_000), Segment(0, 60_000, 90_000, 30_000)]
TWO_CLOCKS = [*ONE_CLOCK, Segment(1, 0, 900, 900)]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (None, (0, 1, 2, 3, 4)),
        ("", (0, 1, 2, 3, 4)),
        ("2", (1,)),
        ("1-40", (0, 1, 2)),
        ("129,1", (0, 3)),  # in the file's order
        ("1-2, 2, IT-02", (0, 1)),  # each once
        ("IT-*", (0, 1)),
        ("ainp1,elec40", (2, 3)),
        ("label:7", (4,)),
        ("label:IT-01", (0,)),
    ],
)
def test_channels_are_chosen_by_number_range_and_label(text: str | None, places: tuple[int, ...]) -> None:
    assert parse_channels(text).places(CHANNELS, file=FILE) == places


@pytest.mark.parametrize("text", ["3", "50-60", "it-01", "7", "IT-?", "x*"])
def test_a_channel_that_is_not_there_is_refused(text: str) -> None:
    with refused(RecordingError, "", "channel"):
        parse_channels(text).places(CHANNELS, file=FILE)


@pytest.mark.parametrize("text", ["1,,2", "1,", "9-2"])
def test_what_names_no_channels_is_refused(text: str) -> None:
    with refused(OptionError, f"--channels {text}: expected"):
        parse_channels(text).places(CHANNELS, file=FILE)


def test_a_number_that_two_channels_have_means_neither_but_their_labels_do() -> None:
    twice = [(1, "elec1"), (1, "ainp1")]
    with refused(RecordingError, FILE, "expected one channel 1", "found 2"):
        parse_channels("1").places(twice, file=FILE)
    assert parse_channels("ainp1").places(twice, file=FILE) == (1,)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", {0}),
        ("unsorted", {0}),
        ("1-3,noise", {1, 2, 3, 255}),
        ("sorted", set(range(1, 255))),
        ("all", set(range(256))),
        (None, set(range(255))),
    ],
)
def test_units_are_chosen_by_number_and_by_what_the_recorder_calls_them(text: str | None, units: set[int]) -> None:
    assert parse_units(text, default=ALL_BUT_NOISE).units == units


@pytest.mark.parametrize("text", ["256", "0-300", "good", "", "1,,2", "-1"])
def test_no_other_units_exist(text: str) -> None:
    with refused(OptionError, f"--units {text}", "1-3,unsorted"):
        parse_units(text, default=ALL_BUT_NOISE)


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("1-2.5", 30_000, 75_000),
        ("1-", 30_000, LAST_TICK),
        ("-2", 0, 60_000),
        ("0.1-2", 3_000, 60_000),  # exactly: 0.1 is no binary fraction
        (".00001-2", 1, 60_000),  # 0.3 ticks: the first tick at or after it
        ("+1-2", 30_300, 60_300),
        ("+-1", 0, 30_300),
    ],
)
def test_seconds_become_ticks_half_open(text: str, first: int, end: int) -> None:
    ticks = parse_time(text).ticks(ONE_CLOCK, 30_000, file=FILE)
    assert {segment: (found.start, found.stop) for segment, found in ticks.items()} == {0: (first, end)}


def test_without_a_time_every_clock_segment_is_whole() -> None:
    assert parse_time(None).ticks(TWO_CLOCKS, 30_000, file=FILE) == {0: range(LAST_TICK), 1: range(LAST_TICK)}
    assert parse_time(None, clock_segment=1).ticks(TWO_CLOCKS, 30_000, file=FILE) == {1: range(LAST_TICK)}


def test_nanoseconds_of_a_ptp_clock_keep_every_digit() -> None:
    start = 1_717_000_000_123_456_789
    segments = [Segment(0, start, start + 10**9, 30_000)]
    ticks = parse_time("1717000000.5-1717000000.750000001").ticks(segments, 10**9, file=FILE)
    assert (ticks[0].start, ticks[0].stop) == (1_717_000_000_500_000_000, 1_717_000_000_750_000_001)
    assert parse_time("+0.25-").ticks(segments, 10**9, file=FILE)[0].start == start + 250_000_000


def test_the_same_seconds_on_two_clock_segments_must_be_told_apart() -> None:
    with refused(RecordingError, FILE, "0, 1", "Add --clock-segment"):
        parse_time("0-1").ticks(TWO_CLOCKS, 30_000, file=FILE)
    ticks = parse_time("0.01-1", clock_segment=1).ticks(TWO_CLOCKS, 30_000, file=FILE)
    assert ticks == {1: range(300, 30_000)}


@pytest.mark.parametrize(("text", "clock_segment"), [("5-9", 0), ("-0.01", 0), (None, 2), ("0-1", 7)])
def test_a_time_when_nothing_was_recorded_is_refused(text: str | None, clock_segment: int) -> None:
    with refused(RecordingError, FILE, "recording info"):
        parse_time(text, clock_segment=clock_segment).ticks(TWO_CLOCKS, 30_000, file=FILE)


@pytest.mark.parametrize("text", ["", "-", "5", "2-1", "1-1", "1:2", "a-b", "1-2-3", "+", "1e3-2e3", "nan-1"])
def test_what_is_no_range_of_seconds_is_refused(text: str) -> None:
    with refused(OptionError, f"--time {text}", "10-25.5"):
        parse_time(text)
