"""NEV files of other makers and of sorted recordings: Ripple's headers, stimulation channels, the noise unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.header import NevElectrode, read_nev_header
from closedloop.blackrock.nev.waveforms import read_waveforms
from closedloop.blackrock.nev.writer import NevBatch
from closedloop.commands.recording_files.info import describe_file, info_lines
from tests.unit.blackrock.nev.nev_files import WIDTH, batch, write

WIDTH_AT = 22  # of an extended header: where NEUEVWAV has its width
UNSET = 43_694  # 0xAAAE: memory that was never filled in


def unset_widths(file: Path, ids: range) -> Path:
    """Leave the widths of these channels' headers as Ripple's recorder leaves those of unused channels."""
    data = bytearray(file.read_bytes())
    for at in range(336, int.from_bytes(data[12:16], "little"), 32):
        if data[at : at + 8] == b"NEUEVWAV" and int.from_bytes(data[at + 8 : at + 10], "little") in ids:
            data[at + WIDTH_AT : at + WIDTH_AT + 2] = UNSET.to_bytes(2, "little")
    file.write_bytes(data)
    return file


@pytest.fixture
def trellis(tmp_path: Path) -> Path:
    """Write a 2.2 file with four electrodes and a stimulating front end, its 32 widths not set."""
    contacts = [NevElectrode(number, f"elec{number}") for number in (1, 2, 3, 4)]
    stimulation = [NevElectrode(number, f"stim{number}") for number in range(5249, 5281)]
    made = batch([(30, 1), (40, 5250), (50, 4)], codes=[(35, 17), (60, 18)])
    file = write(tmp_path / "trellis.nev", made, specification="2.2", electrodes=[*contacts, *stimulation])
    return unset_widths(file, range(5249, 5281))


def test_widths_that_were_never_set_are_ignored_and_said(trellis: Path) -> None:
    header = read_nev_header(trellis)
    assert header.repairs == (
        "the header gives 32 channels (5249 to 5280) waveforms of up to 43694 samples, for which packets have no room "
        "(16 bytes): that width was ignored",
    )
    assert [one.waveform_samples for one in header.channels] == [WIDTH] * 4 + [None] * 32


def test_spikes_and_codes_of_a_trellis_file_are_right_and_stimulation_channels_are_no_electrodes(trellis: Path) -> None:
    events, header = read_nev(trellis), read_nev_header(trellis)
    assert events.spikes.tick.tolist() == [30, 50]
    assert events.spikes.electrode_id.tolist() == [1, 4]
    assert (events.codes.tick.tolist(), events.codes.value.tolist()) == ([35, 60], [17, 18])
    assert [one.electrode_id for one in header.electrodes] == [1, 2, 3, 4]
    assert read_waveforms(trellis, 4).tolist() == [list(range(50, 50 + WIDTH))]
    assert "1 packets of stimulation channels or analog inputs (ids from 5121 on) are no spikes" in events.repairs
    kinds = {channel.id: channel.kind for channel in describe_file(trellis).channels}
    assert (kinds[4], kinds[5249]) == ("electrode", "other")


def test_a_width_of_one_unused_electrode_is_ignored_though_no_other_is_given(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(5, 9)]), electrodes=[NevElectrode(7, "elec7")])
    header = read_nev_header(unset_widths(file, range(7, 8)))
    assert header.electrodes[0].waveform_samples is None
    assert header.repairs[0].startswith("the header gives channel 7 waveforms of up to 43694 samples")
    assert read_nev(file).codes.value.tolist() == [9]


def test_an_analog_input_with_a_threshold_is_no_electrode(tmp_path: Path) -> None:
    both = [NevElectrode(1, "elec1"), NevElectrode(129, "ainp1")]
    header = read_nev_header(write(tmp_path / "made.nev", batch([(1, 1)]), electrodes=both))
    assert [one.electrode_id for one in header.electrodes] == [1]
    assert header.channels[1].label == "ainp1"


SORTED = NevBatch(
    spike_tick=np.array([10, 20, 30, 40]),
    spike_electrode=np.array([1, 1, 1, 2]),
    spike_unit=np.array([0, 255, 3, 255]),
    spike_waveform=np.arange(4 * WIDTH, dtype=np.int16).reshape(4, WIDTH),
)


def test_the_noise_unit_is_left_out_and_said_and_all_other_units_stay(tmp_path: Path) -> None:
    file = write(tmp_path / "sorted.nev", SORTED)
    events = read_nev(file)
    assert (events.spikes.tick.tolist(), events.spike_unit.tolist()) == ([10, 30], [0, 3])
    assert events.n_noise == 2
    assert events.repairs == ("2 spikes in the noise unit (255) were left out",)
    assert read_waveforms(file, 1)[:, 0].tolist() == [0, 2 * WIDTH]


def test_the_noise_unit_is_there_for_who_asks(tmp_path: Path) -> None:
    file = write(tmp_path / "sorted.nev", SORTED)
    events = read_nev(file, noise=True)
    assert (events.spikes.tick.tolist(), events.spike_unit.tolist()) == ([10, 20, 30, 40], [0, 255, 3, 255])
    assert events.repairs == ("2 spikes in the noise unit (255) were kept as wanted",)
    assert read_waveforms(file, 1, noise=True)[:, 0].tolist() == [0, WIDTH, 2 * WIDTH]
    assert any("4 spikes on 2 channels (2 in the noise unit, 255)" in line for line in info_lines(describe_file(file)))
