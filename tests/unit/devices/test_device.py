"""A processor's files on one set of clock segments: several recordings, slow and fast files, electrodes, light."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.devices.device import Device, read_devices
from closedloop.errors import RecordingError
from closedloop.recording.spikes import concatenate_spikes
from tests.unit.messages import refused

START = datetime(2024, 5, 6, tzinfo=UTC)
Blocks = list[tuple[int, int]]


def nev(
    folder: Path, stem: str, *batches: NevBatch, electrodes: tuple[int, ...] = (1, 2), start: datetime = START
) -> None:
    contacts = [NevElectrode(number, f"elec{number}") for number in electrodes]
    write_nev(folder / f"{stem}.nev", contacts, specification="2.3", batches=batches, start=start, in_order=False)


def words(*ticks: int, value: int = 7) -> NevBatch:
    return NevBatch(code_tick=np.array(ticks), code_value=np.full(len(ticks), value))


def spikes(*ticks: int, electrode: int = 1) -> NevBatch:
    return NevBatch(spike_tick=np.array(ticks), spike_electrode=np.full(len(ticks), electrode))


def nsx(
    folder: Path,
    name: str,
    channels: list[NsxChannel],
    blocks: Blocks,
    *,
    rate_hz: float = 30_000.0,
    start: datetime = START,
) -> None:
    chunks = [(first, np.zeros((n, len(channels)), np.int16)) for first, n in blocks]
    write_nsx(folder / name, channels, rate_hz=rate_hz, specification="2.3", chunks=chunks, start=start)


def square_wave(folder: Path, name: str, label: str, *, period: int, n: int, rate_hz: float) -> None:
    volts = np.where(np.arange(n) % period < period // 2, 0, 10_000).astype(np.int16)[:, None]
    channel = [analog_input(10_241, label)]
    write_nsx(folder / name, channel, rate_hz=rate_hz, specification="2.3", chunks=[(0, volts)], start=START)


def read_one(folder: Path, **options: str) -> Device:
    (device,) = read_devices(sorted(folder.iterdir()), **options)
    return device


def test_two_recordings_of_a_day_follow_one_another_in_clock_segments(tmp_path: Path) -> None:
    for hour, stem in enumerate(("a-1", "a-2")):
        start = START + timedelta(hours=hour)
        blocks = [(0, 60_000), (90_000, 60_000), (0, 60_000)]
        nsx(tmp_path, f"{stem}.ns6", [NsxChannel(1, "elec1")], blocks, start=start)
        nev(tmp_path, stem, words(100, 95_000), spikes(50_000), words(50_000, value=8), start=start)
    device = read_one(tmp_path)
    assert [segment.clock_segment for segment in device.segments] == [0, 0, 1, 2, 2, 3]
    assert device.codes.clock_segment.tolist() == [0, 0, 1, 2, 2, 3]
    assert device.codes.value.tolist() == [7, 7, 8, 7, 7, 8]
    assert concatenate_spikes(list(device.spikes())).clock_segment.tolist() == [1, 3]


def test_recordings_follow_one_another_by_the_time_in_their_files_whatever_their_names(tmp_path: Path) -> None:
    nev(tmp_path, "evening", words(100, 30_000, value=2), start=START + timedelta(hours=9))
    nev(tmp_path, "morning", words(100, 30_000, value=1))
    assert read_one(tmp_path).codes.value.tolist() == [1, 1, 2, 2]


def test_a_file_of_another_day_under_the_stem_of_these_is_refused(tmp_path: Path) -> None:
    nev(tmp_path, "array1", words(100, 90_000), start=START + timedelta(days=1))
    nsx(tmp_path, "array1.ns6", [NsxChannel(1, "elec1")], [(0, 100_000)])
    with pytest.raises(RecordingError, match=r"array1\.ns6: expected a recording started at 2024-05-07 00:00 UTC"):
        read_one(tmp_path)


@pytest.mark.parametrize("later_s", [0.0, 0.02, 1.5])
@pytest.mark.parametrize("stems", [("left", "right"), ("a-1", "a-2"), ("hub1", "nsp1")])
def test_files_recorded_at_the_same_time_are_never_taken_for_parts(
    tmp_path: Path, stems: tuple[str, str], later_s: float
) -> None:
    for n, stem in enumerate(stems):
        nev(tmp_path, stem, words(100, 90_000), start=START + timedelta(seconds=n * later_s))
    with refused(RecordingError, tmp_path, *stems, "at the same time", "--array left=LEFT*"):
        read_devices(sorted(tmp_path.iterdir()))
    patterns = tuple(f"{stem.upper()}*" for stem in stems)
    assert [device.name for device in read_devices(sorted(tmp_path.iterdir()), arrays=patterns)] == list(stems)


def test_numbered_parts_without_a_date_and_a_clock_that_ran_on_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "clock").mkdir()
    for stem in ("day001", "day002"):
        nev(tmp_path / "parts", stem, words(100, 90_000))
    assert read_one(tmp_path / "parts").codes.clock_segment.tolist() == [0, 0, 1, 1]
    for stem, first in (("before", 0), ("later", 120_000)):
        nev(tmp_path / "clock", stem, words(first + 100, first + 90_000))
    assert read_one(tmp_path / "clock").codes.tick.tolist() == [100, 90_000, 120_100, 210_000]


def test_a_file_that_ends_before_its_neighbours_is_said(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 300_000)])
    nsx(tmp_path, "a.ns2", [NsxChannel(1, "elec1")], [(0, 9_000)], rate_hz=1000.0)
    nev(tmp_path, "a", spikes(*range(0, 240_000, 300)))
    of_nev, of_ns2 = sorted(read_one(tmp_path).remarks, key=lambda said: said.startswith("a.ns2"))
    assert of_nev.startswith("a.nev ends 2.0 s before a.ns6")
    assert of_ns2.startswith("a.ns2 ends 1.0 s before a.ns6")


def test_voltage_that_ends_before_the_nev_is_said(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 60_000), (90_000, 60_000)])
    nev(tmp_path, "a", spikes(*range(0, 60_000, 300), *range(90_000, 240_000, 300)))
    (remark,) = read_one(tmp_path).remarks
    assert remark.startswith("a.ns6 ends 3.0 s before a.nev")


def test_files_that_end_together_and_a_nev_with_few_packets_are_not_spoken_of(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 300_000)])
    nsx(tmp_path, "a.ns2", [NsxChannel(1, "elec1")], [(0, 9_999)], rate_hz=1000.0)
    nev(tmp_path, "a", spikes(100, 60_000))
    assert read_one(tmp_path).remarks == ()


def test_a_nev_without_spikes_may_be_silent_for_as_long_as_nobody_sends_a_code(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns2", [NsxChannel(1, "elec1")], [(0, 60_000)], rate_hz=1000.0)
    nev(tmp_path, "a", words(*range(0, 600_000, 2_000)))  # 15 a second for 20 of 60 s
    assert read_one(tmp_path).remarks == ()


def test_voltage_that_ends_before_the_last_code_is_said_without_any_spike(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns2", [NsxChannel(1, "elec1")], [(0, 15_000)], rate_hz=1000.0)
    nev(tmp_path, "a", words(*range(0, 600_001, 2_000)))
    (remark,) = read_one(tmp_path).remarks
    assert remark.startswith("a.ns2 ends 5.0 s before a.nev")


def test_times_of_all_clock_segments_lie_end_to_end_on_one_axis(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(30_000, 60_000), (15_000, 30_000)])
    nev(tmp_path, "a", words(40_000), words(20_000))
    device = read_one(tmp_path)
    seconds = device.seconds(np.array([0, 0, 1, 1]), np.array([30_000.0, 90_000.0, 15_000.0, np.nan]))
    np.testing.assert_allclose(seconds, [1.0, 3.0, 3.0, np.nan])
    assert device.duration_s == 3.0


def test_the_fastest_file_says_when_was_recorded(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns2", [NsxChannel(1, "elec1")], [(0, 1000)], rate_hz=1000.0)
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 500), (0, 30_000)])
    nev(tmp_path, "a", words(1000))
    device = read_one(tmp_path)
    assert [segment.n_samples for segment in device.segments] == [500, 30_000]
    assert device.codes.clock_segment.tolist() == [1]
    assert [(voltage.samples.file.suffix, voltage.clock_segment_of) for voltage in device.voltages] == [
        (".ns6", {0: 0, 1: 1})
    ]


def test_the_photodiode_is_found_in_any_file_by_its_label(tmp_path: Path) -> None:
    square_wave(tmp_path, "a.ns3", "PhotoDiode_L", period=400, n=4000, rate_hz=2000.0)
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 60_000)])
    nev(tmp_path, "a", words(100))
    edges = read_one(tmp_path).edges
    assert edges is not None
    np.testing.assert_allclose(edges.tick, 15 * (np.arange(10) * 400 + 199.5))
    assert read_one(tmp_path, photodiode="other").edges is None


def test_electrodes_come_from_both_files_and_analog_inputs_are_none(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(3, "elec3"), analog_input(10_241, "ainp1")], [(0, 30_000)])
    nev(tmp_path, "a", words(100), electrodes=(2, 1))
    device = read_one(tmp_path)
    assert [(one.electrode_id, one.label) for one in device.electrodes] == [(1, "elec1"), (2, "elec2"), (3, "elec3")]
    assert [voltage.electrode_ids for voltage in device.voltages] == [(3,)]


def test_an_electrode_in_two_files_is_taken_from_the_faster_and_field_potentials_from_none(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 30_000)])
    nsx(tmp_path, "a.ns5", [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")], [(0, 15_000)], rate_hz=15_000.0)
    nsx(tmp_path, "a.ns2", [NsxChannel(3, "elec3")], [(0, 1000)], rate_hz=1000.0)
    nev(tmp_path, "a", words(100))
    found = [(voltage.samples.file.suffix, voltage.electrode_ids) for voltage in read_one(tmp_path).voltages]
    assert found == [(".ns6", (1,)), (".ns5", (2,))]


def test_a_nev_alone_tells_when_was_recorded(tmp_path: Path) -> None:
    nev(tmp_path, "a", words(100), spikes(30_000), words(60_000))
    device = read_one(tmp_path)
    assert device.voltages == ()
    assert device.segments[0].first_tick <= 100
    assert device.segments[-1].end_tick >= 60_000


def test_a_truncated_file_is_said_with_its_name(tmp_path: Path) -> None:
    nsx(tmp_path, "a.ns6", [NsxChannel(1, "elec1")], [(0, 30_000)])
    nev(tmp_path, "a", words(100))
    with (tmp_path / "a.ns6").open("rb+") as stream:
        stream.truncate((tmp_path / "a.ns6").stat().st_size - 1001)
    (sentence,) = read_one(tmp_path).repairs
    assert sentence.startswith("a.ns6: ")


def test_files_of_different_clocks_are_refused(tmp_path: Path) -> None:
    chunk = [(0, np.zeros((100, 1), np.int16))]
    write_nsx(
        tmp_path / "a.ns6", [NsxChannel(1, "elec1")], rate_hz=30_000, specification="3.0-ptp", chunks=chunk, start=START
    )
    nev(tmp_path, "a", words(100))
    with refused(RecordingError, tmp_path / "a", "one clock"):
        read_devices(sorted(tmp_path.iterdir()))


def test_without_any_file_there_is_no_device(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="found none"):
        read_devices(sorted(tmp_path.iterdir()))


def test_a_processor_of_headers_alone_was_stopped_at_once_and_is_refused(tmp_path: Path) -> None:
    nsx(tmp_path, "array1.ns6", [NsxChannel(1, "elec1")], [])
    with refused(RecordingError, tmp_path / "array1", "expected samples or packets, found headers alone: the recorder"):
        read_one(tmp_path)
    nev(tmp_path, "array1")
    with refused(RecordingError, tmp_path / "array1", "expected samples or packets, found headers alone: the recorder"):
        read_one(tmp_path)


def test_an_nsx_without_a_sample_leaves_the_nev_its_own_clock_and_that_is_said(tmp_path: Path) -> None:
    nev(tmp_path, "array1", words(300, 600), spikes(450))
    nsx(tmp_path, "array1.ns6", [NsxChannel(1, "elec1"), analog_input(10_241, "photodiode")], [])
    device = read_one(tmp_path)
    assert device.codes.tick.tolist() == [300, 600]
    assert device.edges is None
    assert device.voltages == ()
    assert "array1.ns6: holds no sample and was passed over" in device.repairs


def test_a_recording_that_was_stopped_at_once_lies_beside_the_one_that_counts(tmp_path: Path) -> None:
    nev(tmp_path, "array1-000", start=START - timedelta(minutes=1))
    nsx(tmp_path, "array1-000.ns6", [NsxChannel(1, "elec1")], [], start=START - timedelta(minutes=1))
    nev(tmp_path, "array1-001", words(300, 600))
    nsx(tmp_path, "array1-001.ns6", [NsxChannel(1, "elec1")], [(0, 900)])
    device = read_one(tmp_path)
    assert (device.codes.tick.tolist(), device.codes.clock_segment.tolist()) == ([300, 600], [0, 0])
    assert [segment.clock_segment for segment in device.segments] == [0]
    assert "array1-000: holds headers alone and was passed over" in device.repairs
