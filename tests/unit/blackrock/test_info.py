"""What `recording info` says of files, for machines and for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.info import read_info
from closedloop.blackrock.nev.header import NevElectrode, read_nev_header
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.commands.recording_files.info import info_as_json, info_lines
from closedloop.errors import RecordingError
from closedloop.simulation.damage import nsx as damage
from tests.unit.blackrock.nsx.nsx_files import DATA, SPECIFICATIONS, ReadByNeo, ramp, write
from tests.unit.messages import refused


def test_json_says_specification_channels_rate_and_blocks_with_times_in_seconds() -> None:
    file = DATA / "Test_anonymized.ns3"
    said = json.loads(info_as_json(read_info(file)))
    channels = said.pop("channels")
    assert channels[0] == {
        "id": 1,
        "label": "RAMY01",
        "units": "uV",
        "scale": pytest.approx(0.25),
        "offset": 0.0,
        "kind": "electrode",
    }
    neo = ReadByNeo(DATA / "Test_anonymized", 3)
    assert [str(channel["id"]) for channel in channels] == neo.channels["id"].tolist()
    assert said == {
        "file": str(file),
        "kind": "nsx",
        "specification": "2.3",
        "start": "2000-06-13T12:00:00+00:00",
        "rate_hz": 2000.0,
        "tick_hz": 30_000,
        "duration_s": 0.05,
        "blocks": [{"epoch": 0, "t0_tick": 114_000, "t0_s": 3.8, "n_samples": 100, "duration_s": 0.05}],
        "events": None,
        "repairs": [],
    }


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_every_specification_gives_its_name_rate_and_duration(tmp_path: Path, specification: str) -> None:
    info = read_info(write(tmp_path / "made.ns2", [(0, ramp(40))], specification=specification, rate_hz=2_000.0))
    assert (info.specification, info.rate_hz) == (specification, 2_000.0)
    assert info.tick_hz == (1_000_000_000 if specification == "3.0-ptp" else 30_000)
    assert info.duration_s == info.blocks[0].duration_s == pytest.approx(0.02, abs=1e-9)
    assert [channel.kind for channel in info.channels] == (
        ["electrode", "analog", "analog"] if specification == "2.1" else ["electrode", "electrode", "analog"]
    )


def test_pauses_count_in_the_duration_and_resets_do_not(tmp_path: Path) -> None:
    chunks = [(3_000, ramp(3_000)), (12_000, ramp(3_000)), (600, ramp(1_500))]
    info = read_info(write(tmp_path / "made.ns6", chunks))
    assert [(b.clock_segment, b.t0_s, b.duration_s) for b in info.blocks] == [
        (0, 0.1, 0.1),
        (0, 0.4, 0.1),
        (1, 0.02, 0.05),
    ]
    assert info.duration_s == 0.45  # 0.1 to 0.5 s, and 0.02 to 0.07 s
    assert info_lines(info)[3:] == [
        "  0.450 s in 3 uninterrupted blocks, the clock was reset once",
        "    clock segment 0, from 0.100000 s: 0.100000 s, 3000 samples x 3 channels",
        "    clock segment 0, from 0.400000 s: 0.100000 s, 3000 samples x 3 channels",
        "    clock segment 1, from 0.020000 s: 0.050000 s, 1500 samples x 3 channels",
    ]


def test_people_are_told_first_what_was_repaired_and_then_of_channels_in_groups(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(300))])
    damage.forget_last_count(file)
    assert info_lines(read_info(file)) == [
        f"{file}: NSx 2.3, 30000 samples a second, 30000 ticks a second, recorded 2024-05-06T07:08:09.123000+00:00",
        "  repaired: data block 0 was never closed by the recorder: 300 samples found",
        "  2 electrodes, 1 elec1 to 130 elec130: 0.25 uV a bit",
        "  1 analog input, 257 ainp1: 0.152593 mV a bit",
        "  0.010 s in 1 uninterrupted block",
        "    clock segment 0, from 0.000000 s: 0.010000 s, 300 samples x 3 channels",
    ]


def test_a_2_1_file_is_said_to_have_no_scale(tmp_path: Path) -> None:
    lines = info_lines(read_info(write(tmp_path / "made.ns6", [(0, ramp(30))], specification="2.1")))
    assert lines[0].endswith("recorded at an unknown time")
    assert lines[1] == "  1 electrode, 1 chan1: without a scale (the .nev has it)"
    assert lines[2] == "  2 analog inputs, 130 ainp2 to 257 ainp129: without a scale (the .nev has it)"


def events_file(file: Path) -> Path:
    batch = NevBatch(
        spike_tick=np.array([30, 45, 60_030]),
        spike_electrode=np.array([1, 129, 1]),
        spike_waveform=np.zeros((3, 48), np.int16),
        code_tick=np.array([50]),
        code_value=np.array([3]),
        comment_tick=np.array([45_000]),
        comment_text=("hello",),
    )
    write_nev(
        file,
        [NevElectrode(1, "elec1"), NevElectrode(129, "ainp1")],
        specification="2.3",
        batches=[batch],
        start=datetime(2024, 5, 6, tzinfo=UTC),
    )
    return file


def test_events_are_counted_by_kind_and_electrode(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    info = read_info(events_file(tmp_path / "made.nev"), progress=lambda done, total: told.append((done, total)))
    said = json.loads(info_as_json(info))
    assert (said["kind"], said["rate_hz"], said["tick_hz"]) == ("nev", None, 30_000)
    assert [(c["id"], c["label"], c["kind"]) for c in said["channels"]] == [
        (1, "elec1", "electrode"),
        (129, "ainp1", "analog"),
    ]
    assert said["events"] == {
        "n_packets": 5,
        "n_spikes": {"1": 2, "129": 1},
        "n_noise": 0,
        "n_digital": 1,
        "n_serial": 0,
        "n_other": 0,
        "n_out_of_order": 0,
        "comments": [{"epoch": 0, "t_s": 1.5, "text": "hello"}],
        "pauses": [],
    }
    assert told == sorted(told)
    assert told[-1] == (15, 15)


def test_people_are_told_of_events(tmp_path: Path) -> None:
    assert info_lines(read_info(events_file(tmp_path / "made.nev")))[-2:] == [
        "  5 packets: 3 spikes on 2 channels, 1 digital codes, 0 serial codes, 1 comments, 0 others",
        "  comment in clock segment 0 at 1.500000 s: hello",
    ]


def test_long_lists_are_cut_for_people(tmp_path: Path) -> None:
    chunks = [(start, ramp(2)) for start in range(0, 2_000, 100)]
    lines = info_lines(read_info(write(tmp_path / "made.ns6", chunks)))
    assert lines[-1] == "  ... and 8 more (--json lists all)"
    assert sum("samples x 3 channels" in line for line in lines) == 12


def test_a_foreign_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign.ns6").write_bytes(b"RIFFWAVEfmt")
    with pytest.raises(RecordingError, match=r"BRSMPGRP, NEURALCD, NEURALEV, NEURALSG\), found b'RIFFWAVE'"):
        read_info(tmp_path / "foreign.ns6")
    with pytest.raises(RecordingError, match=r"none\.ns6: expected a readable file, found: No such file"):
        read_info(tmp_path / "none.ns6")


def test_a_folder_in_the_place_of_a_file_is_said_and_what_lists_it(tmp_path: Path) -> None:
    for read in (read_info, read_nev_header):
        with refused(RecordingError, tmp_path, "expected a file, found a folder", "`closedloop recording info`"):
            read(tmp_path)
