"""A set-up that is not as it was: each fault does to the files what it says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.simulation.damage.set_up import (
    delay_codes,
    lend_spikes,
    move_light,
    renumber_electrodes,
    scatter_spikes,
    thin_spikes,
)
from tests.unit.blackrock.nev.nev_files import batch, write

HZ = 30_000


def recorded(tmp_path: Path) -> Path:
    """Twenty seconds with 6,000 spikes on three electrodes in turn, and a code every 100 ms."""
    spikes = [(100 * i + 1, (1, 2, 130)[i % 3]) for i in range(6_000)]
    return write(tmp_path / "array1.nev", batch(spikes, [(3_000 * i, i) for i in range(200)]))


def test_exchanged_electrodes_have_each_others_spikes(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    before = read_nev(file)
    renumber_electrodes(file, {1: 130, 130: 1})
    after = read_nev(file)
    assert after.spikes.tick.tolist() == before.spikes.tick.tolist()
    assert after.spikes.electrode_id[:4].tolist() == [130, 2, 1, 130]
    assert after.codes.value.tolist() == before.codes.value.tolist()


def test_thinned_electrodes_lose_spikes_and_no_others_do(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    thin_spikes(file, kept=0.25, electrodes=[1])
    after = read_nev(file)
    n = [int((after.spikes.electrode_id == electrode).sum()) for electrode in (1, 2, 130)]
    assert 420 < n[0] < 580
    assert n[1:] == [2_000, 2_000]
    assert len(after.codes.value) == 200


def test_lent_spikes_stand_on_the_other_electrode_whose_own_are_gone(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    before = read_nev(file).spikes
    lend_spikes(file, part=0.25, electrodes=[1], to=130)
    after = read_nev(file).spikes
    lent = after.tick[after.electrode_id == 130]
    assert 420 < len(lent) < 580
    assert set(lent.tolist()) <= set(before.tick[before.electrode_id == 1].tolist())
    assert [int((after.electrode_id == one).sum()) for one in (1, 2)] == [2_000 - len(lent), 2_000]


def test_scattered_spikes_keep_their_number_and_lose_their_times(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    before = read_nev(file)
    scatter_spikes(file, part=0.5, electrodes=[2])
    after = read_nev(file)
    own, other = (after.spikes.electrode_id == 2), (after.spikes.electrode_id != 2)
    assert own.sum() == 2_000
    stayed = np.isin(after.spikes.tick[own], before.spikes.tick[before.spikes.electrode_id == 2])
    assert 900 < stayed.sum() < 1_150
    assert after.spikes.tick[other].tolist() == before.spikes.tick[before.spikes.electrode_id != 2].tolist()
    assert after.n_out_of_order == 0


def test_delayed_codes_come_late_by_their_own_times_and_in_order(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    before = read_nev(file)
    delay_codes(file, most_ms=10.0)
    after = read_nev(file)
    late_ms = (after.codes.tick - before.codes.tick) / HZ * 1000
    assert after.codes.value.tolist() == before.codes.value.tolist()
    assert 0 <= late_ms.min() < 1
    assert 9 < late_ms.max() <= 10
    assert after.spikes.tick.tolist() == before.spikes.tick.tolist()


def light(tmp_path: Path) -> Path:
    """Four seconds in which the light is on for 100 ms five times a second, beside another channel."""
    sample = np.arange(4 * HZ)
    is_on = sample % (HZ // 5) >= HZ // 10
    samples = np.stack([sample % 7, np.where(is_on, 8_000, 100)], axis=1).astype(np.int16)
    file = tmp_path / "array1.ns6"
    channels = (NsxChannel(129, "ainp1", units="mV"), NsxChannel(130, "photodiode", units="mV"))
    start = datetime(2024, 5, 6, tzinfo=UTC)
    write_nsx(file, channels, rate_hz=HZ, specification="2.3", chunks=[(0, samples)], start=start)
    return file


def edges_ms(file: Path) -> list[float]:
    samples = open_samples(file).read(0, 0, 4 * HZ)
    is_on = samples[:, 1] > 4_000
    return [1000 * sample / HZ for sample in np.flatnonzero(is_on[1:] & ~is_on[:-1]).tolist()]


def test_moved_light_comes_later_and_nothing_else_moves(tmp_path: Path) -> None:
    file = light(tmp_path)
    before, other = edges_ms(file), open_samples(file).read(0, 0, 4 * HZ)[:, 0].copy()
    move_light(file, later_ms=16.0)
    assert np.allclose(np.subtract(edges_ms(file), before), 16.0, atol=0.05)
    assert len(before) == 20
    assert open_samples(file).read(0, 0, 4 * HZ)[:, 0].tolist() == other.tolist()


def test_light_that_jitters_comes_at_other_times_at_each_edge(tmp_path: Path) -> None:
    file = light(tmp_path)
    before = edges_ms(file)
    move_light(file, later_ms=0.0, sd_ms=4.0)
    moved = np.subtract(edges_ms(file), before)
    assert 2.5 < moved.std() < 5.5
    assert abs(moved.mean()) < 2.5
