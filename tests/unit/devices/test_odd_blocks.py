"""What odd blocks, holes and many resets in one file do to a device: said, mended, or refused in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.writer import NevBatch
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.align import align_files
from closedloop.detection.agreement import agreement
from closedloop.detection.definitions import DEFINITIONS
from closedloop.detection.spikes import detect
from closedloop.devices.clock_segments import map_clock_segments
from closedloop.devices.device import read_devices
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import concatenate_spikes
from closedloop.recording.usability import usable
from closedloop.simulation.sessions import MadeSession, make_session
from tests.unit.devices.test_device import START, nev, nsx, read_one, spikes, words
from tests.unit.messages import refused

SLOW, FAST = [NsxChannel(2, "elec2")], [NsxChannel(1, "elec1")]


def segments(*rows: tuple[int, int, int]) -> tuple[Segment, ...]:
    return tuple(Segment(clock_segment, first, end, end - first) for clock_segment, first, end in rows)


def quiet(_done: int, _total: int) -> None:
    return


def usable_presentations(folder: Path) -> tuple[int, list[str]]:
    files = sorted(path for path in folder.iterdir() if path.suffix not in (".jsonl", ".parquet"))
    session = align_files(folder / "journal.jsonl", files, photodiode=None, progress=quiet)
    (device,) = session.devices
    found, lit = session.alignments[device.name], session.sent.is_lit
    _, reasons = usable(found.clock_segment[lit], found.onset_tick[lit], device.segments, tick_hz=device.tick_hz)
    return reasons.count(""), [reason for reason in reasons if reason]


def made(folder: Path, *faults: str, specification: str = "2.3", seconds: float = 20.0) -> Path:
    wanted = MadeSession(specification=specification, seconds=seconds, n_channels=2, faults=faults, seed=3)  # type: ignore[arg-type]
    make_session(folder, wanted, progress=quiet)
    return folder


def test_the_stub_of_a_slow_file_after_a_pause_leaves_every_spike_after_it_and_is_said(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", FAST, [(0, 90_000), (150_000, 90_000)])
    nsx(tmp_path, "a.ns1", SLOW, [(0, 1500), (150_000, 1), (150_000, 1500)], rate_hz=500.0)
    nev(tmp_path, "a", words(100), spikes(*range(1000, 90_000, 925)), spikes(*range(150_100, 239_000, 735)))
    device = read_one(tmp_path)
    found = concatenate_spikes(list(device.spikes()))
    assert [segment.clock_segment for segment in device.segments] == [0, 0]
    assert set(found.clock_segment.tolist()) == {0}
    assert (int((found.tick < 100_000).sum()), int((found.tick > 100_000).sum())) == (97, 121)
    (said,) = device.repairs
    assert said.startswith("a.ns1: 1 blocks of 1 to 1 samples at the tick of the block after them were left out")


def test_a_made_session_with_such_a_slow_file_has_the_same_usable_presentations_as_without_it(tmp_path: Path) -> None:
    odd, plain = made(tmp_path / "odd", "slow_stub"), made(tmp_path / "plain", "pause")
    assert (odd / "array1.ns1").exists()
    assert (odd / "array1.ns6").read_bytes() == (plain / "array1.ns6").read_bytes()
    assert usable_presentations(odd) == usable_presentations(plain)
    assert usable_presentations(odd)[0] > 45


def test_a_slower_file_with_more_resets_never_overrules_the_fastest(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", FAST, [(0, 300_000)])
    nsx(tmp_path, "a.ns1", SLOW, [(0, 2500), (120_000, 3000)], rate_hz=500.0)
    nev(tmp_path, "a", words(100))
    with refused(RecordingError, tmp_path / "a.ns1", "one clock segment of a.ns6 spans several", "leave this one out"):
        read_one(tmp_path)


def test_a_phantom_reset_is_refused_too_where_the_fastest_file_has_a_stub_that_the_slow_one_lacks() -> None:
    fast = segments((0, 0, 500), (1, 0, 900_000))
    with refused(RecordingError, "x.ns1", "spans several"):
        map_clock_segments(segments((0, 0, 400_000), (1, 390_000, 900_000)), fast, place="x.ns1")


def test_1000_clock_segments_map_with_a_few_calls_for_each() -> None:
    """Counted, not timed: a search of all against all takes a million, on whatever machine."""
    n_calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal n_calls
        n_calls += event in {"call", "c_call"}

    random = np.random.default_rng(1)
    ends = random.integers(30_000, 900_000, 1_000).tolist()
    fast = segments(*((number, 0, end) for number, end in enumerate(ends)))
    lost = set(random.choice(1_000, 10, replace=False).tolist())
    kept = [number for number in range(1_000) if number not in lost]
    slow = segments(*((number, 0, ends[there] - 15) for number, there in enumerate(kept)))
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = map_clock_segments(slow, fast, place="x.ns3")
    finally:
        sys.setprofile(before)
    assert n_calls < 50 * len(kept)
    assert [ends[there] for there in found.values()] == [ends[there] for there in kept]


def test_400_clock_segments_in_two_files_and_codes_in_each_are_brought_together(tmp_path: Path) -> None:
    n = 400
    nsx(tmp_path, "a.ns6", FAST, [(0, 60_000)] * n)
    nsx(tmp_path, "a.ns3", SLOW, [(0, 4000)] * n, rate_hz=2000.0)
    nev(tmp_path, "a", *(words(50_000, value=number + 1) for number in range(n)))
    device = read_one(tmp_path)
    assert device.parts[0].clock_segment_of(device.parts[0].samples[1]) == {number: number for number in range(n)}
    assert len(device.segments) == n
    offsets = device.seconds(np.arange(n), np.zeros(n))
    np.testing.assert_allclose(offsets, 2.0 * np.arange(n))


def test_blocks_of_a_second_that_overlap_by_a_tick_cost_no_presentation(tmp_path: Path) -> None:
    torn, sound = made(tmp_path / "torn", "overlapping_blocks"), made(tmp_path / "sound")
    assert usable_presentations(torn) == usable_presentations(sound) == (60, [])
    (device,) = read_devices([torn / "array1.nev", torn / "array1.ns6"])
    assert len(device.segments) == 1
    assert "taken for jitter" in device.repairs[0]


@pytest.mark.parametrize("definition", ["dicarlo", "zero_phase_butter", "causal"])
def test_holes_of_a_third_of_a_millisecond_every_50_keep_98_percent_of_crossings_and_all_presentations(
    tmp_path: Path, definition: str
) -> None:
    crossings, devices = [], []
    for name, faults in (("sound", ()), ("torn", ("ptp_holes",))):
        folder = made(tmp_path / name, *faults, specification="3.0-ptp", seconds=30.0)
        assert usable_presentations(folder) == (90, [])
        (device,) = read_devices([folder / "array1.nev", folder / "array1.ns6"])
        (voltage,) = device.voltages
        found = detect(voltage.samples, DEFINITIONS[definition], electrode_ids=voltage.electrode_ids)
        crossings.append(found)
        devices.append(device)
    sound, torn = crossings
    for electrode in (1, 2):
        both = agreement(sound.on(electrode).tick, torn.on(electrode).tick, tolerance_ticks=300_000)
        assert both.recall >= 0.98
        assert both.precision >= 0.98
    (said,) = devices[1].repairs
    assert "holes of up to 0.3 ms" in said
    (voltage,) = devices[1].voltages
    n_samples = voltage.samples.segments[0].n_samples
    in_holes = set(voltage.samples.ticks(0, voltage.samples.bridged(0, 0, n_samples)).tolist())
    assert len(in_holes) == 9 * len(range(1491, n_samples - 9, 1500))
    assert not in_holes & set(torn.tick.tolist())


def test_a_torn_file_gives_the_same_crossings_for_any_chunk_length(tmp_path: Path) -> None:
    place = np.arange(45_000)
    kept = place[(place % 1500 < 1491) & ((place < 20_000) | (place >= 20_020))]
    volts = np.random.default_rng(3).normal(0, 40, (45_000, 2)).astype(np.int16)
    ticks = np.round(kept * 100_000 / 3).astype(np.int64)
    write_nsx(
        tmp_path / "a.ns6",
        [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")],
        rate_hz=30_000,
        specification="3.0-ptp",
        chunks=[(ticks, volts[kept])],
        start=START,
    )
    nev(tmp_path, "b", words(100))
    (device,) = read_devices([tmp_path / "a.ns6"])
    (voltage,) = device.voltages
    found = [
        detect(voltage.samples, DEFINITIONS["dicarlo"], electrode_ids=(1, 2), chunk_samples=length)
        for length in (None, 1000, 1495)
    ]
    for one in found[1:]:
        np.testing.assert_array_equal(one.tick, found[0].tick)
        np.testing.assert_array_equal(one.electrode_id, found[0].electrode_id)


@pytest.mark.parametrize(("stub", "code"), [(20, 20), (200, 200), (15_000, 15_000), (29_000, 29_001)])
def test_a_code_in_a_stub_of_a_sample_stays_there(tmp_path: Path, stub: int, code: int) -> None:
    nsx(tmp_path, "a.ns6", FAST, [(stub, 1), (0, 300_000)])
    nev(tmp_path, "a", words(code, value=9), words(500, 16_000, 100_000))
    device = read_one(tmp_path)
    assert device.codes.clock_segment.tolist() == [0, 1, 1, 1]
    assert device.codes.value.tolist() == [9, 7, 7, 7]


def test_how_long_a_hole_may_be_is_a_setting(tmp_path: Path) -> None:
    folder = made(tmp_path / "torn", "ptp_holes", specification="3.0-ptp")
    files = [folder / "array1.nev", folder / "array1.ns6"]
    (default,), (strict,) = (read_devices(files, bridge_ms=bridge_ms) for bridge_ms in (1.0, 0.2))
    assert len(default.segments) == 1
    assert len(strict.segments) > 400
    assert strict.repairs == ()


def test_of_two_files_of_a_rate_the_ns6_says_where_the_clock_was_reset(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", FAST, [(0, 300_000)])
    nsx(tmp_path, "a.ns5", SLOW, [(0, 150_000), (120_000, 180_000)])
    nev(tmp_path, "a", words(100))
    with refused(RecordingError, tmp_path / "a.ns5", "one clock segment of a.ns6 spans several"):
        read_one(tmp_path)


@pytest.mark.parametrize(
    ("blocks", "before", "after"),
    [
        ([(0, 150_000), (0, 300_000)], [15_000], [3_000, 16_000, 100_000]),
        ([(0, 300_000), (0, 60_000)], [9_000, 15_000], [3_000, 40_000]),
        ([(500, 150_000), (0, 300_000)], [9_000, 28_000], [100, 200_000]),
    ],
)
def test_a_reset_soon_after_the_first_codes_is_seen_by_a_step_back_of_less_than_a_second(
    tmp_path: Path, blocks: list[tuple[int, int]], before: list[int], after: list[int]
) -> None:
    nsx(tmp_path, "a.ns6", FAST, blocks)
    nev(tmp_path, "a", words(*before, value=9), words(*after))
    device = read_one(tmp_path)
    assert device.codes.clock_segment.tolist() == [0] * len(before) + [1] * len(after)
    assert device.codes.tick.tolist() == before + after


def test_late_packets_are_no_reset_where_the_samples_know_of_one_elsewhere(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", FAST, [(0, 150_000), (0, 600_000)])
    late = NevBatch(code_tick=np.array([95_000, 100_000]), code_value=np.array([3, 4]))
    nev(tmp_path, "a", words(100, 90_000, 104_000), late, words(110_000, 500_000))  # .3 s late, in the second
    device = read_one(tmp_path)
    assert device.codes.clock_segment.tolist() == [1] * 7
    assert (np.diff(device.codes.tick) > 0).all()
