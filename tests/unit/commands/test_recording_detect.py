"""`closedloop recording detect`: the same spikes whoever finds them, killed or not, and one line for what is wrong."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.responses import SPIKES
from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.detect import detect_to_file, spikes_lines
from closedloop.commands.recording_files.detection_wanted import WantedSpikes, parse_definition
from closedloop.detection.definitions import DEFINITIONS
from closedloop.detection.spikes import detect
from closedloop.errors import OptionError, RecordingError
from tests.equipment.processes import Child

START = datetime(2022, 1, 3, tzinfo=UTC)
N_ELECTRODES = 3


def write_recording(file: Path, seconds: int, *, rate_hz: float = 15_000.0, n_electrodes: int = N_ELECTRODES) -> Path:
    """Write noise with a pause in it, electrode 2 dead, an analog input after the electrodes."""
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 40, (round(seconds * rate_hz), n_electrodes + 1)).astype(np.int16)
    samples[:, 1:2] = 4
    pause = len(samples) // 3
    step = round(30_000 / rate_hz)
    chunks = [(600, samples[:pause]), (600 + (pause + 7_000) * step, samples[pause:])]
    electrodes = [NsxChannel(channel_id=20 - n, label=f"elec{20 - n}") for n in range(n_electrodes)]
    channels = [*electrodes, analog_input(10_241, "photodiode")]
    write_nsx(file, channels, rate_hz=rate_hz, specification="2.3", chunks=chunks, start=START)
    return file


def run(file: Path, out: Path, **options: object) -> list[str]:
    settings = {"workers": "1", "chunk_s": None, "progress": lambda done, total: None}
    wanted = WantedSpikes(parse_definition(str(options.pop("definition", "dicarlo"))))
    return spikes_lines(detect_to_file([file], out, wanted=wanted, **{**settings, **options}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("raw") / "day.ns6", 185)


@pytest.fixture(scope="module")
def expected(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("expected") / "spikes.h5"
    run(recording, out)
    return out.read_bytes()


def test_the_file_holds_the_spikes_in_order_with_their_definition(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    lines = run(recording, out)
    spikes = detect(open_samples(recording, kind="electrode"), DEFINITIONS["dicarlo"], electrode_ids=[20, 19, 18])
    found = read_arrays(out, SPIKES)
    for name, values in (("electrode_id", spikes.electrode_id), ("epoch", spikes.clock_segment), ("tick", spikes.tick)):
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
    np.testing.assert_array_equal(found["time_s"], spikes.tick / 30_000)
    with h5py.File(out) as file:
        assert file.attrs["definition"] == "dicarlo"
        assert file.attrs["source"] == DEFINITIONS["dicarlo"].source
        assert "'multiple': -3.0" in file.attrs["parameters"]
        assert (file.attrs["file"], file.attrs["specification"], file.attrs["rate_hz"]) == ("day.ns6", "2.3", 15_000)
        assert not file.attrs["simulated"]
    assert lines[0] == f"{out}: {len(spikes):,} threshold crossings on 3 electrodes by dicarlo, 185.0 s"
    rates = [len(spikes.on(electrode)) / 185 for electrode in (18, 19, 20)]
    assert lines[1] == f"  0.0 to {max(rates):.1f} crossings a second, median {np.median(rates):.1f}"
    assert lines[2:] == ["  without a signal: electrode 19"]
    assert [path.name for path in tmp_path.iterdir()] == ["spikes.h5"]


@pytest.mark.parametrize("options", [{"workers": "2"}, {"workers": "local:3"}, {"chunk_s": 0.37}, {"chunk_s": 10.0}])
def test_workers_and_chunks_make_no_difference(
    recording: Path, expected: bytes, tmp_path: Path, options: dict[str, object]
) -> None:
    run(recording, tmp_path / "spikes.h5", **options)
    assert (tmp_path / "spikes.h5").read_bytes() == expected


@pytest.mark.slow
def test_dask_makes_no_difference(recording: Path, expected: bytes, tmp_path: Path) -> None:
    run(recording, tmp_path / "spikes.h5", workers="dask:2")
    assert (tmp_path / "spikes.h5").read_bytes() == expected


PROGRAM = """
import sys
from pathlib import Path
from closedloop.commands.recording_files.detect import detect_to_file
from closedloop.commands.recording_files.detection_wanted import WantedSpikes, parse_definition
def progress(done, total):
    print(done, total, flush=True)
