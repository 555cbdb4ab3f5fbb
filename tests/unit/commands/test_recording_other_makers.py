"""`recording info | detect | events | align` on recordings of other makers, and our reader beside neo's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.commands.recording_tables import RECORDING_EVENTS
from closedloop.artifacts.day.responses import SPIKES
from closedloop.artifacts.tables import read_table
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.commands.recording_files.app import recording_app
from closedloop.commands.recording_files.other_makers.against_neo import differences
from closedloop.detection.definitions import definition_by_name
from closedloop.detection.spikes import detect
from closedloop.errors import RecordingError
from closedloop.simulation.sessions import MadeSession, make_session
from tests.unit.neo_files.open_ephys_files import STREAM, ttl_of_codes, write_open_ephys
from tests.unit.neo_files.spike_glx_files import word_of_codes, write_nidq

OPEN_EPHYS = f"""
maker: neo
devices:
  - raw: {{}}
    codes: {{lines: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]}}
    photodiode: {{stream: "{STREAM}_ADC", channel: ADC1}}
"""


@pytest.fixture(scope="module")
def blackrock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made session of a Blackrock processor."""
    folder = tmp_path_factory.mktemp("blackrock")
    make_session(folder, MadeSession(seconds=20.0, n_channels=4), progress=lambda _done, _total: None)
    return folder


