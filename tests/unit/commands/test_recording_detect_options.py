"""`closedloop recording detect` with other numbers, some electrodes, some seconds, several files: the right subset."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.responses import SPIKES
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.cli import app
from closedloop.detection.definitions import DEFINITIONS, with_settings
from closedloop.detection.filter_design import design, scipy_sections
from closedloop.detection.spikes import detect
from closedloop.errors import OptionError
from tests.unit.messages import refused

RATE_HZ = 15_000
START = datetime(2022, 1, 3, tzinfo=UTC)
ELECTRODES = (1, 2, 3, 33)


def write_part(
    file: Path,
    seconds: float,
    *,
    seed: int = 0,
    start: datetime = START,
    electrodes: tuple[int, ...] = ELECTRODES,
    rate_hz: int = RATE_HZ,
) -> Path:
    """Write noise with spikes, a hum of 50 Hz, and a pause of 2 s after two thirds."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    volts = rng.normal(0, 40, (n, len(electrodes)))
    for at in rng.integers(0, n - 20, n // 1500).tolist():
        volts[at : at + 15, at % len(electrodes)] -= 500 * np.hanning(15)
    volts = volts.astype(np.int16)
    cut, step = 2 * n // 3, 30_000 // rate_hz
    write_nsx(
        file,
        [NsxChannel(number, f"V4_{number:03d}") for number in electrodes],
        rate_hz=rate_hz,
        specification="2.3",
        chunks=[(0, volts[:cut]), ((cut + 2 * rate_hz) * step, volts[cut:])],
        start=start,
    )
    return file


def run(out: Path, *words: object) -> dict[str, Any]:
    """Run the command; give its JSON."""
    found = CliRunner().invoke(app, ["recording", "detect", *map(str, words), "--out", str(out), "--json"])
    assert found.exit_code == 0, found.output
    return dict(json.loads(found.stdout[found.stdout.index("{") :]))


def refusal(out: Path, *words: object) -> str:
    with pytest.raises(Exception, match="expected") as caught:
        CliRunner().invoke(
            app,
            ["recording", "detect", *map(str, words), "--out", str(out)],
            catch_exceptions=False,
            standalone_mode=False,
        )
    assert "\n" not in str(caught.value)
    assert not out.exists()
    return str(caught.value)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_part(tmp_path_factory.mktemp("raw") / "day001.ns6", 36)


@pytest.fixture(scope="module")
def whole(file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("whole") / "spikes.h5"
    run(out, file)
    return read_arrays(out, SPIKES)


@pytest.fixture(scope="module")
def whole_by(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, np.ndarray]]:
    """The whole recording by a definition, read once for all parts of it."""

    @cache
    def spikes(definition: str) -> dict[str, np.ndarray]:
        out = tmp_path_factory.mktemp("whole") / "spikes.h5"
        run(out, file, "--definition", definition)
        return read_arrays(out, SPIKES)

    return spikes


def test_other_numbers_are_used_and_stored(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    said = run(out, file, "--threshold", "-4.5", "--band", "500", "5000", "--notch", "50")
    rule = with_settings(DEFINITIONS["dicarlo"], multiple=-4.5, band_hz=(500.0, 5000.0), notch=50)
    expected = detect(open_samples(file), rule, electrode_ids=ELECTRODES)
    np.testing.assert_array_equal(read_arrays(out, SPIKES)["tick"], expected.tick)
    assert said["n_crossings"] == len(expected) > 0
    assert said["definition"]["name"] == "dicarlo, threshold -4.5, band 500-5000 Hz, notch 50 Hz"
    assert (said["definition"]["multiple"], said["definition"]["notch"]["center_hz"]) == (-4.5, 50.0)
    with h5py.File(out) as stored:
        assert stored.attrs["definition"] == said["definition"]["name"]
        assert "'center_hz': 50.0" in stored.attrs["parameters"]
        assert "'low_hz': 500.0" in stored.attrs["parameters"]


@pytest.mark.parametrize(
    ("channels", "expected"), [("2", [2]), ("1-3", [1, 2, 3]), ("V4_033,1", [1, 33]), ("3-40", [3, 33])]
)
def test_electrodes_are_chosen_by_number_range_and_label(
    file: Path, whole: dict[str, np.ndarray], tmp_path: Path, channels: str, expected: list[int]
) -> None:
    out = tmp_path / "spikes.h5"
    said = run(out, file, "--channels", channels)
    assert [one["electrode_id"] for one in said["electrodes"]] == expected
    own = np.isin(whole["electrode_id"], expected)
    np.testing.assert_array_equal(read_arrays(out, SPIKES)["tick"], whole["tick"][own])
    with h5py.File(out) as stored:
        assert stored.attrs["channels"] == channels


@pytest.mark.parametrize("definition", ["dicarlo", "zero_phase_butter", "causal"])
@pytest.mark.parametrize("time", ["11.5-13", "-3", "23.9-27.2", "30-"])
def test_seconds_hold_what_the_whole_recording_has_there(
    file: Path, whole_by: Callable[[str], dict[str, np.ndarray]], tmp_path: Path, definition: str, time: str
) -> None:
    whole = whole_by(definition)
    said = run(tmp_path / "part.h5", file, "--definition", definition, "--time", time)
    part = read_arrays(tmp_path / "part.h5", SPIKES)
    first, stop = (float(edge) if edge else none for edge, none in zip(time.split("-"), (0.0, 1e9), strict=True))
    own = (whole["time_s"] >= first) & (whole["time_s"] < stop)
    for name in ("tick", "electrode_id", "epoch"):
        np.testing.assert_array_equal(part[name], whole[name][own])
    assert len(part["tick"]) > 10
    recorded_s = min(stop, 24) - min(first, 24) + max(0, min(stop, 38) - max(first, 26))
    assert said["seconds"] == pytest.approx(recorded_s, abs=1e-3)


def test_a_split_recording_is_one_with_its_clock_segments_counted_on(file: Path, tmp_path: Path) -> None:
    second = write_part(tmp_path / "day002.ns6", 12, seed=4, start=START + timedelta(minutes=1))
    out = tmp_path / "both.h5"
    said = run(out, file, second)
    both = read_arrays(out, SPIKES)
    for place, one in enumerate((file, second)):
        run(tmp_path / "one.h5", one)
        alone = read_arrays(tmp_path / "one.h5", SPIKES)
        own = both["epoch"] == place
        for name in ("tick", "electrode_id"):
            np.testing.assert_array_equal(both[name][own], alone[name])
    assert said["seconds"] == 48.0
    assert [Path(name).name for name in said["files"]] == ["day001.ns6", "day002.ns6"]
    later = run(tmp_path / "later.h5", file, second, "--clock-segment", 1, "--time", "2-5")
    assert later["n_crossings"] == np.count_nonzero((both["epoch"] == 1) & (both["time_s"] >= 2) & (both["time_s"] < 5))


def test_workers_make_no_difference_to_a_part_of_a_split_recording(file: Path, tmp_path: Path) -> None:
    second = write_part(tmp_path / "day002.ns6", 12, seed=4)
    words = (file, second, "--clock-segment", 0, "--time", "5-29", "--channels", "1,33")
    for workers in (1, 2):
        run(tmp_path / f"{workers}.h5", *words, "--workers", workers)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_what_was_not_asked_for_leaves_no_trace(file: Path, tmp_path: Path) -> None:
    run(tmp_path / "spikes.h5", file, "--notch", "60", "--threshold", "-3", "--band", 300, 6000)
    with h5py.File(tmp_path / "spikes.h5") as stored:
        assert stored.attrs["definition"] == "dicarlo"
        assert not {"channels", "time", "clock_segment"} & set(stored.attrs)


def test_what_cannot_be_is_one_line(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "spikes.h5"
    fewer = write_part(tmp_path / "day003.ns6", 2, electrodes=(1, 2))
    faster = write_part(tmp_path / "day004.ns6", 2, rate_hz=30_000)
    earlier = write_part(tmp_path / "day000.ns6", 2, start=START - timedelta(hours=1))
    twins = write_part(tmp_path / "twins.ns6", 2, electrodes=(1, 5, 5))
    cases = [
        ((file, "--notch", "55"), "--notch 55: expected 50, 60, none"),
        ((file, "--threshold", "4"), "expected a multiple of the noise below 0"),
        ((file, "--band", "6000", "300"), "expected a low and a higher edge"),
        ((file, "--band", "300", "9000"), "needs more than 18000 samples a second, not 15000"),
        ((file, "--channels", "77"), "expected a channel 77"),
        ((file, "--time", "24.5-25.5"), "found a pause"),
        ((file, "--time", "90-95"), "when nothing was recorded"),
        ((file, fewer), "found 2 electrodes fewer (3, 33)"),
        ((file, faster), "found 30000 samples a second instead of 15000"),
        ((file, earlier), "expected a later start than day001.ns6 has"),
        ((file, file), "expected each file of a recording once"),
        ((twins,), "expected a number of its own for every electrode, found 5 2 times (V4_005, V4_005)"),
    ]
    for words, said in cases:
        assert said in refusal(out, *words)


@pytest.mark.parametrize(
    "words", [("detect",), ("detect", "--recorder", "none.yaml"), ("events", "--recorder", "none.yaml")]
)
def test_no_command_writes_over_a_recorder_s_file(file: Path, words: tuple[str, ...]) -> None:
    before = file.read_bytes()
    with refused(OptionError, f"--out {file}: ", "never written to"):
        app(["recording", *words, str(file), "--out", str(file)], standalone_mode=False)
    assert file.read_bytes() == before


@pytest.mark.parametrize("option", ["--out", "--report"])
def test_an_alignment_is_not_written_over_a_recorder_s_file(file: Path, tmp_path: Path, option: str) -> None:
    names = {"--out": str(tmp_path / "codes.parquet"), "--report": str(tmp_path / "page.html")} | {option: str(file)}
    options = [word for pair in names.items() for word in pair]
    with refused(OptionError, f"{option} {file}: ", "never written to"):
        app(["recording", "align", "journal.jsonl", str(file), *options], standalone_mode=False)


def test_one_of_two_electrodes_of_a_number_can_be_chosen_by_its_label(tmp_path: Path) -> None:
    file = tmp_path / "twins.ns6"
    channels = [NsxChannel(5, "left_005"), NsxChannel(5, "right_005")]
    volts = np.random.default_rng(1).normal(0, 40, (15_000, 2)).astype(np.int16)
    write_nsx(file, channels, rate_hz=RATE_HZ, specification="2.3", chunks=[(0, volts)], start=START)
    said = run(tmp_path / "spikes.h5", file, "--channels", "right_005")
    expected = detect(open_samples(file, labels=["right_005"]), DEFINITIONS["dicarlo"], electrode_ids=[5])
    assert said["n_crossings"] == len(expected)


def test_a_dropout_of_a_bank_is_told(tmp_path: Path) -> None:
    volts = np.random.default_rng(1).normal(0, 40, (10 * RATE_HZ, 3)).astype(np.int16)
    volts[3 * RATE_HZ : 5 * RATE_HZ, :2] = 0
    volts[7 * RATE_HZ : 7 * RATE_HZ + 75, :2] = 0
    file = tmp_path / "day.ns6"
    channels = [NsxChannel(number, f"elec{number}") for number in (1, 2, 33)]
    write_nsx(file, channels, rate_hz=RATE_HZ, specification="2.3", chunks=[(0, volts)], start=START)
    said = run(tmp_path / "spikes.h5", file)
    expected = {"bank": 0, "epoch": 0, "first_tick": 89_700, "end_tick": 150_300}
    assert said["dropouts"] == [expected]
    assert said["bridged_dropouts"] == [{"bank": 0, "epoch": 0, "first_tick": 210_000, "end_tick": 210_150}]
    ticks = read_arrays(tmp_path / "spikes.h5", SPIKES)["tick"]
    lost = (ticks >= 89_700) & (ticks < 150_300)
    assert set(read_arrays(tmp_path / "spikes.h5", SPIKES)["electrode_id"][lost].tolist()) == {33}
    shown = CliRunner().invoke(app, ["recording", "detect", str(file), "--out", str(tmp_path / "again.h5")])
    assert "  repaired: all 2 electrodes from 1 to 2 stood still once, 2.02 s in all: a dropout" in shown.stdout
    assert "all 2 electrodes from 1 to 2 stood still once, 0.01 s in all: dropouts shorter than 10 ms" in shown.stdout


@pytest.mark.parametrize("band", [("0.0001", "6000"), ("0.001", "6000"), ("4.9", "6000"), ("300", "300.0001")])
def test_a_band_that_32_bit_numbers_cannot_filter_is_refused(file: Path, tmp_path: Path, band: tuple[str, str]) -> None:
    assert "a width of at least 5 Hz at 15000" in refusal(tmp_path / "spikes.h5", file, "--band", *band)


def test_the_lowest_band_that_is_taken_is_filtered_as_64_bit_numbers_would() -> None:
    for definition in DEFINITIONS.values():
        lowest = with_settings(definition, band_hz=(10.0, 6000.0))
        _, exact = scipy_sections(lowest, 30_000)
        used = design(lowest, 30_000).band.plain
        at_rest = [np.sort(rows[:, 3:].sum(axis=1)) for rows in (used, exact)]
        np.testing.assert_allclose(*at_rest, rtol=0.05)


def test_a_range_of_channels_can_end_anywhere(file: Path, whole: dict[str, np.ndarray], tmp_path: Path) -> None:
    said = run(tmp_path / "spikes.h5", file, "--channels", "1-99999999999999999999")
    assert [one["electrode_id"] for one in said["electrodes"]] == list(ELECTRODES)
    np.testing.assert_array_equal(read_arrays(tmp_path / "spikes.h5", SPIKES)["tick"], whole["tick"])


def test_spikes_are_written_under_a_suffix_that_says_so(file: Path, tmp_path: Path) -> None:
    assert "ends in .h5 or .hdf5, found .parquet" in refusal(tmp_path / "spikes.parquet", file)
