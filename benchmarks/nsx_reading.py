"""Reading raw voltage: ours and neo's, each run in a process of its own, in turn, all samples in pieces of 1 s.

Run: ``python -m benchmarks.nsx_reading`` (half a minute; 400 MB of temporary disk). Prints CPU seconds and peak memory
of each run, and checks that both read the same sum of samples.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from neo.rawio import BlackrockRawIO

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx

N_CHANNELS, RATE_HZ, PIECE_S = 192, 30_000, 1
ROUNDS = 3


def ours(file: Path) -> Iterator[np.ndarray]:
    source = open_samples(file)
    for number, segment in enumerate(source.segments):
        for start in range(0, segment.n_samples, PIECE_S * RATE_HZ):
            yield source.read(number, start, min(start + PIECE_S * RATE_HZ, segment.n_samples))


def neo(file: Path) -> Iterator[np.ndarray]:
    reader = BlackrockRawIO(filename=str(file), nsx_to_load=6, load_nev=False)
    reader.parse_header()
    for segment in range(reader.segment_count(0)):
        n_samples = reader.get_signal_size(0, segment, 0)
        for start in range(0, n_samples, PIECE_S * RATE_HZ):
            stop = min(start + PIECE_S * RATE_HZ, n_samples)
            yield np.ascontiguousarray(reader.get_analogsignal_chunk(0, segment, start, stop, 0))


READERS = {"ours": ours, "neo": neo}


def write_file(file: Path, specification: str, seconds: int) -> None:
    random = np.random.default_rng(1)
    second = random.normal(0, 32, (RATE_HZ, N_CHANNELS)).astype(np.int16)
    step = 10**9 if specification == "3.0-ptp" else RATE_HZ
    write_nsx(
        file,
        [NsxChannel(number + 1, f"elec{number + 1}") for number in range(N_CHANNELS)],
        rate_hz=RATE_HZ,
        specification=specification,
        chunks=((number * step, second) for number in range(seconds)),
        start=datetime(2024, 1, 1, tzinfo=UTC),
    )


def peak_memory_kb() -> int:
    """Give the most memory this process ever had, mapped files included (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise SystemExit("this benchmark needs Linux's /proc/self/status")


def run_one(reader: str, file: Path) -> None:
    """Read a file and print what it cost; the memory that the imports need is told apart."""
    base_kb = peak_memory_kb()
    started, total = time.process_time(), 0
    for part in READERS[reader](file):
        total += int(part[::997].sum())
    cost = {"cpu_s": time.process_time() - started, "sum": total}
    peak_kb = peak_memory_kb()
    print(json.dumps({**cost, "base_mb": base_kb / 1024, "peak_mb": peak_kb / 1024}))


def measured(reader: str, file: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.nsx_reading", "--reader", reader, "--file", str(file)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def compare(specification: str, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.ns6"
        write_file(file, specification, seconds)
        runs = [(reader, measured(reader, file)) for _ in range(ROUNDS) for reader in READERS]
    if len({run["sum"] for _, run in runs}) != 1:
        raise SystemExit(f"{specification}: the readers do not agree")
    for reader in READERS:
        own = [run for name, run in runs if name == reader]
        cpu_s = float(np.median([run["cpu_s"] for run in own]))
        peak, base = (max(run[name] for run in own) for name in ("peak_mb", "base_mb"))
        print(
            f"{specification:8} {seconds:4} s {reader:5} {cpu_s:6.3f} CPU-s, {seconds / cpu_s:6.0f} x real time, "
            f"peak {peak:4.0f} MB ({base:.0f} before reading)"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reader", choices=list(READERS))
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.reader:
        run_one(options.reader, options.file)
        return
    for specification in ("2.3", "3.0-ptp"):
        for seconds in (18, 36):
            compare(specification, seconds)


if __name__ == "__main__":
    main()