@pytest.fixture(scope="module")
def twin(blackrock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as Open Ephys would have written it, with a description beside it."""
    samples = open_samples(next(blackrock.glob("*.ns6")))
    rows = samples.read(0, 0, samples.segments[0].n_samples)
    codes = read_nev(next(blackrock.glob("*.nev"))).codes
    ttl = ttl_of_codes(list(zip(codes.tick.tolist(), codes.value.tolist(), strict=True)), hold=3)
    folder = tmp_path_factory.mktemp("open_ephys")
    write_open_ephys(folder / "day", rows[:, :-1], adc=rows[:, -1], ttl=ttl)
    (folder / "recorder.yaml").write_text(OPEN_EPHYS)
    return folder


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(recording_app, [str(word) for word in words], catch_exceptions=False)


def test_info_names_streams_channels_events_and_what_neo_cannot_say(twin: Path, tmp_path: Path) -> None:
    said = run("info", twin / "day").output
    assert "OpenEphysBinary by neo" in said
    assert "4 channels (CH1, CH2, CH3, CH4) of int16 at 30000 Hz, 0.25 uV a bit, raw voltage by its looks" in said
    assert "event channels: Rhythm Data TTL" in said
    write_nidq(tmp_path, np.zeros((300, 2), np.int16), np.zeros(300, np.int16))
    facts: dict[str, Any] = json.loads(run("info", tmp_path, "--json").output)
    assert facts["streams"][0]["channels"] == ["MN0C0", "MN0C1", "XD0"]
    assert facts["streams"][0]["segments"][0]["epoch"] == 0
    assert any("lost inside of a file" in sentence for sentence in facts["said"])


def test_info_by_a_description_says_what_comes_of_it(twin: Path, blackrock: Path) -> None:
    codes = read_nev(next(blackrock.glob("*.nev"))).codes
    said = run("info", twin / "day", "--recorder", twin / "recorder.yaml").output
    assert f"{len(codes)} digital codes: {codes.value[0]}, {codes.value[1]}" in said
    facts = json.loads(run("info", twin / "day", "--recorder", twin / "recorder.yaml", "--json").output)
    assert facts["devices"][0]["codes"] == codes.value.tolist()


def test_detect_finds_what_the_library_finds_in_the_blackrock_twin(twin: Path, blackrock: Path, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    assert run("detect", twin / "day", "--out", out, "--definition", "zero_phase_butter").exit_code == 0
    samples = open_samples(next(blackrock.glob("*.ns6")), kind="electrode")
    expected = detect(samples, definition_by_name("zero_phase_butter"), electrode_ids=[1, 2, 3, 4])
    found = read_arrays(out, SPIKES)
    np.testing.assert_array_equal(found["tick"], expected.tick)
    np.testing.assert_array_equal(found["electrode_id"], expected.electrode_id)
    assert len(expected) > 500


def test_events_are_the_codes_in_order(twin: Path, blackrock: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.parquet"
    run("events", twin / "day", "--out", out, "--recorder", twin / "recorder.yaml")
    rows = read_table(out, RECORDING_EVENTS)
    codes = read_nev(next(blackrock.glob("*.nev"))).codes
    np.testing.assert_array_equal(rows["value"], codes.value)
    np.testing.assert_array_equal(rows["tick"], codes.tick)


def test_align_times_every_presentation_as_in_the_blackrock_twin(twin: Path, blackrock: Path, tmp_path: Path) -> None:
    report = ("--report", tmp_path / "page.html", "--json")
    other = json.loads(
        run("align", blackrock / "journal.jsonl", twin / "day", *report, "--recorder", twin / "recorder.yaml").output
    )
    files = sorted(file for file in blackrock.iterdir() if file.suffix in (".nev", ".ns6"))
    own = json.loads(run("align", blackrock / "journal.jsonl", *files, *report).output)
    (found,), (expected,) = other["devices"].values(), own["devices"].values()
    assert found["n_by_source"] == expected["n_by_source"]
    assert found["n_matched"] == expected["n_matched"] > 0
    assert found["photodiode_lag_median_ms"] == expected["photodiode_lag_median_ms"]


def test_without_a_description_events_say_what_is_missing(twin: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="--recorder"):
        run("events", twin / "day", "--out", tmp_path / "events.parquet")


def test_neo_reads_a_sound_session_the_same_and_every_difference_of_a_faulty_one_is_listed(
    blackrock: Path, tmp_path: Path
) -> None:
    for file in (file for file in blackrock.iterdir() if file.suffix in (".nev", ".ns6")):
        assert list(differences(file)) == []
        assert "reads the same" in run("info", file, "--against", "neo").output
    make_session(
        tmp_path / "cut",
        MadeSession(seconds=10.0, n_channels=2, faults=("truncated",)),
        progress=lambda _done, _total: None,
    )
    found = list(differences(next((tmp_path / "cut").glob("*.ns6"))))
    assert found
    assert "neo" in found[0]


MEMORY = """
import sys
from pathlib import Path
from closedloop.commands.recording_files.other_makers.detect import detect_other
from closedloop.detection.definitions import definition_by_name
rule = definition_by_name("causal")
detect_other(Path(sys.argv[1]), Path(sys.argv[2]), recorder=None, definition=rule, workers="1", chunk_s=None)
(peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) / 1024)
"""


def peak_mb(folder: Path) -> float:
    words = [sys.executable, "-c", MEMORY, str(folder), str(folder.with_suffix(".h5"))]
    finished = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(finished.stdout.split()[-1])


@pytest.mark.slow  # writes 400 MB
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """64 channels for 20 and 80 s: 77 and 307 MB of samples, and as many more in neo's maps were they kept."""
    second = np.random.default_rng(0).normal(0, 40, (30_000, 64)).astype(np.int16)
    for seconds in (20, 80):
        write_open_ephys(tmp_path / str(seconds), np.tile(second, (seconds, 1)))
    short, long = (peak_mb(tmp_path / str(seconds)) for seconds in (20, 80))
    assert long - short < 40, (short, long)


def test_words_of_a_day_are_followed_in_bounded_memory(tmp_path: Path) -> None:
    n = 3_000_000
    write_nidq(tmp_path, np.zeros((n, 1), np.int16), word_of_codes([(n // 2, 7)], n, hold=3))
    assert "digital" in run_events(tmp_path)


def run_events(folder: Path) -> str:
    file = folder / "recorder.yaml"
    file.write_text(
        "maker: neo\ndevices:\n  - raw: {stream: nidq, channels: [MN*]}\n"
        "    codes: {stream: nidq, channels: [XD0], lines: [0, 1, 2]}\n"
    )
    return run("events", folder, "--out", folder / "events.parquet", "--recorder", file).output
