"""`closedloop recording light`: flashes, the recorder's files of them, and the delay that was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from benchmarks.calibrations import add_noise, flashes, record
from closedloop.artifacts.rig.light import FlashesDocument, LightDocument
from closedloop.cli import app
from closedloop.commands.recording_files.light import measure_listed_light, read_edges
from closedloop.errors import OptionError, RecordingError


def light(folder: Path, *options: object) -> str:
    words = ["recording", "light", folder / "flashes.json", folder / "array1.nev", folder / "array1.ns6", *options]
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def found(folder: Path) -> LightDocument:
    light(folder, "--out", folder / "light.json")
    return LightDocument.read(folder / "light.json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "latency_ms", "jitter_ms"),
    [(0, 12.3, 0.2), (1, 27.0, 0.05), (2, 0.4, 0.3), (3, -3.0, 0.5), (4, 61.7, 1.0)],
)
def test_latency_and_jitter_are_recovered_to_a_tenth_of_a_millisecond(tmp_path, seed, latency_ms, jitter_ms):
    truth = record(tmp_path, flashes(seed), seed, latency_ms=latency_ms, jitter_ms=jitter_ms)
    measured = found(tmp_path)
    assert measured.light.latency_ms == pytest.approx(np.median(truth), abs=0.1)
    assert measured.light.latency_ms == pytest.approx(latency_ms, abs=0.1 + 3 * jitter_ms / np.sqrt(200))
    assert measured.light.jitter_ms == pytest.approx(np.std(truth, ddof=1), abs=0.1)
    assert (measured.early_ms, measured.late_ms) == pytest.approx(tuple(np.percentile(truth, [5, 95])), abs=0.1)
    assert (measured.light.n_flashes, measured.light.n_missed, measured.light.n_extra) == (200, 0, 0)
    assert measured.n_off_frame == 0
    assert measured.simulated


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.05, 0.1, 0.15])
@pytest.mark.parametrize("seed", range(3))
def test_latency_is_recovered_to_a_tenth_of_a_millisecond_from_a_noisy_photodiode(tmp_path, seed, noise):
    truth = record(tmp_path, flashes(seed), seed, latency_ms=12.3 + 7 * seed, jitter_ms=0.2)
    add_noise(tmp_path / "array1.ns6", noise, seed)
    measured = found(tmp_path)
    assert measured.light.latency_ms == pytest.approx(np.median(truth), abs=0.05)
    assert measured.light.jitter_ms == pytest.approx(np.std(truth, ddof=1), abs=0.05)
    assert (measured.light.n_flashes, measured.light.n_missed, measured.light.n_extra) == (200, 0, 0)


@pytest.mark.slow
def test_what_is_missing_late_and_too_much_is_counted(tmp_path):
    shown = flashes(7)
    between = [(a.time_s + b.time_s) / 2 for a, b in zip(shown.flashes, shown.flashes[1:], strict=False)]
    longest = sorted(range(len(between)), key=lambda k: shown.flashes[k + 1].time_s - shown.flashes[k].time_s)[-3:]
    record(
        tmp_path,
        shown,
        7,
        latency_ms=20.0,
        jitter_ms=0.1,
        drift_ppm=0.0,
        late=(10, 60, 61),
        dark=(20, 21, 90, 150),
        lost=(40, 130),
        extra_s=(1.0, *(between[k] + 3.0 for k in longest)),  # the first is before the first flash: nobody's business
    )
    measured = found(tmp_path)
    assert measured.light.n_missed == 4
    assert measured.n_without_code == 2
    assert measured.light.n_flashes == 200 - 4 - 2
    assert measured.light.n_extra == 3
    assert measured.n_off_frame == 3
    assert measured.light.latency_ms == pytest.approx(20.0, abs=0.1)


@pytest.mark.slow
def test_it_says_what_to_store_and_what_is_wrong(tmp_path):
    record(tmp_path, flashes(8), 8, latency_ms=20.0, jitter_ms=0.1, dark=tuple(range(0, 200, 10)))
    said = light(tmp_path, "--out", tmp_path / "light.json")
    assert "rig 1: light 20.0" in said
    assert "light is missing: is the photodiode on its patch" in said
    assert f"rig calibrate photodiode --from {tmp_path / 'light.json'} --rig rig.yaml" in said
    assert '"latency_ms": 20.0' in light(tmp_path, "--json")


@pytest.mark.slow
def test_a_recording_without_light_is_one_line(tmp_path):
    shown = flashes(9, n=60)
    record(tmp_path, shown, 9, latency_ms=20.0, jitter_ms=0.1, dark=tuple(range(60)))
    with pytest.raises(RecordingError, match=r"expected digital codes and a photodiode's channel with light and dark"):
        light(tmp_path)


def listed(shown: FlashesDocument, seed: int, *, latency_ms: float, jitter_ms: float) -> tuple[str, np.ndarray]:
    """Return a table of another program's, and the delay of each flash, ms."""
    random = np.random.default_rng(seed)
    code_s = np.array([one.time_s for one in shown.flashes]) * (1 + 60e-6) + 1000.0
    delay_ms = latency_ms + random.normal(0, jitter_ms, len(code_s))
    rows = [(time_s, one.code) for time_s, one in zip(code_s, shown.flashes, strict=True)]
    rows += [(time_s, 0) for time_s in code_s + delay_ms / 1000]
    random.shuffle(rows)
    return "\n".join(["time_s,code", *(f"{time_s:.6f},{code}" for time_s, code in rows)]) + "\n", delay_ms


def test_a_table_of_another_program_gives_the_same(tmp_path):
    shown = flashes(11)
    text, truth = listed(shown, 11, latency_ms=33.0, jitter_ms=0.4)
    shown.write(tmp_path / "flashes.json")
    (tmp_path / "edges.csv").write_text(text)
    measured = measure_listed_light(tmp_path / "flashes.json", tmp_path / "edges.csv")
    assert measured.light.latency_ms == pytest.approx(np.median(truth), abs=0.002)
    assert measured.light.jitter_ms == pytest.approx(np.std(truth, ddof=1), abs=0.002)
    assert (measured.light.n_flashes, measured.light.n_missed, measured.light.n_extra) == (200, 0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the columns time_s,code, found ''"),
        ("t,code\n1,2\n", "expected the columns time_s,code, found 't,code'"),
        ("time_s,code\n1,256\n", "line 2: expected a time in s and a code of 0 to 255, found '1,256'"),
        ("time_s,code\n1,2\nnan,2\n", "line 3: expected a time in s"),
        ("time_s,code\n1,2,3\n", "line 2: expected a time in s"),
        ("time_s,code\n1,0.5\n", "line 2: expected a time in s"),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path, text, said):
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(RecordingError) as raised:
        read_edges(tmp_path / "edges.csv")
    assert said in str(raised.value)


@pytest.mark.parametrize("words", [[], ["array1.nev", "--edges", "edges.csv"]])
def test_files_or_a_table(words):
    with pytest.raises(OptionError, match="expected files of a recording or --edges FILE, found both or none"):
        CliRunner().invoke(app, ["recording", "light", "flashes.json", *words], catch_exceptions=False)


def test_flashes_whose_times_go_back_are_no_flashes():
    shown = flashes(0)
    with pytest.raises(ValidationError, match=r"expected times that do not go back, found .* s behind .* at flash 2\."):
        FlashesDocument.model_validate(shown.model_dump() | {"flashes": shown.flashes[::-1]})
