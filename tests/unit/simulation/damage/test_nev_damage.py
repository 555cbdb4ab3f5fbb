"""Damage on request: each fault does to the file what it says, and the reader ends in the right data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.events import read_nev
from closedloop.errors import StorageError
from closedloop.simulation.damage.nev import (
    cut_to,
    double_codes,
    drop_codes,
    flip_code_bits,
    flip_tick_bit,
    insert_packets,
    shuffle,
)
from tests.unit.blackrock.nev.nev_files import SPECIFICATIONS, batch, with_codes, write

HZ = 30_000
each_specification = pytest.mark.parametrize("specification", SPECIFICATIONS)


def made(tmp_path: Path, specification: str = "2.3") -> Path:
    """Two clock segments of 200 and 10 s, each with a spike and a code every 20 ms."""
    sample = 33_333 if specification == "3.0-ptp" else 1
    rows = [i * sample for i in range(0, 200 * HZ, 600)]
    first = batch(
        [(tick + sample, 1 + i % 7) for i, tick in enumerate(rows)], [(tick, i) for i, tick in enumerate(rows)]
    )
    second = batch([(tick + sample, 5) for tick in rows[:500]], [(tick, 60_000) for tick in rows[:500]])
    return write(tmp_path / "made.nev", first, second, specification=specification, in_order=False)


@each_specification
def test_shuffled_packets_are_read_as_if_they_were_not(tmp_path: Path, specification: str) -> None:
    file = made(tmp_path, specification)
    whole = read_nev(file)
    shuffle(file, ticks=1_000_000 if specification == "3.0-ptp" else 5, seed=1)
    events = read_nev(file)
    for name in ("clock_segment", "tick", "electrode_id"):
        assert np.array_equal(getattr(events.spikes, name), getattr(whole.spikes, name))
    for name in ("clock_segment", "tick", "value"):
        assert np.array_equal(getattr(events.codes, name), getattr(whole.codes, name))
    assert events.n_out_of_order > 1000
    assert whole.n_out_of_order == 0


@each_specification
@pytest.mark.parametrize("bit", [23, 31])
def test_flipped_bits_of_time_stamps_cost_those_packets_alone(tmp_path: Path, specification: str, bit: int) -> None:
    file = made(tmp_path, specification)
    bit += 15 if specification == "3.0-ptp" else 0  # nanoseconds
    whole = read_nev(file)
    hit = [100, 101, 5000, 13_000, 13_900]
    flip_tick_bit(file, packets=hit, bit=bit)
    events = read_nev(file)
    assert events.n_stray == len(hit)
    assert len(events.spikes) + len(events.codes) == len(whole.spikes) + len(whole.codes) - len(hit)
    assert set(zip(events.codes.clock_segment, events.codes.tick, strict=True)) <= set(
        zip(whole.codes.clock_segment, whole.codes.tick, strict=True)
    )


def test_dropped_doubled_and_flipped_codes_are_as_many_as_asked_for(tmp_path: Path) -> None:
    file = with_codes(tmp_path / "made.nev", range(0, 20_000 * 30, 30))
    n_dropped = drop_codes(file, fraction=0.1, seed=1)
    events = read_nev(file)
    assert len(events.codes) == 20_000 - n_dropped
    assert abs(n_dropped - 2000) < 4 * np.sqrt(20_000 * 0.1 * 0.9)
    assert np.array_equal(events.codes.tick, events.codes.value * 30)
    n_doubled = double_codes(file, fraction=0.1, after_ticks=2, seed=2)
    doubled = read_nev(file).codes
    assert len(doubled) == len(events.codes) + n_doubled
    assert np.count_nonzero(np.diff(doubled.tick) == 2) == n_doubled > 0
    n_flipped = flip_code_bits(file, fraction=0.05, seed=3)
    flipped = read_nev(file).codes
    changed = flipped.value ^ doubled.value
    assert np.count_nonzero(changed) == n_flipped > 0
    assert all(value.bit_count() == 1 for value in changed[changed > 0].tolist())
    assert np.array_equal(flipped.tick, doubled.tick)


def test_codes_alone_are_dropped(tmp_path: Path) -> None:
    file = made(tmp_path)
    whole = read_nev(file)
    drop_codes(file, fraction=1.0)
    events = read_nev(file)
    assert (len(events.codes), len(events.spikes)) == (0, len(whole.spikes))


def test_unknown_packets_hide_nothing(tmp_path: Path) -> None:
    file = made(tmp_path)
    whole = read_nev(file)
    n_inserted = insert_packets(file, kind=40_000, every=3)
    events = read_nev(file)
    assert (events.n_other, n_inserted) == (n_inserted, -(-(len(whole.spikes) + len(whole.codes)) // 3))
    assert np.array_equal(events.spikes.tick, whole.spikes.tick)
    assert np.array_equal(events.codes.value, whole.codes.value)


def test_a_file_cut_anywhere_keeps_every_whole_packet(tmp_path: Path) -> None:
    file = with_codes(tmp_path / "made.nev", range(0, 3000, 30))
    size, header = 24, file.stat().st_size - 100 * 24
    for n_bytes in range(header + 100 * size - 1, header - 1, -101):
        cut_to(file, n_bytes)
        assert read_nev(file).codes.value.tolist() == list(range((n_bytes - header) // size))


def test_a_folder_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"expected a place that takes this name, found a file \(.*\) in the way"):
        write(tmp_path / "file" / "made.nev")
