"""Threshold crossings: ours and its peers, each run in a process of its own, in turn, on the same files.

Run: ``python -m benchmarks detection`` (about ten minutes, 3.8 GB of temporary disk; ``--seconds 30`` for a short one).
SpikeInterface runs where it is installed (the dependency group ``bench``): name its interpreter with ``--peers PYTHON``
or BENCH_PEERS. Figures are CPU seconds (user and system, of the child alone) of detection after imports and
compilation; x real time means seconds of 192 channels at 30 kHz in one CPU second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx

N_CHANNELS, RATE_HZ = 192, 30_000
BYTES_A_SECOND = N_CHANNELS * RATE_HZ * 2
SPIKE_HZ, NOISE_BITS, TROUGH_BITS = 20.0, 40.0, 400.0
PEER_SECONDS = 30  # all a peer is given: those that hold the file in memory grow with it


@dataclass(frozen=True)
class Run:
    """One process's figures."""

    name: str
    seconds_of_data: float
    cpu_s: float
    before_s: float
    peak_mb: float
    n_crossings: int

    @property
    def times_real(self) -> float:
        """Seconds of recording a CPU second."""
        return self.seconds_of_data / self.cpu_s


OURS = ("dicarlo", "zero_phase_butter", "causal")
PEERS = {
    "neo IO + sosfiltfilt float64 (dicarlo)": "neo_whole",
    "neo raw chunks + sosfilt float32 (causal)": "neo_chunks",
    "SpikeInterface by_channel": "spikeinterface by_channel",
    "SpikeInterface locally_exclusive": "spikeinterface locally_exclusive",
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        short = make_file(Path(temporary) / "short.ns6", seconds=min(options.seconds, PEER_SECONDS))
        runs = [run for _ in range(options.rounds) for run in _round(short, options.peers)]
        print(table(runs))
        if options.seconds > PEER_SECONDS:
            long = make_file(Path(temporary) / "long.ns6", seconds=options.seconds)
            print(memory_table(runs, [_ours(long, name) for name in OURS]))


def _round(file: Path, peers: str | None) -> Iterator[Run]:
    """Run each once: whatever else the machine does falls on all alike."""
    for name in OURS:
        yield _ours(file, name)
    for name, words in PEERS.items():
        interpreter = peers if words.startswith("spikeinterface") else sys.executable
        if interpreter is not None:
            yield _child(interpreter, words.split(), file, name)


def _ours(file: Path, name: str) -> Run:
    return _child(sys.executable, ["ours", name], file, f"closedloop {name}")


def _child(interpreter: str, words: list[str], file: Path, name: str) -> Run:
    script = Path(__file__).with_name("detection_runs.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(script.parents[1])}
    finished = subprocess.run(
        [interpreter, str(script), *words, str(file)], check=False, capture_output=True, text=True, env=environment
    )
    if finished.returncode:
        raise SystemExit(f"{name} failed:\n{finished.stderr[-2000:]}")
    found = json.loads(finished.stdout.splitlines()[-1])
    run = Run(name, file.stat().st_size / BYTES_A_SECOND, **found)
    print(f"{name}: {run.times_real:.1f} x real time, {run.peak_mb:.0f} MB", file=sys.stderr, flush=True)
    return run


def make_file(file: Path, *, seconds: float) -> Path:
    """Write noise with spikes, the same ten seconds' noise over and over, spikes anew each second."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, NOISE_BITS, (10 * RATE_HZ, 16)).astype(np.float32)
    channels = [NsxChannel(channel_id=n + 1, label=f"elec{n + 1}") for n in range(N_CHANNELS)]
    chunks = ((second * RATE_HZ, _second(noise, second, rng)) for second in range(round(seconds)))
    write_nsx(
        file, channels, rate_hz=RATE_HZ, specification="2.3", chunks=chunks, start=datetime(2022, 1, 3, tzinfo=UTC)
    )
    return file


def _second(noise: np.ndarray, second: int, rng: np.random.Generator) -> np.ndarray:
    shape = -TROUGH_BITS * np.exp(-((np.arange(30) - 10) ** 2) / 12)
    samples = np.empty((RATE_HZ, N_CHANNELS), np.int16)
    for channel in range(N_CHANNELS):
        at = second * RATE_HZ + 7919 * channel
        trace = np.take(noise[:, channel % 16], np.arange(at, at + RATE_HZ), mode="wrap")
        for start in rng.integers(0, RATE_HZ - 30, rng.poisson(SPIKE_HZ)).tolist():
            trace[start : start + 30] += shape
        samples[:, channel] = trace
    return samples


def table(runs: list[Run]) -> str:
    """Give medians over the rounds as Markdown, with the ratio of ours to each."""
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(run)
    speed = {name: statistics.median(run.times_real for run in own) for name, own in by_name.items()}
    lines = [
        "| | x real time a CPU-second | peak memory, MB | before, CPU-s | crossings "
        "| `dicarlo` / this | `causal` / this |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, own in by_name.items():
        ratios = " | ".join(f"{speed[f'closedloop {ours}'] / speed[name]:.1f}" for ours in ("dicarlo", "causal"))
        lines.append(
            f"| {name} | {speed[name]:.1f} ({min(r.times_real for r in own):.1f}-{max(r.times_real for r in own):.1f}) "
            f"| {max(r.peak_mb for r in own):.0f} | {statistics.median(r.before_s for r in own):.1f} "
            f"| {own[0].n_crossings:,} | {ratios} |"
        )
    return "\n".join(lines)


def memory_table(short: list[Run], long: list[Run]) -> str:
    """Give the peak memory of ours on a short and a long file as Markdown."""
    lines = ["| | peak memory, MB, short file | long file | ratio | x real time, long file |", "|---|---|---|---|---|"]
    for run in long:
        before = max(own.peak_mb for own in short if own.name == run.name)
        lines.append(
            f"| {run.name} | {before:.0f} | {run.peak_mb:.0f} ({run.seconds_of_data:.0f} s) "
            f"| {run.peak_mb / before:.3f} | {run.times_real:.1f} |"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks detection", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="length of the long file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--peers", default=os.environ.get("BENCH_PEERS"), help="a Python with SpikeInterface")
    return parser.parse_args()


if __name__ == "__main__":
    main()
