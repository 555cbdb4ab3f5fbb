"""`closedloop recording events`: every packet is a row, in order, with what it says and nothing else."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from closedloop.artifacts.commands.recording_tables import RECORDING_EVENTS
from closedloop.artifacts.tables import is_simulated, read_table
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.cli import app
from closedloop.commands.recording_files import events as command
from closedloop.errors import OptionError, RecordingError, StorageError
from closedloop.simulation.damage.nev import cut_off, flip_tick_bit, shuffle
from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.unit.blackrock.nev.nev_files import START, batch, neo_of, with_codes, write
from tests.unit.messages import refused


def rows_of(out: Path) -> list[dict]:
    with pq.ParquetFile(out) as file:
        return file.read().to_pylist()


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["recording", "events", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_each_kind_of_packet_is_a_row_with_its_own_columns(tmp_path: Path) -> None:
    made = batch(
        [(30, 7)], [(60, 65535)], [(90, "hello")], serial=[(45, 3)], pauses=[(30_000, 60_000)], others=[(90_000, 65534)]
    )
    output = run(write(tmp_path / "made.nev", made), "--out", tmp_path / "events.parquet")
    nothing = {"epoch": 0, "electrode_id": None, "unit": None, "value": None, "text": None}
    assert rows_of(tmp_path / "events.parquet") == [
        {**nothing, "kind": "spike", "tick": 30, "time_s": 0.001, "electrode_id": 7, "unit": 0},
        {**nothing, "kind": "serial", "tick": 45, "time_s": 0.0015, "value": 3},
        {**nothing, "kind": "digital", "tick": 60, "time_s": 0.002, "value": 65535},
        {**nothing, "kind": "comment", "tick": 90, "time_s": 0.003, "text": "hello"},
        {**nothing, "kind": "pause", "tick": 30_000, "time_s": 1.0},
        {**nothing, "kind": "resume", "tick": 60_000, "time_s": 2.0},
        {**nothing, "kind": "other", "tick": 90_000, "time_s": 3.0, "value": 65534},
    ]
    assert "spike 1, digital 1, serial 1, comment 1, pause 1, resume 1; clock segments 1" in output
    assert "nothing had to be repaired" in output


def test_without_spikes_the_other_rows_stay(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(30, 7), (70, 8)], [(60, 5)]))
    run(file, "--out", tmp_path / "events.parquet", "--no-spikes")
    assert [row["kind"] for row in rows_of(tmp_path / "events.parquet")] == ["digital"]


def test_the_table_holds_what_read_nev_gives_in_row_groups(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    ticks = np.sort(random.integers(0, 30_000 * 3600, 60_000))
    parts = [batch([(int(tick), int(tick) % 90 + 1) for tick in part]) for part in np.split(ticks, 3)]
    file = write(tmp_path / "made.nev", *parts, *parts, in_order=False, waveform_samples=200)
    out = tmp_path / "events.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_GROUP_ROWS", 20_000)
        run(file, "--out", out)
    columns, events = read_table(out, RECORDING_EVENTS), read_nev(file)
    assert np.array_equal(columns["tick"], events.spikes.tick)
    assert np.array_equal(columns["epoch"], events.spikes.clock_segment)
    assert sorted(columns["electrode_id"]) == sorted(events.spikes.electrode_id)
    assert pq.ParquetFile(out).num_row_groups > 2


def test_repairs_are_said(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(tick, 1) for tick in range(0, 90_000, 3)]))
    shuffle(file, ticks=9)
    flip_tick_bit(file, packets=[900], bit=31)
    cut_off(file, 7)
    output = run(file, "--out", tmp_path / "events.parquet")
    assert all(word in output for word in ("ends within a packet", "were sorted in", "1 packets with an absurd"))
    assert len(rows_of(tmp_path / "events.parquet")) == 29_998


def test_the_nsx_tells_the_clock_segments_when_it_is_given(tmp_path: Path) -> None:
    file = with_codes(tmp_path / "made.nev", range(0, 60_000, 300))
    nsx = tmp_path / "made.ns6"
    chunks = [(0, np.zeros((500, 1), np.int16)), (0, np.zeros((60_000, 1), np.int16))]
    write_nsx(nsx, [NsxChannel(1, "elec1")], rate_hz=30_000.0, specification="2.3", chunks=chunks, start=START)
    run(file, "--out", tmp_path / "alone.parquet")
    run(file, "--out", tmp_path / "agreed.parquet", "--nsx", nsx)
    assert {row["epoch"] for row in rows_of(tmp_path / "alone.parquet")} == {0}
    assert {row["epoch"] for row in rows_of(tmp_path / "agreed.parquet")} == {1}


def test_the_table_says_its_clock_and_whether_it_is_simulated(tmp_path: Path) -> None:
    for application, simulated in ((SIMULATED_APPLICATION, True), ("Central", False)):
        file = write(tmp_path / "made.nev", batch([(5, 1)]), specification="3.0-ptp", application=application)
        run(file, "--out", tmp_path / "events.parquet")
        assert is_simulated(tmp_path / "events.parquet") == simulated
    metadata = pq.read_schema(tmp_path / "events.parquet").metadata
    assert (metadata[b"tick_hz"], metadata[b"file"], metadata[b"kind"]) == (
        b"1000000000",
        b"made.nev",
        b"recording_events",
    )


def test_a_file_that_cannot_be_read_leaves_no_table(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(tick, 1) for tick in range(50)]))
    out = tmp_path / "events.parquet"
    out.write_bytes(b"older")

    def shorten(n_done: int, _: int) -> None:
        if n_done:
            file.write_bytes(file.read_bytes()[:-30])

    with pytest.raises(RecordingError):
        command.events_to_table(file, out, nsx_file=None, choice=command.EventChoice(), progress=shorten)
    assert out.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.parquet", "made.nev"]


def test_a_file_without_packets_is_a_table_without_rows(tmp_path: Path) -> None:
    output = run(write(tmp_path / "made.nev"), "--out", tmp_path / "events.parquet")
    assert rows_of(tmp_path / "events.parquet") == []
    assert "no packets" in output


def test_channels_units_and_time_choose_among_spikes_and_that_is_said(tmp_path: Path) -> None:
    made = replace(
        batch([(30, 1), (60, 2), (90, 1), (30_000, 1)], [(45, 5), (60_000, 6)]), spike_unit=np.array([0, 0, 255, 0])
    )
    file, out = write(tmp_path / "made.nev", made), tmp_path / "events.parquet"
    said = run(file, "--out", out, "--channels", "elec1", "--units", "unsorted", "--time", "-1")
    assert [(row["kind"], row["tick"]) for row in rows_of(out)] == [("spike", 30), ("digital", 45)]
    for words in ("2 packets outside the time", "1 spikes on other channels", "1 spikes of other units"):
        assert f"left out: {words}" in said
    run(file, "--out", out)
    assert [row["unit"] for row in rows_of(out) if row["kind"] == "spike"] == [0, 0, 255, 0]


def test_everything_is_said_as_json_and_text_is_a_table_too(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(30, 1)], [(45, 5)]))
    said = json.loads(run(file, "--out", tmp_path / "events.csv", "--json"))
    assert said["n_by_kind"] == {
        "other": 0, "spike": 1, "digital": 1, "serial": 0, "comment": 0, "pause": 0, "resume": 0
    }  # fmt: skip
    assert (said["n_epochs"], said["left_out"], said["repairs"], said["simulated"]) == (1, {}, [], False)
    assert (tmp_path / "events.csv").read_text().splitlines()[1:] == [
        '"spike",0,30,0.001,1,0,,', '"digital",0,45,0.0015,,,5,'
    ]  # fmt: skip


def test_a_recorders_file_is_never_written_to(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(30, 1)]))
    before = file.read_bytes()
    with refused(OptionError, f"--out {file}", "never written to"):
        run(file, "--out", file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("specification", ["2.1", "2.2"])
def test_analog_values_of_digital_packets_are_columns_as_neo_reads_them(tmp_path: Path, specification: str) -> None:
    file = write(
        tmp_path / "made.nev", batch([(3, 1)], [(tick, 0) for tick in (10, 20, 30, 40)]), specification=specification
    )
    size, data = 8 + 2 * 8, bytearray(file.read_bytes())
    packets = [  # tick, reason, code, analog values: a code, analog input 3, the periodic sampling, a serial code
        (10, 0b0000_0001, 7, (1, 2, 3, 4, 5)),
        (20, 0b0000_1000, 7, (-5000, 0, 5000, 1, -1)),
        (30, 0b0100_0000, 7, (11, 12, 13, 14, 15)),
        (40, 0b1000_0001, 65, (0, 0, 0, 0, 0)),
    ]
    start = len(data) - 4 * size
    for at, (tick, reason, code, analog) in enumerate(packets):
        data[start + at * size : start + at * size + 20] = struct.pack("<IHBBH5h", tick, 0, reason, 0, code, *analog)
    file.write_bytes(data)
    run(file, "--out", tmp_path / "events.parquet")
    rows = rows_of(tmp_path / "events.parquet")
    assert [row["kind"] for row in rows] == ["spike", "digital", "analog", "analog", "serial"]
    assert [row["value"] for row in rows] == [None, 7, None, None, 65]
    assert [row["reason"] for row in rows] == [None, *(reason for _, reason, _, _ in packets)]
    assert [[row[f"analog_{n}"] for n in range(1, 6)] for row in rows] == [
        [None] * 5,
        *map(list, (p[3] for p in packets)),
    ]
    neo = neo_of(file)
    names = neo.header["event_channels"]["name"].tolist()
    times, _, labels = neo.get_event_timestamps(0, 0, names.index("analog_input_channel_3"))
    assert (times.tolist(), [int(label) for label in labels]) == ([20], [5000])
    schema = pq.read_schema(tmp_path / "events.parquet")
    assert schema.field("analog_3").metadata[b"unit"] == b"mV"


def test_later_specifications_have_no_analog_columns(tmp_path: Path) -> None:
    run(write(tmp_path / "made.nev", batch(codes=[(5, 1)]), specification="2.3"), "--out", tmp_path / "events.parquet")
    assert pq.read_schema(tmp_path / "events.parquet").names == list(RECORDING_EVENTS.columns)


def test_a_table_has_a_suffix_that_says_what_it_is(tmp_path: Path) -> None:
    file, out = write(tmp_path / "made.nev", batch([(30, 7)])), tmp_path / "events.xlsx"
    with refused(OptionError, f"--out {out}", "ends in .parquet or .csv, found .xlsx"):
        run(file, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_folder_that_makes_no_files_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    file, out = write(tmp_path / "made.nev", batch([(30, 7)])), Path("/proc") / name
    with refused(StorageError, out, "expected a folder that takes new files"):
        run(file, "--out", out)


def test_no_folder_is_made_for_a_result(tmp_path: Path) -> None:
    file, out = write(tmp_path / "made.nev", batch([(30, 7)])), tmp_path / "misspelled" / "x.csv"
    with refused(StorageError, f"--out {out}", f"found no folder {out.parent}. Make it"):
        run(file, "--out", out)
    assert not out.parent.exists()