wanted, files = WantedSpikes(parse_definition("dicarlo")), [Path(sys.argv[1])]
detect_to_file(files, Path(sys.argv[2]), wanted=wanted, workers="1", chunk_s=None, progress=progress)
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_with_what_was_done(recording: Path, expected: bytes, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    command = [sys.executable, "-c", PROGRAM, str(recording), str(out)]
    with Child(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0 4\n"
        assert process.stdout.readline() == "1 4\n"
        process.send_signal(signal.SIGKILL)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "spikes.h5.parts").glob("0*")}
    assert parts
    assert not out.exists()
    first_told: list[int] = []
    run(recording, out, workers="2", progress=lambda done, total: first_told.append(done))
    assert first_told[0] == len(parts)
    assert out.read_bytes() == expected
    assert not (tmp_path / "spikes.h5.parts").exists()


def test_parts_of_another_recording_or_definition_are_not_used(recording: Path, tmp_path: Path) -> None:
    from closedloop.stages.ingest.shards import shards_of

    other = write_recording(tmp_path / "other.ns6", 20)
    names = set()
    for file in (recording, other):
        for name in ("dicarlo", "causal"):
            samples = open_samples(file, kind="electrode")
            shards = shards_of(samples, DEFINITIONS[name], folder=tmp_path, chunk_samples=None)
            names.add(shards[0].path.name)
    assert len(names) == 4


def test_what_was_repaired_in_the_file_is_printed(recording: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.ns6"
    cut.write_bytes(recording.read_bytes()[:-3])
    lines = run(cut, tmp_path / "spikes.h5")
    assert any(line.startswith("  repaired: ") for line in lines)


UNREADABLE_CHUNKS_S = (0.0, 1e-9, -1.0, math.nan, math.inf)


def test_what_is_wrong_is_one_line(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    slow = write_recording(tmp_path / "field.ns3", 5, rate_hz=2_000.0)
    analog = write_recording(tmp_path / "analog.ns6", 5, n_electrodes=0)
    cases = [
        ((recording, {"definition": "gut feeling"}), OptionError, "expected one of dicarlo"),
        ((recording, {"workers": "many"}), OptionError, "expected N or local:N"),
        *(((recording, {"chunk_s": one}), OptionError, "expected seconds from 0.01") for one in UNREADABLE_CHUNKS_S),
        ((slow, {}), RecordingError, "needs more than 12000 samples a second, not 2000"),
        ((analog, {}), RecordingError, "expected electrodes, found analog inputs only"),
        ((tmp_path / "missing.ns6", {}), RecordingError, "missing.ns6"),
    ]
    for (file, options), kind, text in cases:
        with pytest.raises(kind, match=text) as caught:
            run(file, out, **options)
        assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_stub_of_a_few_samples_says_nothing_of_a_channel(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(0, 40, (60_000, 2)).astype(np.int16)
    noise[:, 1] = 4
    file = tmp_path / "stub.ns6"
    channels = [NsxChannel(1, "elec1"), NsxChannel(2, "elec2")]
    chunks = [(500_000, noise[:1]), (0, noise)]
    write_nsx(file, channels, rate_hz=30_000, specification="2.3", chunks=chunks, start=START)
    lines = run(file, tmp_path / "spikes.h5")
    assert lines[2:] == ["  without a signal: electrode 2"]


def test_holes_that_were_bridged_are_said_and_the_result_is_the_same_for_any_workers_and_chunks(tmp_path: Path) -> None:
    place = np.arange(20 * 30_000)
    kept = place[(place % 1500 < 1491) & ((place < 299_990) | (place > 300_010))]  # one across two windows
    noise = np.random.default_rng(5).normal(0, 40, (len(place), 1)).astype(np.int16)
    chunks = [(np.round(kept * 100_000 / 3).astype(np.int64), noise[kept])]
    file = tmp_path / "torn.ns6"
    write_nsx(file, [NsxChannel(1, "elec1")], rate_hz=30_000, specification="3.0-ptp", chunks=chunks, start=START)
    lines = run(file, tmp_path / "one.h5")
    assert lines[-1].startswith("  repaired: 399 holes of up to 0.7 ms")
    with h5py.File(tmp_path / "one.h5") as result:
        assert (result.attrs["bridge_ms"], result.attrs["n_bridged_samples"]) == (1, 398 * 9 + 21)
    run(file, tmp_path / "two.h5", workers="2", chunk_s=0.05)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
