"""`closedloop recording waveforms`: the array file, what is said about it, and the page."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.commands.recording_tables import SPIKE_WAVEFORMS
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.extracts import waveforms as command
from closedloop.commands.recording_files.options import ALL_UNITS, ChannelChoice, TimeRange
from closedloop.errors import ClosedLoopError, OptionError, RecordingError
from closedloop.simulation.mark import SIMULATED_APPLICATION
from tests.unit.blackrock.nev.nev_files import START, NevBatch, batch, write
from tests.unit.commands.recording_runs import run
from tests.unit.messages import refused

CMP = "a map\n0 0 A 1 IT-01\n1 0 A 2 IT-02\n"


def nev(folder: Path, **options: object) -> Path:
    """Four spikes: electrode 1 of units 0 and 3, electrode 2 of unit 255, electrode 9 without a header."""
    made = NevBatch(
        spike_tick=np.array([30, 60, 90, 30_000]),
        spike_electrode=np.array([1, 2, 9, 1]),
        spike_unit=np.array([0, 255, 0, 3]),
        spike_waveform=np.array([[0, -40, 8, 0], [0, -4, 4, 0], [1, 1, 1, 1], [0, -80, 20, 4]], np.int16),
    )
    electrodes = [NevElectrode(1, "IT-01", nv_per_bit=250), NevElectrode(2, "IT-02", nv_per_bit=500)]
    return write(folder / "made.nev", made, electrodes=electrodes, waveform_samples=4, **options)


def test_the_file_holds_each_spike_with_its_waveform_in_microvolts(tmp_path: Path) -> None:
    said = run("waveforms", nev(tmp_path), "--out", tmp_path / "w.h5", "--units", "all")
    found = read_arrays(tmp_path / "w.h5", SPIKE_WAVEFORMS)
    assert found["tick"].tolist() == [30, 60, 30_000]
    assert found["time_s"].tolist() == [0.001, 0.002, 1.0]
    assert found["electrode_id"].tolist() == [1, 2, 1]
    assert found["unit"].tolist() == [0, 255, 3]
    assert found["waveform"].tolist() == [[0, -10, 2, 0], [0, -2, 2, 0], [0, -20, 5, 1]]
    assert found["described_electrode_id"].tolist() == [1, 2]
    assert found["described_label"].tolist() == [b"IT-01", b"IT-02"]
    assert found["described_uv_per_bit"].tolist() == [0.25, 0.5]
    assert found["described_n_samples"].tolist() == [4, 4]
    assert "3 spikes of 2 of 2 electrodes (all units)" in said
    assert "left out: 1 on electrodes without a header" in said


def test_noise_is_left_out_unless_asked_for_and_that_is_said(tmp_path: Path) -> None:
    said = json.loads(run("waveforms", nev(tmp_path), "--out", tmp_path / "w.h5", "--json"))
    assert (said["n_spikes"], said["units"]) == (2, "all but noise")
    assert said["left_out"] == {"on electrodes without a header": 1, "in the noise unit (255)": 1}
    assert said["means"] == [
        {"electrode_id": 1, "label": "IT-01", "unit": 0, "n_spikes": 1, "mean_uv": [0, -10, 2, 0], "sd_uv": [None] * 4},
        {"electrode_id": 1, "label": "IT-01", "unit": 3, "n_spikes": 1, "mean_uv": [0, -20, 5, 1], "sd_uv": [None] * 4},
    ]


def test_channels_units_and_time_choose_and_are_kept_with_the_result(tmp_path: Path) -> None:
    options = ("--channels", "IT-01", "--units", "sorted", "--time", "0.5-", "--json")
    said = json.loads(run("waveforms", nev(tmp_path), "--out", tmp_path / "w.h5", *options))
    assert read_arrays(tmp_path / "w.h5", SPIKE_WAVEFORMS)["tick"].tolist() == [30_000]
    assert said["left_out"] == {"outside the time": 3}
    with h5py.File(tmp_path / "w.h5") as file:
        assert {name: file.attrs[name] for name in ("channels", "units", "time", "file", "tick_hz")} == {
            "channels": "IT-01",
            "units": "sorted",
            "time": "0.5-",
            "file": "made.nev",
            "tick_hz": 30_000,
        }


def test_a_header_without_a_scale_gives_nan_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(5, 1)]), electrodes=[NevElectrode(1, "elec1", nv_per_bit=0)])
    assert "without a scale in the header, NaN: electrode 1" in run("waveforms", file, "--out", tmp_path / "w.h5")
    assert np.isnan(read_arrays(tmp_path / "w.h5", SPIKE_WAVEFORMS)["waveform"]).all()


def test_the_nsx_tells_the_clock_segments_when_it_is_given(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(tick, 1) for tick in range(0, 60_000, 300)]))
    nsx, chunks = tmp_path / "made.ns6", [(0, np.zeros((500, 1), np.int16)), (0, np.zeros((60_000, 1), np.int16))]
    write_nsx(nsx, [NsxChannel(1, "elec1")], rate_hz=30_000.0, specification="2.3", chunks=chunks, start=START)
    run("waveforms", file, "--out", tmp_path / "w.h5", "--nsx", nsx)
    assert set(read_arrays(tmp_path / "w.h5", SPIKE_WAVEFORMS)["epoch"]) == {1}


def test_a_file_without_spikes_is_a_file_without_rows(tmp_path: Path) -> None:
    said = run(
        "waveforms", write(tmp_path / "made.nev", batch(codes=[(5, 1)])), "--out", tmp_path / "w.h5",
        "--report", tmp_path / "w.html",
    )  # fmt: skip
    assert "0 spikes of 0 of 3 electrodes" in said
    assert read_arrays(tmp_path / "w.h5", SPIKE_WAVEFORMS)["waveform"].shape == (0, 8)


def test_the_page_says_what_was_chosen_left_out_and_found(tmp_path: Path) -> None:
    (tmp_path / "implant.cmp").write_text(CMP)
    page = tmp_path / "w.html"
    run("waveforms", nev(tmp_path), "--out", tmp_path / "w.h5", "--report", page, "--map", tmp_path / "implant.cmp")
    text = page.read_text()
    assert "closedloop recording waveforms made.nev --out w.h5 --map implant.cmp --report w.html" in text
    assert "Left out: 1 spikes in the noise unit (255)." in text
    assert "<td>IT-01</td><td>3</td><td>1</td>" in text
    assert "−20.00 µV</td><td>5.000 µV</td><td>0.03 ms" in text
    assert "SIMULATED" not in text


def test_simulated_recordings_keep_their_mark(tmp_path: Path) -> None:
    file = nev(tmp_path, application=SIMULATED_APPLICATION)
    run("waveforms", file, "--out", tmp_path / "w.h5", "--report", tmp_path / "w.html")
    with h5py.File(tmp_path / "w.h5") as written:
        assert written.attrs["simulated"]
    assert "SIMULATED" in (tmp_path / "w.html").read_text()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (("--out", "w.parquet"), OptionError, ("--out w.parquet", ".h5")),
        (("--out", "other.nev"), OptionError, ("--out other.nev", "never written to")),
        (("--out", "w.h5", "--report", "w.pdf"), OptionError, ("--out w.pdf", ".html")),
        (("--out", "w.h5", "--map", "implant.cmp"), OptionError, ("--map implant.cmp", "Add --report")),
        (("--out", "w.h5", "--channels", "7"), RecordingError, ("made.nev", "channel 7")),
        (("--out", "w.h5", "--time", "90-"), RecordingError, ("made.nev", "nothing was recorded")),
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
    (tmp_path / "implant.cmp").write_text(CMP)
    nev(tmp_path)
    before = sorted(tmp_path.iterdir())
    with refused(error, *words):
        run("waveforms", "made.nev", *options)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_shrinks_while_it_is_read_leaves_the_older_result(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(tick, 1) for tick in range(50)]))
    out = tmp_path / "w.h5"
    out.write_bytes(b"older")

    def shorten(n_done: int, _: int) -> None:
        if n_done:
            file.write_bytes(file.read_bytes()[:-30])

    choice = command.SpikeChoice(ChannelChoice(), ALL_UNITS, TimeRange())
    with pytest.raises(RecordingError):
        command.waveforms_to_file(file, out, choice, nsx_file=None, progress=shorten)
    assert out.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.nev", "w.h5"]


def test_a_file_that_describes_no_electrode_is_one_line(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(5, 1)]), electrodes=())
    with refused(RecordingError, file, "NEUEVWAV", "found none"):
        run("waveforms", file, "--out", tmp_path / "w.h5")
