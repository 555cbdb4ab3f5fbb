"""Open Ephys' binary format through neo: samples, gaps that neo passes over, codes on lines, light."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from closedloop.devices.device import Device
from closedloop.devices.neo_device import read_neo_devices
from closedloop.errors import RecordingError
from closedloop.neo_files.sample_numbers import read_npy
from closedloop.neo_files.samples import NeoSamples
from closedloop.neo_files.source import NeoSource
from closedloop.neo_files.streams import NeoChannel, NeoStream
from closedloop.neo_files.wiring import CodeWiring, NeoWiring, PhotodiodeWiring, RawWiring
from tests.unit.messages import refused
from tests.unit.neo_files.open_ephys_files import STREAM, ttl_of_codes, write_open_ephys

LINES = CodeWiring(lines=(1, 2, 3, 4, 5, 6, 7, 8))
VOLTS = np.random.default_rng(0).integers(-200, 200, (30_000, 4)).astype(np.int16)
CODES = [(3_000 * place, 17 * place % 255 + 1) for place in range(1, 9)]
TTL = ttl_of_codes(CODES, hold=3)


def read(folder: Path, codes: CodeWiring = LINES, photodiode: PhotodiodeWiring | None = None) -> Device:
    wiring = NeoWiring(raw=RawWiring(), codes=codes, photodiode=photodiode)
    (device,) = read_neo_devices(folder, [wiring])
    return device


def test_samples_are_the_bits_that_were_written_in_any_part_and_process(tmp_path: Path) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    (voltage,) = read(tmp_path).voltages
    samples = pickle.loads(pickle.dumps(voltage.samples))
    assert samples.electrode_ids == (1, 2, 3, 4)
    assert samples.read(0, 0, 30_000).dtype == np.int16
    np.testing.assert_array_equal(samples.read(0, 0, 30_000), VOLTS)
    np.testing.assert_array_equal(samples.read(0, 12_345, 12_350), VOLTS[12_345:12_350])
    assert samples.read(0, 0, 0).shape == (0, 4)


def test_a_bit_is_as_many_microvolts_as_the_file_says(tmp_path: Path) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=TTL, bit_volts=0.195)
    (voltage,) = read(tmp_path).voltages
    assert (voltage.uv_per_bit, voltage.uv_at_zero) == ((0.195,) * 4, (0.0,) * 4)


@pytest.mark.parametrize(
    ("dtype", "units", "gain", "offset", "uv"),
    [
        ("int16", "mV", 0.002, 0.5, (2.0, 500.0)),
        ("uint16", "uV", 0.195, -0.195 * 32_768, (0.195, 0.0)),  # Intan: its zero is the middle, as `read` has it
        ("float32", "V", 1.0, 0.0, (0.25, 0.0)),  # `read` scales them
    ],
)
def test_microvolts_are_those_of_the_bits_that_are_read(
    dtype: str, units: str, gain: float, offset: float, uv: tuple[float, float]
) -> None:
    channels = (NeoChannel("A-000", units, gain, offset),)
    stream = NeoStream(NeoSource(Path("day.rhd"), "Intan", ""), 0, "amplifiers", 30_000.0, dtype, channels)
    assert NeoSamples(stream, (0,), (1,), 30_000, ()).uv == ((uv[0],), (uv[1],))


def test_missing_sample_numbers_are_a_gap_on_one_clock_and_the_codes_keep_their_ticks(tmp_path: Path) -> None:
    numbers = np.concatenate([np.arange(100, 20_100), np.arange(25_000, 35_000)])
    write_open_ephys(tmp_path, VOLTS, numbers=numbers, ttl=TTL)
    device = read(tmp_path)
    assert [(s.clock_segment, s.first_tick, s.end_tick) for s in device.segments] == [
        (0, 100, 20_100),
        (0, 25_000, 35_000),
    ]
    assert list(zip(device.codes.tick.tolist(), device.codes.value.tolist(), strict=True)) == CODES
    (voltage,) = device.voltages
    np.testing.assert_array_equal(voltage.samples.read(1, 0, 10), VOLTS[20_000:20_010])
    assert voltage.samples.ticks(1, np.array([0, 9])).tolist() == [25_000, 25_009]


def test_sample_numbers_that_step_back_open_a_clock_segment_and_codes_follow(tmp_path: Path) -> None:
    numbers = np.concatenate([np.arange(15_000), np.arange(15_000)])
    ttl = ttl_of_codes([(3_000, 4), (9_000, 5)], hold=30) + ttl_of_codes([(2_000, 6), (8_000, 7)], hold=30)
    write_open_ephys(tmp_path, VOLTS, numbers=numbers, ttl=ttl)
    device = read(tmp_path)
    assert [segment.clock_segment for segment in device.segments] == [0, 1]
    assert device.codes.clock_segment.tolist() == [0, 0, 1, 1]
    assert device.codes.value.tolist() == [4, 5, 6, 7]


def test_recordings_of_an_experiment_are_one_clock_and_experiments_are_two(tmp_path: Path) -> None:
    for recording, first in ((1, 0), (2, 60_000)):
        ttl = ttl_of_codes([(first + 5_000, recording)], hold=30)
        write_open_ephys(tmp_path, VOLTS, numbers=first + np.arange(30_000), ttl=ttl, recording=recording)
    write_open_ephys(tmp_path, VOLTS, numbers=500_000 + np.arange(30_000), ttl=[], experiment=2)
    device = read(tmp_path)
    assert [(s.clock_segment, s.first_tick) for s in device.segments] == [(0, 0), (0, 60_000), (1, 500_000)]
    assert list(zip(device.codes.tick.tolist(), device.codes.value.tolist(), strict=True)) == [(5_000, 1), (65_000, 2)]


def test_the_photodiode_is_an_auxiliary_channel_on_the_same_clock(tmp_path: Path) -> None:
    light = np.where(np.arange(30_000) % 3_000 < 1_500, 0, 9_000).astype(np.int16)
    write_open_ephys(tmp_path, VOLTS, adc=light, numbers=700 + np.arange(30_000), ttl=ttl_of_codes([(900, 1)], hold=9))
    edges = read(tmp_path, photodiode=PhotodiodeWiring(f"{STREAM}_ADC", "ADC1")).edges
    assert edges is not None
    np.testing.assert_allclose(edges.tick, 700 + np.arange(10) * 3_000 + 1_499.5)


def test_lines_that_move_one_after_the_other_give_the_codes_that_were_sent(tmp_path: Path) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=ttl_of_codes(CODES, hold=300, skew=4))
    device = read(tmp_path, CodeWiring(lines=LINES.lines, settle_ms=1.0))
    assert device.codes.value.tolist() == [value for _, value in CODES]
    assert any("are no codes" in sentence for sentence in device.repairs)


def test_a_line_that_was_up_when_the_recorder_started_is_part_of_the_word(tmp_path: Path) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=[(2_000, -2), (5_000, 1), (5_100, -1), (8_000, 2), (8_100, -2)])
    assert read(tmp_path).codes.value.tolist() == [1, 2]


def test_a_file_cut_short_is_read_as_far_as_it_goes_and_said(tmp_path: Path) -> None:
    own = write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    with (own / "continuous" / STREAM / "continuous.dat").open("rb+") as stream:
        stream.truncate(20_000 * 4 * 2)
    device = read(tmp_path)
    assert device.segments[-1].end_tick == 20_000
    assert any("20000 samples and 30000 numbers" in sentence for sentence in device.repairs)


def test_without_sample_numbers_it_is_said_that_gaps_cannot_be_seen(tmp_path: Path) -> None:
    own = write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    (own / "continuous" / STREAM / "sample_numbers.npy").unlink()
    assert any("gaps inside of it cannot be seen" in sentence for sentence in read(tmp_path).repairs)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (CodeWiring(lines=(12, 13)), "expected digital codes in the events on lines 12, 13, found none"),
        (CodeWiring(events="other", lines=(1,)), f"found 0 among {STREAM}/TTL"),
        (CodeWiring(stream="nidq", lines=(1,)), "expected one stream nidq, found 0 among"),
        (CodeWiring(stream=STREAM, channels=("XD0",), lines=(1,)), "expected a channel XD0 in the stream"),
    ],
)
def test_a_wrong_code_channel_is_one_line(tmp_path: Path, codes: CodeWiring, words: str) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    with refused(RecordingError, tmp_path, words, "recorder's description"):
        read(tmp_path, codes)


def test_a_missing_stream_of_voltage_is_one_line_that_names_what_there_is(tmp_path: Path) -> None:
    write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    with refused(RecordingError, tmp_path, "expected one stream AP, found 0 among", STREAM):
        read_neo_devices(tmp_path, [NeoWiring(raw=RawWiring(stream="AP"), codes=LINES)])


def test_files_that_match_nothing_and_files_that_neo_cannot_read_are_one_line(tmp_path: Path) -> None:
    with refused(RecordingError, tmp_path, "*.rhd", "found none"):
        read_neo_devices(tmp_path, [NeoWiring(files="*.rhd", raw=RawWiring())])
    own = write_open_ephys(tmp_path, VOLTS, ttl=TTL)
    (own / "structure.oebin").write_text("{}")
    with refused(RecordingError, tmp_path, "OpenEphysBinary files that neo", "KeyError"):
        read(tmp_path)


@pytest.mark.parametrize("rate_hz", [36_000.0, 25_000.0, 30_100.0])
def test_a_rate_that_is_not_that_of_the_times_is_refused(tmp_path: Path, rate_hz: float) -> None:
    described = write_open_ephys(tmp_path, VOLTS, ttl=TTL) / "structure.oebin"
    described.write_text(described.read_text().replace('"sample_rate": 30000.0', f'"sample_rate": {rate_hz}'))
    with refused(RecordingError, tmp_path, f"expected {rate_hz:g} samples a second", "found 30000.0 by timestamps.npy"):
        read(tmp_path)


def test_times_of_a_clock_that_drifts_are_taken(tmp_path: Path) -> None:
    """timestamps.npy are on the clock of the main stream: tens of ppm beside the own one."""
    own = write_open_ephys(tmp_path, VOLTS, ttl=TTL) / "continuous" / STREAM / "timestamps.npy"
    np.save(own, np.arange(len(VOLTS)) / 30_000 * (1 + 50e-6) + 7.0)
    assert read(tmp_path).tick_hz == 30_000


def test_numbers_whose_header_says_gigabytes_are_refused_without_reading_them(tmp_path: Path) -> None:
    """A header of version 2 says its own length: numpy would read it, all of it, before it looked at it."""
    continuous = write_open_ephys(tmp_path, VOLTS, ttl=TTL) / "continuous" / STREAM
    numbers = continuous / "sample_numbers.npy"
    with numbers.open("wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little"))
        file.truncate(1 << 31)  # of which the disk has one block
    tracemalloc.start()
    with refused(RecordingError, numbers, "expected a .npy file, found a header that describes no plain array."):
        read_npy(numbers)
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 1 << 24
