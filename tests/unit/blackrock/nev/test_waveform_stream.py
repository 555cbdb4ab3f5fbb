"""Waveforms out of a NEV, part by part: the values, which spikes, and how much memory."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.packing import NevBatch
from closedloop.blackrock.nev.waveforms import SpikeWaveforms, stream_waveforms
from closedloop.errors import RecordingError
from closedloop.simulation.damage.nev import shuffle
from tests.unit.blackrock.nev.nev_files import SPECIFICATIONS, batch, neo_of, write
from tests.unit.messages import refused


def joined(parts: Sequence[SpikeWaveforms]) -> tuple[np.ndarray, ...]:
    """Clock segment, tick, electrode, unit and waveform of all parts."""
    return (
        np.concatenate([np.full(len(part), part.clock_segment) for part in parts]),
        np.concatenate([part.tick for part in parts]),
        np.concatenate([part.electrode_id for part in parts]),
        np.concatenate([part.unit for part in parts]),
        np.concatenate([part.waveform_uv for part in parts]),
    )


def random_file(folder: Path, *, n: int = 400, specification: str = "2.3") -> Path:
    rng = np.random.default_rng(5)
    made = NevBatch(
        spike_tick=np.sort(rng.integers(0, 90_000, n)),
        spike_electrode=rng.choice([1, 2, 130], n),
        spike_waveform=rng.integers(-3000, 3000, (n, 8)).astype(np.int16),
        spike_unit=rng.choice([0, 1, 2, 255], n),
        code_tick=np.sort(rng.integers(0, 90_000, 50)),
        code_value=rng.integers(0, 65535, 50),
    )
    electrodes = [NevElectrode(i, f"elec{i}", nv_per_bit=i * 50 + 100) for i in (1, 2, 130)]
    return write(folder / "made.nev", made, specification=specification, electrodes=electrodes)


@pytest.mark.parametrize("specification", ["2.2", "2.3", "3.0"])
def test_times_units_and_microvolts_are_those_that_neo_gives(tmp_path: Path, specification: str) -> None:
    file = random_file(tmp_path, specification=specification)
    _, tick, electrode, unit, waveform = joined(list(stream_waveforms(file, units=range(256))))
    neo = neo_of(file)
    assert neo.spike_channels_count() == 12  # three electrodes of four units
    for index, channel in enumerate(neo.header["spike_channels"]):
        number, own_unit = (int(word) for word in channel["name"].removeprefix("ch").split("#"))
        own = (electrode == number) & (unit == own_unit)
        assert tick[own].tolist() == neo.get_spike_timestamps(0, 0, index).tolist()
        raw = neo.get_spike_raw_waveforms(0, 0, index)[:, 0]
        assert channel["wf_units"] == "uV"
        np.testing.assert_allclose(waveform[own], raw * channel["wf_gain"], rtol=1e-6)


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_each_spike_has_the_waveform_of_its_own_packet(tmp_path: Path, specification: str) -> None:
    rows = [(300, 1), (900, 2), (901, 130)]
    file = write(tmp_path / "made.nev", batch(rows, [(500, 3)]), specification=specification)
    _, tick, electrode, _, waveform = joined(list(stream_waveforms(file)))
    assert list(zip(tick.tolist(), electrode.tolist(), strict=True)) == rows
    assert waveform[1].tolist() == [0.25 * (900 + k) for k in range(8)]


def test_packets_packed_by_hand_are_read_as_their_headers_say(tmp_path: Path) -> None:
    """8 bits and 3 samples on electrode 1, 32 bits and 2 samples on electrode 2; 16 bits on 3, without a scale."""
    electrodes = [
        NevElectrode(1, "one", nv_per_bit=2000, bytes_per_sample=1),
        NevElectrode(2, "two", nv_per_bit=500, bytes_per_sample=4),
        NevElectrode(3, "three", nv_per_bit=0, bytes_per_sample=2),
    ]
    file = write(tmp_path / "made.nev", electrodes=electrodes, int16_waveforms=False, waveform_samples=2)
    head = file.read_bytes()
    header = bytearray(head)
    room = int.from_bytes(header[12 + 4 : 12 + 8], "little") - 8
    for index, width in enumerate((3, 2, 2)):
        header[336 + 32 * index + 22 : 336 + 32 * index + 24] = struct.pack("<H", width)
    packets = b"".join(
        struct.pack("<IHBB", tick, electrode, unit, 0) + waveform.ljust(room, b"\x7f")
        for tick, electrode, unit, waveform in (
            (30, 1, 1, struct.pack("<3b", -128, 0, 127)),
            (60, 2, 2, struct.pack("<2i", -70_000, 70_000)),
            (90, 3, 0, struct.pack("<2h", -5, 5)),
        )
    )
    file.write_bytes(bytes(header) + packets)
    _, tick, electrode, unit, waveform = joined(list(stream_waveforms(file)))
    assert (tick.tolist(), electrode.tolist(), unit.tolist()) == ([30, 60, 90], [1, 2, 3], [1, 2, 0])
    nan = np.nan
    np.testing.assert_array_equal(waveform, [[-256, 0, 254], [-35_000, 35_000, nan], [nan, nan, nan]])


def test_the_scale_of_an_analog_input_that_overflowed_its_header_is_known(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(5, 1)]), electrodes=[NevElectrode(1, "ainp1", nv_per_bit=21516)])
    assert joined(list(stream_waveforms(file)))[4][0, 1] == np.float32(6 * 152.592547)


def test_electrodes_units_and_ticks_choose_among_all(tmp_path: Path) -> None:
    file = random_file(tmp_path)
    every = joined(list(stream_waveforms(file, units=range(256))))
    chosen = joined(
        list(stream_waveforms(file, electrode_ids=[130, 1], units={0, 255}, ticks={0: range(20_000, 70_000)}))
    )
    _, tick, electrode, unit, _ = every
    own = np.isin(electrode, [1, 130]) & np.isin(unit, [0, 255]) & (tick >= 20_000) & (tick < 70_000)
    assert 0 < own.sum() < len(tick)
    for ours, all_of_them in zip(chosen, every, strict=True):
        np.testing.assert_array_equal(ours, all_of_them[own])


def test_spikes_come_in_the_order_of_read_nev_also_from_a_file_out_of_order(tmp_path: Path) -> None:
    file = random_file(tmp_path, n=5000)
    before = joined(list(stream_waveforms(file)))
    shuffle(file, ticks=9)
    events, after = read_nev(file), joined(list(stream_waveforms(file)))
    np.testing.assert_array_equal(after[1], events.spikes.tick)
    np.testing.assert_array_equal(after[2], events.spikes.electrode_id)
    np.testing.assert_array_equal(after[3], events.spike_unit)
    keys = [np.lexsort((*rows[4].T, rows[3], rows[2], rows[1])) for rows in (before, after)]
    np.testing.assert_array_equal(before[4][keys[0]], after[4][keys[1]])


def test_noise_is_left_out_unless_asked_for_as_by_read_nev(tmp_path: Path) -> None:
    units = [set(joined(list(stream_waveforms(random_file(tmp_path), units=one)))[3]) for one in (None, {255})]
    assert units == [{0, 1, 2}, {255}]


def test_ticks_of_one_clock_segment_do_not_choose_those_of_the_next(tmp_path: Path) -> None:
    part = batch([(300, 1), (90_000, 2)])
    file = write(tmp_path / "made.nev", part, part, in_order=False)
    clock_segment, tick, *_ = joined(list(stream_waveforms(file, ticks={1: range(400)})))
    assert (clock_segment.tolist(), tick.tolist()) == ([1], [300])


def test_an_electrode_that_the_header_does_not_have_is_refused(tmp_path: Path) -> None:
    with refused(RecordingError, tmp_path, "header of electrode 7", "recording info"):
        next(stream_waveforms(random_file(tmp_path), electrode_ids=[1, 7]))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    n, seconds = 4_000, 4
    parts = [
        NevBatch(
            spike_tick=np.linspace(k * seconds, (k + 1) * seconds, n, endpoint=False).astype(np.int64) * 30_000,
            spike_electrode=np.ones(n, np.int64),
            spike_waveform=np.full((n, 100), k, np.int16),
        )
        for k in range(50)
    ]
    electrodes = [NevElectrode(1, "elec1")]
    file = write(tmp_path / "made.nev", *parts, electrodes=electrodes, waveform_samples=100)
    assert file.stat().st_size > 40_000_000
    tracemalloc.start()
    try:
        n_read = sum(len(part) for part in stream_waveforms(file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_read == 50 * n
    assert peak < 25_000_000
