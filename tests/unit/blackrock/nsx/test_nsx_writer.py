"""The NSx writer: streaming, what it refuses, what it says when the disk is full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.detection.definitions import definition_by_name
from closedloop.detection.spikes import detect
from closedloop.devices.device import read_devices
from closedloop.errors import StorageError
from tests.unit.blackrock.nsx.nsx_files import IN_BLOCKS, SPECIFICATIONS, START, ramp, write


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_the_writer_holds_one_chunk_at_a_time(tmp_path: Path, specification: str) -> None:
    file = tmp_path / "made.ns6"
    sizes = []
    starts = [0, 20_000, 40_000, 60_000]
    if specification == "3.0-ptp":
        starts = [round(start * 100_000 / 3) for start in starts]

    def chunks():
        for start in starts:
            yield start, ramp(20_000)
            sizes.append(next(tmp_path.iterdir()).stat().st_size)  # under a temporary name

    write(file, chunks(), specification=specification)
    assert sizes == sorted(set(sizes)), "each chunk was on disk before the next was asked for"
    assert [segment.n_samples for segment in open_samples(file).segments] == [80_000]


@pytest.mark.parametrize(
    ("specification", "chunks", "options"),
    [
        ("2.3", [(-1, ramp(5))], {}),
        ("2.3", [(2**32, ramp(5))], {}),
        ("2.3", [(0, ramp(5).astype(np.int32))], {}),
        ("2.3", [(0, ramp(5, 2))], {}),
        ("2.3", [(np.arange(5), ramp(5))], {}),
        ("2.3", [(0, ramp(5))], {"rate_hz": 7_000.0}),
        ("2.3", [(0, ramp(5))], {"channels": ()}),
        ("2.3", [(0, ramp(5))], {"tick_hz": 44_100}),
        ("2.1", [(0, ramp(5))], {"rate_hz": 20_000.0}),
        ("3.0-ptp", [(0, ramp(5))], {"rate_hz": 20_000.0}),
        ("2.1", [(0, ramp(5)), (6, ramp(5))], {}),
        ("2.1", [(3, ramp(5))], {}),
        ("2.1", [(0, ramp(5))], {"tick_hz": 1_000_000_000}),
        ("3.0-ptp", [(np.arange(4), ramp(5))], {}),
        ("3.0-ptp", [(np.arange(5) - 1, ramp(5))], {}),
        ("3.0-ptp", [(0, ramp(5))], {"tick_hz": 30_000}),
        ("2.7", [(0, ramp(5))], {}),
    ],
)
def test_the_writer_refuses_what_the_format_cannot_hold(
    tmp_path: Path, specification: str, chunks: list, options: dict
) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(tmp_path / "made.ns6", chunks, specification=specification, **options)


@pytest.mark.parametrize("label", ["µ-electrode", "a label of seventeen"])
def test_the_writer_refuses_labels_that_neo_cannot_read_or_that_would_be_cut(tmp_path: Path, label: str) -> None:
    with pytest.raises(ValueError, match=r"ascii|20 bytes"):
        write(tmp_path / "made.ns6", [(0, ramp(5, 1))], channels=[NsxChannel(1, label)])


def test_ticks_beyond_32_bits_fit_3_0(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(2**40, ramp(5))], specification="3.0")
    assert open_samples(file).segments[0].first_tick == 2**40


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"expected a place that takes this name, found a file \(.*\) in the way"):
        write(tmp_path / "file" / "made.ns6", [(0, ramp(5))])


@pytest.mark.parametrize("specification", IN_BLOCKS)
@pytest.mark.parametrize(("rate_hz", "tick_hz"), [(20_000.0, None), (25_000.0, None), (10_000.0, 20_000)])
def test_rates_that_do_not_divide_30_khz_have_a_clock_of_their_own(
    tmp_path: Path, specification: str, rate_hz: float, tick_hz: int | None
) -> None:
    step = round((tick_hz or rate_hz) / rate_hz)
    chunks = [(0, ramp(100)), (100 * step, ramp(50)), (90_000, ramp(200))]
    file = write(tmp_path / "made.ns6", chunks, specification=specification, rate_hz=rate_hz, tick_hz=tick_hz)
    source = open_samples(file)
    assert (source.rate_hz, source.tick_hz) == (rate_hz, tick_hz or rate_hz)
    assert [(s.first_tick, s.end_tick) for s in source.segments] == [(0, 150 * step), (90_000, 90_000 + 200 * step)]
    assert source.ticks(1, np.array([0, 199])).tolist() == [90_000, 90_000 + 199 * step]
    np.testing.assert_array_equal(source.read(1, 0, 200), ramp(200))


def test_a_device_at_20_khz_has_its_spikes_and_codes_at_their_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    volts = rng.normal(0, 30, (200_000, 1)).astype(np.int16)
    volts[10_000::10_000, 0] -= 900  # every half second
    file = write(tmp_path / "a.ns6", [(0, volts)], rate_hz=20_000.0, channels=[NsxChannel(1, "elec1")])
    batch = NevBatch(code_tick=np.array([30_000, 50_000]), code_value=np.array([1, 2]))
    contacts = [NevElectrode(1, "elec1")]
    write_nev(tmp_path / "a.nev", contacts, specification="2.3", batches=[batch], start=START, tick_hz=20_000)
    (device,) = read_devices([file, tmp_path / "a.nev"])
    seconds = device.seconds(device.codes.clock_segment, device.codes.tick.astype(np.float64))
    assert (seconds.tolist(), device.duration_s) == ([1.5, 2.5], 10.0)
    (voltage,) = device.voltages
    spikes = detect(voltage.samples, definition_by_name("zero_phase_butter"), electrode_ids=voltage.electrode_ids)
    found_s = spikes.tick / device.tick_hz
    assert all(abs(found_s - at).min() < 1e-4 for at in np.arange(0.5, 10, 0.5))
    assert len(spikes) < 60
