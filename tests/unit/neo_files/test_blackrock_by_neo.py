"""Blackrock files by neo, as any other format is read: whole codes as labels, spikes of units, voltage; beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from closedloop.devices.device import Device, read_devices
from closedloop.devices.neo_device import read_neo_devices
from closedloop.errors import RecordingError
from closedloop.neo_files.source import close_neo, open_neo, source_of
from closedloop.neo_files.wiring import CodeWiring, NeoWiring, PhotodiodeWiring, RawWiring, SpikeWiring
from closedloop.recording.spikes import concatenate_spikes, in_order
from closedloop.simulation.sessions import MadeSession, make_session
from tests.unit.messages import refused

WIRING = NeoWiring(
    format="Blackrock",
    files="*.nev",
    raw=RawWiring(stream="nsx6", channels=("elec*",)),
    spikes=SpikeWiring(("ch*",)),
    codes=CodeWiring(events="digital_input_port"),
    photodiode=PhotodiodeWiring(stream="nsx6", channel="photodiode"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made session of four electrodes."""
    made = tmp_path_factory.mktemp("made")
    make_session(made, MadeSession(seconds=20.0, n_channels=4), progress=lambda _done, _total: None)
    return made


@pytest.fixture
def by_neo(folder: Path) -> Device:
    """What neo reads of it."""
    (device,) = read_neo_devices(folder, [WIRING])
    return device


@pytest.fixture(autouse=True, scope="module")
def closed(folder: Path) -> Iterator[None]:
    """Close what neo leaves open, when all is done."""
    yield
    close_neo(open_neo(source_of(next(folder.glob("*.nev")), "Blackrock")))


@pytest.fixture
def ours(folder: Path) -> Device:
    """What our own lines read."""
    (device,) = read_devices(sorted(folder.iterdir()))
    return device


def test_codes_segments_and_light_are_the_same(by_neo: Device, ours: Device) -> None:
    assert by_neo.tick_hz == ours.tick_hz
    assert by_neo.segments == ours.segments
    np.testing.assert_array_equal(by_neo.codes.value, ours.codes.value)
    np.testing.assert_array_equal(by_neo.codes.tick, ours.codes.tick)
    assert by_neo.edges is not None
    assert ours.edges is not None
    np.testing.assert_array_equal(by_neo.edges.tick, ours.edges.tick)


def test_spikes_of_units_are_the_same(by_neo: Device, ours: Device) -> None:
    found, expected = (in_order(concatenate_spikes(list(device.spikes()))) for device in (by_neo, ours))
    np.testing.assert_array_equal(found.tick, expected.tick)
    np.testing.assert_array_equal(found.electrode_id, expected.electrode_id)
    assert by_neo.parts[0].spike_electrodes == (1, 2, 3, 4)
    assert "by neo" in by_neo.parts[0].spikes_are


def test_voltage_is_the_same_and_gaps_that_neo_cannot_tell_are_said(by_neo: Device, ours: Device) -> None:
    (found,), (expected,) = by_neo.voltages, ours.voltages
    n = expected.samples.segments[0].n_samples
    np.testing.assert_array_equal(found.samples.read(0, 0, n), expected.samples.read(0, 0, n))
    assert any("neo tells no gaps inside of its segments" in sentence for sentence in by_neo.repairs)


def test_units_that_are_not_there_are_one_line(folder: Path) -> None:
    wrong = NeoWiring(format="Blackrock", files="*.nev", raw=None, spikes=SpikeWiring(("unit*",)), codes=WIRING.codes)
    with refused(RecordingError, next(folder.glob("*.nev")), "expected units unit*, found ch1#0"):
        read_neo_devices(folder, [wrong])
