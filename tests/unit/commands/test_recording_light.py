"""`closedloop recording light`: flashes, the recorder's files of them, and the delay that was put in."""

from __future__ import annotations

import datetime
from datetime import UTC
from datetime import datetime as moment
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from closedloop.artifacts.rig.light import FlashesDocument, LightDocument, PatchFlash
from closedloop.cli import app
from closedloop.commands.recording_files.light import measure_listed_light, read_edges
from closedloop.errors import OptionError, RecordingError
from closedloop.simulation.processor import FileFormat, Processor, ProcessorInput, write_processor
from closedloop.simulation.recorder_faults import timeline_with
from closedloop.simulation.voltage import HALF_BRIGHT_S, draw_waveforms

HZ = 30_000
NONE = np.zeros(0, np.int64)


def flashes(seed: int, n: int = 200) -> FlashesDocument:
    random = np.random.default_rng(seed)
    frames = np.cumsum(random.integers(18, 31, n)) + 120
    return FlashesDocument(
        simulated=True,
        rig="rig 1",
        date=datetime.date(2026, 11, 28),
        refresh_hz=60,
        codes="parallel",
        flashes=tuple(PatchFlash(code=1 + k % 199, time_s=frame / 60, n_frames=6) for k, frame in enumerate(frames)),
    )


def record(
    folder: Path,
    shown: FlashesDocument,
    seed: int,
    *,
    latency_ms: float,
    jitter_ms: float,
    drift_ppm: float = 80.0,
    late: tuple[int, ...] = (),
    dark: tuple[int, ...] = (),
    lost: tuple[int, ...] = (),
    extra_s: tuple[float, ...] = (),
) -> np.ndarray:
    """Write what a recorder would, and return each flash's delay, ms: from its code's tick to half of its light."""
    random = np.random.default_rng([seed, 1])
    time_s = np.array([one.time_s for one in shown.flashes])
    code_tick = np.rint((time_s * (1 + 1e-6 * drift_ppm) + 3.0) * HZ).astype(np.int64)
    delay_ms = latency_ms + random.normal(0, jitter_ms, len(time_s))
    delay_ms[list(late)] += 1000 / 60
    on = np.rint(code_tick + (delay_ms / 1000 - HALF_BRIGHT_S) * HZ).astype(np.int64)
    seen = np.delete(on, dark)
    extra = np.rint(np.array(extra_s) * HZ).astype(np.int64)
    seen = np.sort(np.concatenate([seen, extra]))
    n_samples = int(code_tick[-1]) + 2 * HZ
    kept = np.delete(np.arange(len(time_s)), lost)
    received = ProcessorInput(
        spike_sample=NONE,
        spike_electrode=NONE,
        code_sample=code_tick[kept],
        code_value=np.array([one.code for one in shown.flashes])[kept],
        patch_on=seen,
        patch_off=seen + 3_000,
        n_samples=n_samples,
    )
    processor = Processor(
        number=1,
        electrode_ids=(1,),
        raw_electrodes=(),
        waveforms=draw_waveforms(1, seed=seed),
        has_photodiode=True,
        timeline=timeline_with((), n_samples, specification="2.3"),
        seed=seed,
    )
    form = FileFormat("2.3", 48, moment(2026, 11, 28, tzinfo=UTC), "flashes")
    write_processor(folder, processor, received, form, progress=lambda _done, _total: None)
    shown.write(folder / "flashes.json")
    return (on - code_tick) / 30 + 1000 * HALF_BRIGHT_S


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


def add_noise(ns6: Path, share: float, seed: int) -> None:
    """Add noise to the samples of a file of one channel and one packet, a share of the way from dark to bright."""
    content = bytearray(ns6.read_bytes())
    n_headers = int.from_bytes(content[10:14], "little") + 9  # NSx 2.3: "bytes in headers", and the packet's own
    volts = np.frombuffer(content, "<i2", offset=n_headers).astype(float)
    dark, bright = np.percentile(volts, [5, 95])
    volts += np.random.default_rng([seed, 2]).normal(0, share * (bright - dark), len(volts))
    content[n_headers:] = np.rint(volts).astype("<i2").tobytes()
    ns6.write_bytes(content)


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
