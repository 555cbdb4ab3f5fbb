"""What calibrations of the valve and of the light recover, from weights and recordings whose truth is drawn by chance.

Run: ``python -m benchmarks calibrations [--valves 2000] [--recordings 8]``. Each valve has another flow, cost of an
opening and leak; its batches are weighed on a scale of .01 g, the flow steady to .3 %. Each recording has another
latency and jitter, and the real commands read it; noise is in parts of the step from dark to bright.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.rig.light import FlashesDocument, PatchFlash
from closedloop.commands.recording_files.light import measure_light
from closedloop.simulation.processor import FileFormat, Processor, ProcessorInput, write_processor
from closedloop.simulation.recorder_faults import timeline_with
from closedloop.simulation.voltage import HALF_BRIGHT_S, draw_waveforms
from rig.calibration.valve import WeighedBatch, fit_valve

DURATIONS_MS = (25.0, 50.0, 100.0, 200.0)
NOISES = (0.0, 0.05, 0.1, 0.15)
SCALE_SD_ML, FLOW_SD = 0.01, 0.003
N_OPENINGS, BATCH_S, CLOSED_S = 100, 30.0, 120.0
HZ = 30_000
N_FLASHES = 200
VOLUME_BOUND, LATENCY_BOUND_MS = 0.01, 0.1  # what the calibrations have to recover


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valves", type=int, default=2000)
    parser.add_argument("--recordings", type=int, default=8, help="for each noise")
    chosen = parser.parse_args()
    print_valves(volume_errors(chosen.valves))
    print("| noise of a sample | latency off by at most, ms | jitter off by at most, ms | missed | too many |")
    print("|---|---|---|---|---|")
    for noise in NOISES:
        print_light(noise, chosen.recordings)


def volume_errors(n_valves: int) -> NDArray[np.float64]:
    """Weigh valves by chance and fit them; return what each length is off by, in parts, (n_valves, n_durations)."""
    errors = np.empty((n_valves, len(DURATIONS_MS)))
    for seed in range(n_valves):
        random = np.random.default_rng(seed)
        flow = np.exp(random.uniform(*np.log([0.002, 0.01])))  # ml for each ms
        truth = flow * (np.array(DURATIONS_MS) - random.uniform(0.0, 5.0))  # what opening costs, in ms
        leak = random.uniform(0.0, 0.05)
        fitted = fit_valve(_weighed(truth, leak, random))
        found = [fitted.ml_at_zero + fitted.ml_per_ms * ms for ms in DURATIONS_MS]
        errors[seed] = np.array(found) / truth - 1.0
    return errors


def _weighed(truth_ml: NDArray[np.float64], leak: float, random: np.random.Generator) -> list[WeighedBatch]:
    """Weigh each length up and down, and the closed valve before."""
    closed_ml = leak * CLOSED_S / 60.0 + random.normal(0, SCALE_SD_ML)
    batches = [WeighedBatch(0.0, 0, max(0.0, closed_ml), CLOSED_S)]
    for place in (*range(len(truth_ml)), *reversed(range(len(truth_ml)))):
        given = N_OPENINGS * truth_ml[place] * (1.0 + random.normal(0, FLOW_SD)) + leak * BATCH_S / 60.0
        ml = float(given + random.normal(0, SCALE_SD_ML))
        batches.append(WeighedBatch(DURATIONS_MS[place], N_OPENINGS, ml, BATCH_S))
    return batches


def print_valves(errors: NDArray[np.float64]) -> None:
    print(
        f"volume of {len(errors)} valves\n| ms | off by at most | SD | beyond {VOLUME_BOUND:.0%} |\n|---|---|---|---|"
    )
    for ms, own in zip(DURATIONS_MS, errors.T, strict=True):
        n_beyond = np.count_nonzero(abs(own) > VOLUME_BOUND)
        print(f"| {ms:g} | {100 * abs(own).max():.2f} % | {100 * own.std():.2f} % | {n_beyond} |")
    print(flush=True)


def print_light(noise: float, n_recordings: int) -> None:
    latency_ms, jitter_ms, counted = [], [], Counter[str]()
    for seed in range(n_recordings):
        random = np.random.default_rng([seed, 3])
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shown = flashes(seed)
            truth = record(folder, shown, seed, latency_ms=random.uniform(-5, 80), jitter_ms=random.uniform(0.05, 1.0))
            if noise:
                add_noise(folder / "array1.ns6", noise, seed)
            files = [folder / "array1.nev", folder / "array1.ns6"]
            light = measure_light(
                folder / "flashes.json", files, photodiode=None, progress=lambda _done, _total: None
            ).light
        latency_ms.append(abs(light.latency_ms - np.median(truth)))
        jitter_ms.append(abs(light.jitter_ms - np.std(truth, ddof=1)))
        counted.update(missed=light.n_missed or 0, extra=light.n_extra or 0)
    print(
        f"| {noise:.0%} | {max(latency_ms):.3f} | {max(jitter_ms):.3f} | {counted['missed']} | {counted['extra']} |",
        flush=True,
    )


def flashes(seed: int, n: int = N_FLASHES) -> FlashesDocument:
    """Return flashes at times by chance, as `rig calibrate photodiode` leaves them."""
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
) -> NDArray[np.float64]:
    """Write what a recorder would, and return each flash's delay, ms: from its code's tick to half of its light.

    Parameters
    ----------
    folder
        For flashes.json and the recorder's files.
    shown
        What was flashed.
    seed
        Of the jitter and the recorder's noise.
    latency_ms, jitter_ms
        From code to light: mean and SD.
    drift_ppm
        Of the recorder's clock.
    late, dark, lost
        Flashes that come a frame later, that give no light, whose code is lost.
    extra_s
        Light that is no flash's, seconds of the recording.
    """
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
    nothing = np.zeros(0, np.int64)
    received = ProcessorInput(
        spike_sample=nothing,
        spike_electrode=nothing,
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
    form = FileFormat("2.3", 48, datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC), "flashes")
    write_processor(folder, processor, received, form, progress=lambda _done, _total: None)
    shown.write(folder / "flashes.json")
    return (on - code_tick) / 30 + 1000 * HALF_BRIGHT_S


def add_noise(ns6: Path, share: float, seed: int) -> None:
    """Add noise to the samples of a file of one channel and one packet, a share of the way from dark to bright."""
    content = bytearray(ns6.read_bytes())
    n_headers = int.from_bytes(content[10:14], "little") + 9  # NSx 2.3: "bytes in headers", and the packet's own
    volts = np.frombuffer(content, "<i2", offset=n_headers).astype(float)
    dark, bright = np.percentile(volts, [5, 95])
    volts += np.random.default_rng([seed, 2]).normal(0, share * (bright - dark), len(volts))
    content[n_headers:] = np.rint(volts).astype("<i2").tobytes()
    ns6.write_bytes(content)


if __name__ == "__main__":
    main()
