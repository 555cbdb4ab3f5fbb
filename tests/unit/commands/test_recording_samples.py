"""`closedloop recording samples`: every sample at its time and in its unit, as neo gives it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.commands.recording_tables import CONTINUOUS_SAMPLES
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.extracts import samples as command
from closedloop.commands.recording_files.extracts.samples import column_names
from closedloop.commands.recording_files.options import ChannelChoice, TimeRange
from closedloop.errors import ClosedLoopError, OptionError, RecordingError
from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.unit.blackrock.nev import nev_files
from tests.unit.blackrock.nsx.nsx_files import DATA, START, ReadByNeo, ramp, write
from tests.unit.commands.recording_runs import rows_of, run
from tests.unit.messages import refused

TIMES = ["epoch", "segment", "tick", "time_s"]


def columns_of(table: Path) -> dict[str, np.ndarray]:
    with pq.ParquetFile(table) as file:
        read = file.read()
    return {name: read[name].to_numpy() for name in read.column_names}


def lfp(folder: Path, specification: str = "2.3") -> Path:
    """1 kHz with a pause of two seconds and a reset."""
    chunks = [(0, ramp(500)), (75_000, ramp(300, start=1500)), (0, ramp(40, start=9000))]
    return write(folder / "day.ns2", chunks, specification=specification, rate_hz=1000.0)


@pytest.mark.parametrize("name", ["Test_anonymized", "test_BRSMPGRP_raw"])
def test_the_real_files_become_the_values_that_neo_gives(tmp_path: Path, name: str) -> None:
    run("samples", DATA / f"{name}.ns3", "--out", tmp_path / "s.parquet")
    found = columns_of(tmp_path / "s.parquet")
    neo = ReadByNeo(DATA / name, 3)
    assert list(found)[:4] == TIMES
    assert len(found) == 4 + len(neo.channels)
    for segment, scaled in enumerate(neo.scaled):
        own = found["segment"] == segment
        for place, column in enumerate(list(found)[4:]):
            np.testing.assert_allclose(found[column][own], scaled[:, place], rtol=1e-6, atol=1e-9)
        times = neo.t_starts[segment] + np.arange(len(scaled)) / neo.rate_hz
        np.testing.assert_allclose(found["time_s"][own], times, atol=1e-9)


def test_each_sample_has_its_tick_its_segment_and_its_value(tmp_path: Path) -> None:
    said = run("samples", lfp(tmp_path), "--out", tmp_path / "s.parquet")
    found = columns_of(tmp_path / "s.parquet")
    assert list(found) == [*TIMES, "elec1_uV", "elec130_uV", "ainp1_mV"]
    expected = [*range(0, 15_000, 30), *range(75_000, 84_000, 30), *range(0, 1200, 30)]
    assert found["tick"].tolist() == expected
    assert found["time_s"].tolist() == [tick / 30_000 for tick in expected]
    assert found["epoch"].tolist() == [0] * 800 + [1] * 40
    assert found["segment"].tolist() == [0] * 500 + [1] * 300 + [2] * 40
    bits = np.concatenate([ramp(500), ramp(300, start=1500), ramp(40, start=9000)])
    np.testing.assert_array_equal(found["elec1_uV"], bits[:, 0] * np.float32(0.25))
    np.testing.assert_allclose(found["ainp1_mV"], bits[:, 2] * (5000 / 32767), rtol=1e-6)
    assert "gap in clock segment 0 from 0.500000 s to 2.500000 s: no rows" in said
    assert "the clock was set back: 2 clock segments" in said


def test_units_and_clock_stand_in_the_metadata(tmp_path: Path) -> None:
    run("samples", lfp(tmp_path), "--out", tmp_path / "s.parquet")
    schema = pq.read_schema(tmp_path / "s.parquet")
    assert schema.field("elec1_uV").metadata[b"unit"] == b"uV"
    kept = {name: schema.metadata[name] for name in (b"kind", b"tick_hz", b"rate_hz", b"simulated", b"file")}
    assert list(kept.values()) == [b"continuous_samples", b"30000", b"1000.0", b"false", b"day.ns2"]


def test_text_and_arrays_hold_the_same_as_the_table(tmp_path: Path) -> None:
    file = lfp(tmp_path)
    for suffix in ("parquet", "csv", "h5"):
        run("samples", file, "--out", tmp_path / f"s.{suffix}", "--channels", "130,257")
    found, arrays = columns_of(tmp_path / "s.parquet"), read_arrays(tmp_path / "s.h5", CONTINUOUS_SAMPLES)
    names = ["elec130_uV", "ainp1_mV"]
    for name in TIMES:
        np.testing.assert_array_equal(arrays[name], found[name])
    np.testing.assert_array_equal(arrays["samples"], np.column_stack([found[name] for name in names]))
    assert arrays["channel_id"].tolist() == [130, 257]
    assert arrays["channel_label"].tolist() == [b"elec130", b"ainp1"]
    assert arrays["channel_unit"].tolist() == [b"uV", b"mV"]
    with (tmp_path / "s.csv").open(newline="") as text:
        rows = list(csv.reader(text))
    assert rows[0] == [*TIMES, *names]
    for place, name in enumerate(rows[0]):
        np.testing.assert_allclose([float(row[place]) for row in rows[1:]], found[name], rtol=1e-6)


def test_channels_and_time_choose(tmp_path: Path) -> None:
    file = lfp(tmp_path)
    options = ("--channels", "elec130", "--time", "0.4-2.6", "--clock-segment", "0")
    run("samples", file, "--out", tmp_path / "s.parquet", *options)
    found = columns_of(tmp_path / "s.parquet")
    assert list(found) == [*TIMES, "elec130_uV"]
    assert found["tick"].tolist() == [*range(12_000, 15_000, 30), *range(75_000, 78_000, 30)]
    np.testing.assert_array_equal(found["elec130_uV"][:100], ramp(500)[400:, 1] * np.float32(0.25))


@pytest.mark.parametrize("specification", ["2.3", "3.0-ptp"])
def test_the_same_in_parts_of_any_size(tmp_path: Path, specification: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [(0, ramp(900)), (30 * 10**6 * 40, ramp(70, start=7))] if specification == "3.0-ptp" else [(0, ramp(970))]
    file = write(tmp_path / "day.ns2", chunks, specification=specification, rate_hz=1000.0)
    run("samples", file, "--out", tmp_path / "one.parquet")
    monkeypatch.setattr(command, "_VALUES_AT_A_TIME", 100)
    seen: list[tuple[int, int]] = []
    command.samples_to_file(
        file,
        tmp_path / "many.parquet",
        channels=ChannelChoice(),
        time=TimeRange(),
        nev=None,
        progress=lambda done, total: seen.append((done, total)),
    )
    one, many = columns_of(tmp_path / "one.parquet"), columns_of(tmp_path / "many.parquet")
    for name in one:
        np.testing.assert_array_equal(one[name], many[name])
    assert seen[-1] == (970, 970)
    assert len(seen) > 25


def old_files(folder: Path) -> Path:
    """A 2.1 pair, whose .ns5 has no scale: electrodes 1 and 2, an analog input, and one the .nev does not have."""
    file = folder / "old.ns5"
    channels = [NsxChannel(number, "") for number in (1, 2, 129, 200)]
    write_nsx(file, channels, rate_hz=30_000.0, specification="2.1", chunks=[(0, ramp(50, 4))], start=START)
    described = [NevElectrode(1, ""), NevElectrode(2, "", nv_per_bit=152), NevElectrode(129, "", nv_per_bit=21516)]
    nev_files.write(folder / "old.nev", nev_files.batch([(5, 1)]), specification="2.1", electrodes=described)
    return file


def test_a_2_1_file_gets_the_scale_of_its_nev_as_neo_gives_it(tmp_path: Path) -> None:
    file = old_files(tmp_path)
    said = run("samples", file, "--out", tmp_path / "s.parquet", "--channels", "1,2,129")
    found = columns_of(tmp_path / "s.parquet")
    assert list(found)[4:] == ["chan1_uV", "chan2_uV", "ainp1_uV"]
    for place, uv in enumerate((0.25, 0.152, 152.592547)):
        np.testing.assert_allclose(list(found.values())[4 + place], ramp(50, 4)[:, place] * uv, rtol=1e-6)
    assert "scale from old.nev" in said
    assert "bits" not in said


def test_neo_takes_the_same_scale_from_the_nev(tmp_path: Path) -> None:
    file = old_files(tmp_path)
    write_nsx(
        file, [NsxChannel(1, ""), NsxChannel(2, "")], rate_hz=30_000.0, specification="2.1",
        chunks=[(0, ramp(50, 2))], start=START,
    )  # fmt: skip
    run("samples", file, "--out", tmp_path / "s.parquet")
    neo = ReadByNeo(file.with_suffix(""), 5, load_nev=True)
    found = columns_of(tmp_path / "s.parquet")
    assert neo.channels["units"].tolist() == ["uV", "uV"]
    n = len(neo.scaled[0])  # neo drops the last sample of 2.1
    assert n in (49, 50)
    np.testing.assert_allclose(np.column_stack([found["chan1_uV"], found["chan2_uV"]])[:n], neo.scaled[0], rtol=1e-6)


def test_what_no_nev_describes_stays_in_bits_and_that_is_said(tmp_path: Path) -> None:
    file = old_files(tmp_path)
    said = run("samples", file, "--out", tmp_path / "s.parquet")
    assert "in bits: channel 200; the file (2.1) has no scale, and old.nev has none" in said
    assert list(columns_of(tmp_path / "s.parquet"))[4:] == ["chan1_uV", "chan2_uV", "ainp1_uV", "ainp72_bits"]
    (tmp_path / "old.nev").rename(tmp_path / "elsewhere.nev")
    said = run("samples", file, "--out", tmp_path / "s.parquet", "--channels", "1")
    assert "in bits: channel 1; the file (2.1) has no scale, and no .nev is beside it" in said
    np.testing.assert_array_equal(columns_of(tmp_path / "s.parquet")["chan1_bits"], ramp(50, 4)[:, 0])
    said = run("samples", file, "--out", tmp_path / "s.parquet", "--channels", "1", "--nev", tmp_path / "elsewhere.nev")
    assert "scale from elsewhere.nev" in said


def test_samples_that_a_recorder_lost_are_nan_at_their_own_time(tmp_path: Path) -> None:
    """One of a thousand packets of a PTP file is missing: no line is drawn over it, as detection does."""
    step, lost = 1_000_000_000 // 30_000, 500
    ticks = 7_000_000_000 + np.round(np.arange(1000) * 1e9 / 30_000).astype(np.int64)
    kept = np.delete(np.arange(1000), lost)
    file = write(tmp_path / "day.ns6", [(ticks[kept], ramp(1000)[kept])], specification="3.0-ptp")
    said = run("samples", file, "--out", tmp_path / "s.parquet")
    assert "1 samples in short holes were not recorded: NaN" in said
    found = columns_of(tmp_path / "s.parquet")
    assert np.flatnonzero(np.isnan(found["elec1_uV"])).tolist() == [lost]
    assert np.abs(found["tick"] - ticks).max() <= 1 < step
    np.testing.assert_array_equal(found["elec1_uV"][kept], ramp(1000)[kept, 0] / 4)


def test_a_channel_without_a_scale_is_in_bits_not_zero_and_that_is_said(tmp_path: Path) -> None:
    channels = [NsxChannel(1, "elec1"), NsxChannel(2, "elec2", digital_min=0, digital_max=0)]
    file = write(tmp_path / "day.ns2", [(0, ramp(20, 2))], rate_hz=1000.0, channels=channels)
    assert "in bits: channel 2; the header gives no scale" in run("samples", file, "--out", tmp_path / "s.parquet")
    found = columns_of(tmp_path / "s.parquet")
    np.testing.assert_array_equal(found["elec2_bits"], ramp(20, 2)[:, 1])
    np.testing.assert_array_equal(found["elec1_uV"], ramp(20, 2)[:, 0] / 4)


def test_columns_have_names_of_their_own() -> None:
    channels = [
        NsxChannel(1, "a"),
        NsxChannel(2, "a"),
        NsxChannel(3, ""),
        NsxChannel(3, ""),
        analog_input(257, "eye x"),
        NsxChannel(5, "V4_001", units="\N{MICRO SIGN}V"),
        NsxChannel(6, "dead", digital_min=0, digital_max=0),
        NsxChannel(7, "angle", units=""),
        NsxChannel(8, "tick", units=""),
    ]
    names = column_names(channels)
    assert names[:4] == ("a_1_uV", "a_2_uV", "channel_3_uV_column3", "channel_3_uV_column4")
    assert names[4:] == ("eye x_mV", "V4_001_uV", "dead_bits", "angle", "tick_column9")


def test_everything_is_said_as_json(tmp_path: Path) -> None:
    said = json.loads(run("samples", lfp(tmp_path), "--out", tmp_path / "s.h5", "--json", "--channels", "1"))
    assert said["channels"] == [{"column": "elec1_uV", "id": 1, "label": "elec1", "unit": "uV", "scale": 0.25}]
    assert said["gaps"] == [{"epoch": 0, "from_s": 0.5, "to_s": 2.5}]
    assert (said["n_rows"], said["rate_hz"], said["scale_from"], said["simulated"]) == (840, 1000.0, None, False)


def test_simulated_samples_keep_their_mark_in_text_too(tmp_path: Path) -> None:
    file = tmp_path / "day.ns2"
    write_nsx(
        file, [NsxChannel(1, "elec1")], rate_hz=1000.0, specification="2.3", chunks=[(0, ramp(3, 1))], start=START,
        comment=f"{SIMULATED_APPLICATION}; session 1",
    )  # fmt: skip
    run("samples", file, "--out", tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines()[
        0
    ] == '"epoch","segment","tick","time_s","elec1_uV","simulated"'
    assert (tmp_path / "s.csv").read_text().splitlines()[1].endswith(",true")
    run("samples", file, "--out", tmp_path / "s.parquet")
    assert pq.read_schema(tmp_path / "s.parquet").metadata[b"simulated"] == b"true"
    assert rows_of(tmp_path / "s.parquet")[0]["tick"] == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (("--out", "s.xlsx"), OptionError, ("--out s.xlsx", ".parquet")),
        (("--out", "day.ns2"), OptionError, ("--out day.ns2", "never written to")),
        (("--out", "s.csv", "--nev", "day.ns2"), RecordingError, ("--nev day.ns2", "Leave --nev out")),
        (("--out", "s.csv", "--channels", "elec5"), RecordingError, ("day.ns2", "elec5")),
        (("--out", "s.csv", "--time", "0-1"), RecordingError, ("day.ns2", "--clock-segment")),
        (
            ("--out", "s.csv", "--time", "7-", "--clock-segment", "0"),
            RecordingError,
            ("day.ns2", "nothing was recorded"),
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    error: type[ClosedLoopError],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    lfp(tmp_path)
    with refused(error, *words):
        run("samples", "day.ns2", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["day.ns2"]
