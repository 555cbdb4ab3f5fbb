"""Which channels of an NSx are electrodes, whatever a laboratory calls them, and what a bit is in uV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.commands.recording_files.info import describe_file
from closedloop.errors import RecordingError
from tests.unit.blackrock.nsx.nsx_files import ramp, write

LABEL_AT, DIGITAL_AT, UNITS_AT = 4, 22, 30  # within a channel's 66 bytes
NEURAL = {"digital_min": -32_764, "digital_max": 32_764, "analog_min": -8191, "analog_max": 8191}
IN_MV = {"digital_min": -32_000, "digital_max": 32_000, "analog_min": -8, "analog_max": 8}


def patched(file: Path, channel: int, at: int, value: bytes) -> Path:
    data = bytearray(file.read_bytes())
    start = 314 + 66 * channel + at
    data[start : start + len(value)] = value
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("units", "uv_per_bit"),
    [
        (b"uV", 0.25),
        (b"\xb5V", 0.25),  # Latin-1
        ("\N{MICRO SIGN}V".encode(), 0.25),
        ("\N{GREEK SMALL LETTER MU}V".encode(), 0.25),
        (b"nV", 0.00025),
        (b"", None),
        (b"mV", 250.0),
    ],
)
def test_a_named_electrode_is_one_in_every_unit(tmp_path: Path, units: bytes, uv_per_bit: float | None) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(9, 1))], channels=[NsxChannel(40, "V4_001")])
    patched(file, 0, UNITS_AT, units.ljust(16, b"\0"))
    (channel,) = open_samples(file, kind="electrode").channels
    assert channel.uv_per_bit == pytest.approx(uv_per_bit)


def test_a_named_electrode_beyond_the_first_front_end_is_told_by_its_range(tmp_path: Path) -> None:
    channels = [
        NsxChannel(200, "V4_200", units="mV", **IN_MV),
        NsxChannel(201, "V4_201", units="", **NEURAL),
        analog_input(257, "pressure"),
        NsxChannel(258, "V4_258", units="mV", digital_min=-32_767, digital_max=32_767, analog_min=-1, analog_max=1),
        NsxChannel(259, "tilt", units="deg", digital_min=-32_767, digital_max=32_767, analog_min=-90, analog_max=90),
    ]
    file = write(tmp_path / "made.ns6", [(0, ramp(9, 5))], channels=channels)
    assert [one.label for one in open_samples(file, kind="electrode").channels] == ["V4_200", "V4_201", "V4_258"]
    assert [one.label for one in open_samples(file, kind="analog").channels] == ["pressure", "tilt"]


def test_an_electrode_in_mv_is_described_in_uv(tmp_path: Path) -> None:
    channel = NsxChannel(5, "V4_005", units="mV", **IN_MV)
    file = write(tmp_path / "made.ns6", [(0, ramp(9, 1))], channels=[channel])
    (info,) = describe_file(file).channels
    assert (info.kind, info.units, info.scale) == ("electrode", "uV", pytest.approx(0.25))


def test_an_electrode_with_a_range_of_volts_stays_in_the_files_unit(tmp_path: Path) -> None:
    channel = NsxChannel(0, "elec0", units="mV", digital_min=-8192, digital_max=8192, analog_min=-5000, analog_max=5000)
    file = write(tmp_path / "made.ns3", [(0, ramp(9, 1))], channels=[channel])
    (info,) = describe_file(file).channels
    assert (info.kind, info.units, info.scale) == ("electrode", "mV", pytest.approx(5000 / 8192))


def test_numbers_of_ripples_stimulation_and_analog_channels_are_no_electrodes(tmp_path: Path) -> None:
    numbers = (5120, 5121, 10_240, 10_241)
    channels = [NsxChannel(number, f"elec{number}") for number in numbers]
    file = write(tmp_path / "made.ns6", [(0, ramp(9, 4))], channels=channels)
    kinds = [channel.kind for channel in open_samples(file).channels]
    assert kinds == ["electrode", "other", "other", "analog"]


def test_a_channel_without_a_scale_is_left_out_alone_and_said(tmp_path: Path) -> None:
    channels = [NsxChannel(number, f"elec{number}") for number in (1, 2, 3)]
    data = ramp(9)
    file = patched(write(tmp_path / "made.ns6", [(0, data)], channels=channels), 1, DIGITAL_AT, bytes(4))
    samples = open_samples(file, kind="electrode")
    assert [one.channel_id for one in samples.channels] == [1, 3]
    np.testing.assert_array_equal(samples.read(0, 0, 9), data[:, [0, 2]])
    assert samples.header.repairs == ("channel 2 elec2 has no scale (digital range 0 to 0) and was left out",)
    assert describe_file(file).channels[1].kind == "other"
    with pytest.raises(RecordingError, match="expected one electrode 2 among 2, found 0"):
        open_samples(file, channel_ids=[2], kind="electrode")
