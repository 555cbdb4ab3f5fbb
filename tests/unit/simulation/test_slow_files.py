from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.simulation.slow_files import RATES_HZ, write_slower

START = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("specification", ["2.2", "2.3", "3.0", "3.0-ptp"])
@pytest.mark.parametrize("suffix", [".ns1", ".ns2", ".ns3", ".ns4", ".ns5"])
def test_a_slower_file_has_every_so_manieth_sample_of_the_analog_input_at_its_time(
    tmp_path: Path, specification: str, suffix: str
) -> None:
    volts = np.arange(2 * 3_000, dtype=np.int16).reshape(-1, 2)
    channels = [NsxChannel(1, "elec1"), analog_input(129, "photodiode")]
    chunks = [(0, volts)] if specification == "2.1" else [(0, volts[:1_800]), (9_000_000, volts[1_800:])]
    source, target = tmp_path / "array1.ns6", tmp_path / f"array1{suffix}"
    write_nsx(source, channels, rate_hz=30_000, specification=specification, chunks=chunks, start=START)
    write_slower(source, target, start=START)
    raw, slow = open_samples(source, kind="analog"), open_samples(target)
    step = 30_000 // RATES_HZ[suffix]
    assert slow.rate_hz == RATES_HZ[suffix]
    assert len(slow.segments) == len(raw.segments) == 2
    for number, segment in enumerate(slow.segments):
        n_raw = raw.segments[number].n_samples
        wanted = raw.read(number, 0, n_raw)[::step]
        assert np.array_equal(slow.read(number, 0, segment.n_samples), wanted)
        taken = np.arange(0, n_raw, step)
        assert np.array_equal(slow.ticks(number, np.arange(len(taken))), raw.ticks(number, taken))
