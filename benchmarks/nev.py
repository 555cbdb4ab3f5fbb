"""Ten million NEV packets, read by us and by neo in turn: processor time and peak memory of the whole process.

Run: ``python -m benchmarks.nev`` (two minutes; 1 GB in a temporary folder; ``--rounds 1`` is shorter, ``--folder`` says
where).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev

_HZ = 30_000
_HOUR = 3600 * _HZ
_CODE_EVERY = 3000
_BATCHES = 40

_READERS = {
    "closedloop": """
from pathlib import Path
from closedloop.blackrock.nev.events import read_nev
events = read_nev(Path({file!r}))
print(len(events.spikes) + len(events.codes))
""",
    "neo": """
from neo.rawio import BlackrockRawIO
reader = BlackrockRawIO({stem!r})
reader.parse_header()
n_units, names = reader.spike_channels_count(), reader.header["event_channels"]["name"].tolist()
n_spikes = sum(len(reader.get_spike_timestamps(0, 0, unit)) for unit in range(n_units))
print(n_spikes + len(reader.get_event_timestamps(0, 0, names.index("digital_input_port"))[0]))
""",
}

_SHUFFLE = "from pathlib import Path; from closedloop.simulation.damage.nev import shuffle; shuffle(Path({file!r}))"


@dataclass(frozen=True)
class Reading:
    """One process that read the file: what it cost, and how many events it gave."""

    cpu_s: float
    peak_mb: float
    n_events: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the file is made (a temporary folder by default)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = Path(folder) / "made.nev"
        make(file, options.packets)
        print(f"{options.packets} packets, {file.stat().st_size / 1e9:.2f} GB, 96 electrodes, an hour")
        readings = [(name, read(name, file)) for _ in range(options.rounds) for name in _READERS]
        for name in _READERS:
            report(name, [reading for other, reading in readings if other == name])
        # In a process of its own: a child's peak memory counts from its parent's on.
        subprocess.run([sys.executable, "-c", _SHUFFLE.format(file=str(file))], check=True)
        report("closedloop, up to 5 ticks out of order", [read("closedloop", file) for _ in range(options.rounds)])


def make(file: Path, n_packets: int) -> None:
    """Write an hour of spikes on 96 electrodes, and a code every 0.1 s."""
    electrodes = [NevElectrode(i, f"elec{i}") for i in range(1, 97)]
    start = datetime(2024, 1, 1, tzinfo=UTC)
    write_nev(file, electrodes, specification="2.3", batches=_batches(n_packets), start=start)


def _batches(n_packets: int) -> Iterator[NevBatch]:
    random = np.random.default_rng(0)
    edges = np.linspace(0, _HOUR, _BATCHES + 1).astype(np.int64)
    for first, stop in pairwise(edges):
        code_tick = np.arange(-(-first // _CODE_EVERY) * _CODE_EVERY, stop, _CODE_EVERY)
        n_spikes = n_packets // _BATCHES - len(code_tick)
        yield NevBatch(
            spike_tick=np.sort(random.integers(first, stop, n_spikes)),
            spike_electrode=random.integers(1, 97, n_spikes),
            code_tick=code_tick,
            code_value=code_tick // _CODE_EVERY % 65536,
        )


def read(name: str, file: Path) -> Reading:
    """Read the file in a process of its own; measure it from outside."""
    code = _READERS[name].format(file=str(file), stem=str(file.with_suffix("")))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name}: reading ended with status {status}")
    return Reading(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3, int(told))


def report(name: str, readings: list[Reading]) -> None:
    seconds = ", ".join(f"{reading.cpu_s:.2f}" for reading in readings)
    peak = max(reading.peak_mb for reading in readings)
    print(f"{name}: {seconds} CPU-s (imports included), {peak:.0f} MB, {readings[0].n_events} events")


if __name__ == "__main__":
    main()
